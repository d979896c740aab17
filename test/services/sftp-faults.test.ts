/** What goes wrong between the SFTP backend and a real sshd, and that nothing half-written is ever published. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CoffreError, isCoffreError, openBackend, parseLocation, systemRandom, withRetry } from '@coffre/repository';
import type { Backend, ErrorCode, FileHandle, StorageOptions } from '@coffre/repository';
import { createFakeClock } from '@coffre/repository/testing';
import { skipWithoutService } from './programs.ts';
import { startSshd } from './sshd.ts';
import type { Sshd } from './sshd.ts';
import { startTcpProxy } from './tcp-proxy.ts';

describe('an SFTP repository', { skip: skipWithoutService('sshd') }, () => {
  let sshd: Sshd;
  let path: string;
  let count = 0;
  before(async () => {
    sshd = await startSshd();
  });
  after(async () => sshd?.[Symbol.asyncDispose]());
  beforeEach(() => {
    path = join(sshd.folder, `repo-${(count += 1)}`);
  });

  function addressOf(port = sshd.port): string {
    return `sftp://${sshd.user}@127.0.0.1:${port}/${path}`;
  }

  /** Knows the server on every port. */
  async function open(port = sshd.port, options: StorageOptions = {}): Promise<Backend> {
    const environment = { ...sshd.environment };
    const extended = new Map([['sftp.args', '-o HostKeyAlias=test']]);
    writeFileSync(
      join(sshd.home, '.ssh', 'known_hosts'),
      [...sshd.hostKeys.map((key) => `test,[127.0.0.1]:${sshd.port} ${key}`), ''].join('\n'),
    );
    return openBackend(parseLocation(addressOf(port)), { environment, extended, ...options });
  }

  const retrying = (backend: Backend): Backend =>
    withRetry(backend, { clock: createFakeClock({ sleepless: true }), random: systemRandom() });

  test('a connection cut at any point of an upload leaves no half file, and the next call connects anew', async () => {
    const bytes = randomBytes(1_500_000);
    await using proxy = await startTcpProxy(sshd.port);
    let failed = 0;
    for (let cut = 1000; cut < 1_600_000; cut = Math.ceil(cut * 1.35)) {
      const backend = await open(proxy.port);
      const file = fileFor(bytes, String(cut));
      proxy.cutAfter(cut);
      await backend.save(file, [bytes]).catch((error: unknown) => {
        assert.ok(error instanceof CoffreError && isCoffreError(error, 'BACKEND_IO') && error.retryable, String(error));
        failed += 1;
      });
      assert.ok(publishedIn(path).every((place) => readFileSync(place).equals(bytes)));
      proxy.cutAfter(undefined);
      await backend.save(file, [bytes]);
      assert.ok((await backend.load(file)).equals(bytes));
      await backend.close();
    }
    assert.ok(failed > 10);
  });

  test('when the server ends all sessions, everything is tried again over one new connection', async () => {
    await using proxy = await startTcpProxy(sshd.port);
    const backend = retrying(await open(proxy.port));
    await backend.create();
    const saves = Array.from({ length: 6 }, async (_, i) => {
      const bytes = randomBytes(3_000_000);
      const file = fileFor(bytes, String(i));
      await backend.save(file, [bytes]);
      assert.ok((await backend.load(file)).equals(bytes));
    });
    sshd.killSessions();
    await Promise.all(saves);
    assert.equal(proxy.connections, 2);
    await backend.close();
  });

  test('ranges are read on after the connection was lost', async () => {
    const backend = retrying(await open());
    const bytes = randomBytes(100_000);
    const file = fileFor(bytes);
    await backend.save(file, [bytes]);
    for (let round = 0; round < 3; round += 1) {
      assert.ok((await backend.load(file, { offset: 500, length: 1000 })).equals(bytes.subarray(500, 1500)));
      sshd.killSessions();
    }
    await backend.close();
  });

  test('a server that hangs is given up, and can be reached again', async () => {
    const stuckRequestTimeoutMs = 400;
    await using proxy = await startTcpProxy(sshd.port);
    const backend = await open(proxy.port, { stuckRequestTimeoutMs });
    // A busy machine may be that slow.
    await retrying(backend).create();
    proxy.hang();
    const { file, bytes } = { file: fileFor(Buffer.from('x')), bytes: Buffer.from('x') };
    for (const call of [() => backend.save(file, [bytes]), () => backend.load(file)]) {
      await assert.rejects(call(), (error) => isCoffreError(error, 'BACKEND_IO') && error.retryable);
    }
    await backend.close();
  });

  test('who aborts does not wait for a server that hangs, and closing ends', async () => {
    await using proxy = await startTcpProxy(sshd.port);
    const backend = await open(proxy.port);
    await backend.create();
    const bytes = randomBytes(4_000_000);
    const stop = new AbortController();
    proxy.hang();
    const saving = backend.save(fileFor(bytes), [bytes], stop.signal);
    const loading = backend.load({ kind: 'config' }, { signal: stop.signal });
    const reason = new Error('enough');
    stop.abort(reason);
    for (const call of [saving, loading]) await assert.rejects(call, (error) => error === reason);
    await backend.close();
  });

  test('an aborted save takes its temporary file away', async () => {
    const backend = await open();
    await backend.create();
    const bytes = randomBytes(8_000_000);
    const stop = new AbortController();
    const saving = backend.save(fileFor(bytes), [bytes], stop.signal);
    setImmediate(() => stop.abort());
    await assert.rejects(saving);
    await backend.close();
    assert.deepEqual(filesIn(path), []);
  });

  test('a writer killed at any moment leaves only whole files under their names', async () => {
    const backend = await open();
    for (let kill = 0; kill < 6; kill += 1) {
      const child = spawn(
        process.execPath,
        [
          '--conditions=@coffre/source',
          '--disable-warning=ExperimentalWarning',
          join(import.meta.dirname, 'sftp-saver.ts'),
          addressOf(),
        ],
        { env: { ...process.env, ...sshd.environment }, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const ended = new Promise((resolve) => child.once('close', resolve));
      const told: string[] = [];
      // After so many saved files, in the midst of the next ones.
      for await (const line of createInterface(child.stdout)) {
        if (line !== 'ready') told.push(line);
        if (told.length > kill) child.kill('SIGKILL');
      }
      await ended;
      const published = publishedIn(path);
      for (const place of published) {
        assert.equal(createHash('sha256').update(readFileSync(place)).digest('hex'), basename(place));
      }
      const names = new Set(published.map((place) => basename(place)));
      assert.ok(told.length > kill && told.every((name) => names.has(name)), 'what was reported as saved is there');
    }
    await backend.close();
  });

  test('a program that closed its storage ends by itself', () => {
    const said = execFileSync(
      process.execPath,
      [
        '--conditions=@coffre/source',
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, 'sftp-saver.ts'),
        addressOf(),
        '1',
      ],
      { env: { ...process.env, ...sshd.environment }, timeout: 60_000, encoding: 'utf8' },
    );
    assert.equal(said.trim().split('\n').length, 4);
  });

  test('left-overs of killed writers are swept after a day, and nothing else', async () => {
    const backend = await open();
    await backend.create();
    const id = 'ab'.repeat(32);
    const old = [
      `data/ab/${id}-tmp-0123abcd`,
      `data/ab/${id}-restic-temp-0123abcd`,
      `locks/${id}-tmp-1`,
      'config-tmp-1',
    ];
    const kept = [`data/ab/${id}`, `data/ab/notes-tmp-1`, `snapshots/${id}-tmp-12`];
    for (const name of [...old, ...kept]) writeFileSync(join(path, name), 'x');
    const clock = createFakeClock({ start: new Date() });
    for (const name of [...old, ...kept.slice(0, 2)]) utimesSync(join(path, name), new Date(0), new Date(0));
    assert.equal(await backend.removeLeftovers?.(clock), old.length);
    assert.deepEqual(filesIn(path).toSorted(), kept.map((name) => join(path, name)).toSorted());
    await backend.close();
  });

  test('a repository shared with a group stays shared', async () => {
    const backend = await open();
    await backend.create();
    await backend.save({ kind: 'config' }, [Buffer.from('config')]);
    assert.equal(statSync(join(path, 'config')).mode & 0o777, 0o400);
    execFileSync('chmod', ['0440', join(path, 'config')]);
    const shared = await open();
    const file = fileFor(Buffer.from('x'));
    await shared.save(file, [Buffer.from('x')]);
    assert.deepEqual(
      publishedIn(path).map((place) => statSync(place).mode & 0o777),
      [0o440],
    );
    await Promise.all([backend.close(), shared.close()]);
  });

  test('a repository whose folder vanished does not look empty', async () => {
    const backend = await open();
    await backend.create();
    await backend.save({ kind: 'config' }, [Buffer.from('config')]);
    execFileSync('mv', [path, `${path}-away`]);
    await assert.rejects(Array.fromAsync(backend.list('snapshots')), (error) =>
      isCoffreError(error, 'BACKEND_NOT_FOUND'),
    );
    await backend.close();
  });

  const notRoot = process.getuid?.() === 0 ? false : 'mounting needs root';
  test('a full disk is BACKEND_FULL, and what was saved before stays', { skip: notRoot }, async () => {
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path]);
    try {
      const backend = await open();
      await backend.create();
      const small = randomBytes(100_000);
      await backend.save(fileFor(small), [small]);
      const large = randomBytes(8_000_000);
      await assert.rejects(backend.save(fileFor(large), [large]), isPermanent('BACKEND_FULL'));
      assert.deepEqual(
        filesIn(path).map((place) => basename(place)),
        [fileFor(small).name],
      );
      assert.ok((await backend.load(fileFor(small))).equals(small));
      await backend.save(fileFor(small, 'again'), [small]);
      await backend.close();
    } finally {
      execFileSync('umount', ['-l', path]);
    }
  });

  test('a server that may not be written to is BACKEND_DENIED', async () => {
    await using readOnly = await startSshd({ subsystem: 'internal-sftp -R' });
    const address = `sftp://${readOnly.user}@127.0.0.1:${readOnly.port}/${readOnly.folder}/repo`;
    const backend = await openBackend(parseLocation(address), { environment: readOnly.environment });
    mkdirSync(join(readOnly.folder, 'repo', 'locks'), { recursive: true });
    const file: FileHandle = { kind: 'locks', name: 'ab'.repeat(32) };
    await assert.rejects(backend.save(file, [Buffer.from('x')]), isPermanent('BACKEND_DENIED'));
    await backend.close();
  });

  test('a server that allows fewer sessions than wanted is used with those', async () => {
    await using narrow = await startSshd({ config: ['MaxSessions 2'] });
    const address = `sftp://${narrow.user}@127.0.0.1:${narrow.port}/${narrow.folder}/repo`;
    const backend = await openBackend(parseLocation(address), { environment: narrow.environment });
    await backend.create();
    const all = Array.from({ length: 12 }, (_, i) => randomBytes(200_000 + i));
    await Promise.all(all.map((bytes) => backend.save(fileFor(bytes), [bytes])));
    for (const bytes of all) assert.ok((await backend.load(fileFor(bytes))).equals(bytes));
    await backend.close();
  });
});

function isPermanent(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CoffreError && isCoffreError(error, code) && !error.retryable, String(error));
    return true;
  };
}

function fileFor(bytes: Buffer, salt = ''): FileHandle & { name: string } {
  return { kind: 'data', name: createHash('sha256').update(bytes).update(salt).digest('hex') };
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Files under their final names. */
function publishedIn(folder: string): string[] {
  return filesIn(join(folder, 'data')).filter((place) => /^[0-9a-f]{64}$/.test(basename(place)));
}
