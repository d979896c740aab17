/** rclone as a child: started when it is needed, started again when it died, and never left behind. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Backend } from '../../packages/repository/src/backend/backend.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import { startRclone } from '../../packages/repository/src/backend/rclone/rclone-process.ts';
import { withRetry } from '../../packages/repository/src/backend/retry.ts';
import type { StorageOptions } from '../../packages/repository/src/backend/storage-options.ts';
import { isCoffreError } from '../../packages/repository/src/errors.ts';
import { rejectsWith } from '../../packages/repository/src/testing/backend-conformance.ts';
import { createFakeClock } from '../../packages/repository/src/testing/fake-clock.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { skipWithoutService } from './programs.ts';
import { setUpRclone } from './rclone.ts';
import type { RcloneSetup } from './rclone.ts';

const bytes = randomBytes(1_000_000);
const file = { kind: 'data', name: createHash('sha256').update(bytes).digest('hex') } as const;
const config = { kind: 'config' } as const;

/** The processes whose environment names this setup; what a child leaves behind would be among them. */
function childrenOf(setup: RcloneSetup): number[] {
  const mark = `RCLONE_CONFIG=${setup.environment.RCLONE_CONFIG}\0`;
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
    } catch {
      return false;
    }
  });
}

/** A process that was told to end may take a moment. */
async function nothingLeft(setup: RcloneSetup): Promise<void> {
  while (childrenOf(setup).length > 0) await new Promise((resolve) => setTimeout(resolve, 25));
}

function open(
  setup: RcloneSetup,
  extended: Record<string, string> = {},
  options: StorageOptions = {},
): Promise<Backend> {
  return openBackend(parseLocation('rclone:store:repo'), {
    environment: setup.environment,
    extended: new Map(Object.entries(extended)),
    ...options,
  });
}

describe('the rclone of a storage', { skip: skipWithoutService('rclone') }, () => {
  test('takes as many whole packs at once as there are connections', async () => {
    await using setup = await setUpRclone();
    const backend = await open(setup);
    await backend.create();
    const packs = Array.from({ length: 8 }, (_, pack) => Buffer.alloc(17 * 1024 * 1024, pack));
    const files = packs.map(
      (pack) => ({ kind: 'data', name: createHash('sha256').update(pack).digest('hex') }) as const,
    );
    // Nothing tries again: one refused request fails here.
    await Promise.all(packs.map((pack, i) => backend.save(files[i]!, [pack])));
    const loaded = await Promise.all(files.map((one) => backend.load(one)));
    assert.ok(loaded.every((back, i) => back.equals(packs[i]!)));
    await backend.close();
  });

  test('is started by the first call, leads a process group of its own, and ends with the storage', async () => {
    await using setup = await setUpRclone();
    const backend = await open(setup);
    assert.deepEqual(childrenOf(setup), []);
    await backend.create();
    await backend.save(file, [bytes]);
    const [pid, ...more] = childrenOf(setup);
    assert.ok(pid !== undefined && more.length === 0);
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
    assert.equal(Number(fields[2]), pid, 'Ctrl-C of the terminal does not reach it');
    await backend.close();
    assert.deepEqual(childrenOf(setup), []);
  });

  test('is started again when it was killed, and nothing is lost', async () => {
    await using setup = await setUpRclone();
    const bare = await open(setup);
    const clock = createFakeClock({ sleepless: true });
    let failures = 0;
    const backend = withRetry(bare, { clock, random: createSeededRandom(1), report: () => (failures += 1) });
    await backend.create();
    for (let round = 0; round < 3; round += 1) {
      const saving = backend.save(file, [bytes]);
      const [pid] = childrenOf(setup);
      assert.ok(pid !== undefined);
      process.kill(pid, 'SIGKILL');
      await saving;
      assert.ok((await backend.load(file)).equals(bytes));
      await backend.remove(file);
    }
    assert.ok(failures >= 3);
    await backend.close();
    assert.deepEqual(childrenOf(setup), []);
  });

  test('does not outlive a program that is killed', async () => {
    await using setup = await setUpRclone();
    const script = join(setup.folder, 'opens.ts');
    const source = new URL('../../packages/repository/src/backend/', import.meta.url);
    writeFileSync(
      script,
      `import { openBackend } from '${new URL('open-backend.ts', source).href}';
       import { parseLocation } from '${new URL('location.ts', source).href}';
       const backend = await openBackend(parseLocation('rclone:store:repo'), { environment: process.env });
       await backend.create();
       process.kill(process.pid, 'SIGKILL');`,
    );
    const ended = spawnSync(process.execPath, ['--conditions=@coffre/source', script], {
      env: setup.environment,
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(ended.signal, 'SIGKILL', ended.stderr);
    await nothingLeft(setup);
  });

  test('that knows no such remote is one error, with its own words, and not tried again', async () => {
    await using setup = await setUpRclone();
    const said: string[] = [];
    const backend = await openBackend(parseLocation('rclone:nowhere:repo'), {
      environment: setup.environment,
      warn: (sentence) => said.push(sentence),
    });
    const error = await backend.stat(config).then(assert.ok, (thrown: unknown) => thrown);
    assert.ok(isCoffreError(error, 'BACKEND_IO') && !error.retryable && error.hint !== undefined);
    assert.match(error.message, /section in config file/);
    assert.ok(said.some((line) => /^rclone: .*section in config file/.test(line)));
    await backend.close();
  });

  test('that is not installed is one sentence with a hint', async () => {
    await using setup = await setUpRclone();
    const backend = await open(setup, { 'rclone.program': '/nonexistent/rclone' });
    const error = await backend.stat(config).then(assert.ok, (thrown: unknown) => thrown);
    assert.ok(isCoffreError(error, 'HOST_UNSUPPORTED'));
    assert.match(error.hint ?? '', /rclone\.program/);
    await backend.close();
  });

  test('may be another command with other arguments, and says what it says as warnings', async () => {
    await using setup = await setUpRclone();
    const wrapper = join(setup.folder, 'my rclone');
    writeFileSync(
      wrapper,
      `#!/bin/sh\necho "2026/01/02 03:04:05 NOTICE: wrapped" >&2\nexec "${setup.program}" "$@"\n`,
      {
        mode: 0o700,
      },
    );
    const said: string[] = [];
    const extended = {
      'rclone.program': `'${wrapper}' --retries 1`,
      'rclone.args': 'serve restic --stdio --append-only',
      'rclone.timeout': '1m30s',
      'rclone.connections': '2',
    };
    const backend = await open(setup, extended, { warn: (sentence) => said.push(sentence) });
    assert.equal(backend.connectionsMax, 2);
    await backend.create();
    await backend.save(file, [bytes]);
    await rejectsWith('BACKEND_DENIED', backend.remove(file));
    assert.ok(said.includes('rclone: NOTICE: wrapped'));
    await backend.close();
  });

  test('that never answers is given up after its time', async () => {
    await using setup = await setUpRclone();
    const backend = await open(setup, { 'rclone.program': 'sh -c "sleep 60" --', 'rclone.timeout': '50ms' });
    await rejectsWith('BACKEND_IO', backend.stat(config));
    await backend.close();
    await nothingLeft(setup);
  });

  test('that does not listen to reason is killed, with what it started', async () => {
    await using setup = await setUpRclone();
    const script = 'trap "" TERM; sleep 60 & echo ready >&2; wait; sleep 60';
    const { promise: ready, resolve } = Promise.withResolvers<string>();
    const child = await startRclone({
      program: 'sh',
      argv: ['-c', script],
      environment: setup.environment,
      warn: resolve,
      graceMs: 20,
    });
    await ready;
    await child.stop();
    assert.match(await child.ended, /SIGKILL/);
    await nothingLeft(setup);
  });

  test('settings that cannot be read are refused', async () => {
    await using setup = await setUpRclone();
    for (const extended of [
      { 'rclone.timeout': 'soon' },
      { 'rclone.connections': '0' },
      { 'rclone.program': '"rclone' },
    ]) {
      await rejectsWith('USAGE', open(setup, extended));
    }
  });
});
