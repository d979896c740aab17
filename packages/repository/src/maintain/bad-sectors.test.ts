/** A repository on a disk that cannot read some of its files any more. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Backend } from '../backend/backend.ts';
import { createLocalBackend } from '../backend/local.ts';
import { nodeLocalFiles } from '../backend/local-files.ts';
import { withRetry, type RetryEvent } from '../backend/retry.ts';
import { isCoffreError } from '../errors.ts';
import type { Clock } from '../host/host.ts';
import { openRepository, type Repository } from '../repository.ts';
import { listed, rejectsWith } from '../testing/backend-conformance.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { withLocalFaults, type LocalFaultPlan } from '../testing/local-faults.ts';
import {
  copyFiles,
  makeRepairFiles,
  openFiles,
  packOf,
  readableFiles,
  type RepositoryFiles,
} from '../testing/repair-scene.ts';
import { attemptRestore } from '../testing/restore-yard.ts';
import { createSampleHost, samplePassword } from '../testing/sample-repository.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import { check } from './check.ts';
import type { CheckResult } from './check-findings.ts';
import { healFrom } from './repair/heal.ts';
import { repairPacks } from './repair/repair-packs.ts';
import { repairSnapshots } from './repair/repair-snapshots.ts';

const silent = (): void => undefined;

describe('a disk with bad sectors', () => {
  let top = '';
  let whole: RepositoryFiles;
  before(async () => {
    top = mkdtempSync(join(tmpdir(), 'coffre-sectors-'));
    whole = copyFiles(await makeRepairFiles());
  });
  after(() => rmSync(top, { recursive: true }));

  /** The repository on a real file system, as every verb reaches it. */
  async function onDisk(plan: LocalFaultPlan): Promise<{ backend: Backend; clock: Clock; retries: RetryEvent[] }> {
    const path = mkdtempSync(join(top, 'repo-'));
    const retries: RetryEvent[] = [];
    const clock = createFakeClock({ sleepless: true });
    const sound = createLocalBackend({ path });
    await sound.create();
    for (const [name, bytes] of whole) await sound.save(handleOf(name), [bytes]);
    const local = createLocalBackend({ path, files: withLocalFaults(nodeLocalFiles, plan), clock });
    const random = createSeededRandom(1);
    return { backend: withRetry(local, { clock, random, report: (event) => retries.push(event) }), clock, retries };
  }

  async function open(plan: LocalFaultPlan): Promise<{ repository: Repository; retries: RetryEvent[] }> {
    const { backend, retries } = await onDisk(plan);
    const repository = await openRepository({ backend, host: createSampleHost(), password: samplePassword });
    return { repository, retries };
  }

  test('a read that fails twice and then works is nothing to speak of', async () => {
    let failures = 2;
    const { backend, retries } = await onDisk(({ operation }) =>
      operation === 'read' && failures-- > 0 ? { kind: 'error', code: 'EIO' } : undefined,
    );
    assert.ok((await backend.load({ kind: 'config' })).equals(whole.get('config') as Buffer));
    assert.deepEqual(retries, []);
  });

  test('a file that stays unreadable is said so within a second, while others can be read', async () => {
    const pack = await packOf(whole, 'data');
    const { backend, clock, retries } = await onDisk(unreadable(pack));
    await rejectsWith('BACKEND_UNREADABLE', backend.load({ kind: 'data', name: pack }));
    // A pack has thousands of pieces.
    for (let offset = 0; offset < 100; offset += 1) {
      await rejectsWith('BACKEND_UNREADABLE', backend.load({ kind: 'data', name: pack }, { offset, length: 9 }));
    }
    assert.ok(clock.monotonicMs() < 1000);
    assert.deepEqual(retries, []);
  });

  test('a disk that reads nothing at all is asked again, and nothing on it is called damaged', async () => {
    const { backend, retries } = await onDisk(unreadable(''));
    await rejectsWith('BACKEND_IO', backend.load({ kind: 'data', name: await packOf(whole, 'data') }));
    assert.ok(retries.length > 3);
  });

  test('a folder that cannot be listed is never taken for an emptier one', async () => {
    const { backend } = await onDisk(({ operation, path }) =>
      operation === 'readFolder' && path.includes('snapshots') ? { kind: 'error', code: 'EIO' } : undefined,
    );
    await rejectsWith('BACKEND_IO', listed(backend, 'snapshots'));
  });

  for (const type of ['tree', 'data'] as const) {
    test(`check goes on past a ${type} pack, names it and advises to repair it`, async () => {
      const pack = await packOf(whole, type);
      const { repository } = await open(unreadable(pack));
      const found = await check(repository, type === 'tree' ? {} : { readData: { kind: 'all' } }, silent);
      assert.deepEqual(found.brokenPacks, [pack]);
      assert.deepEqual(found.steps, ['repair-packs', 'refill', 'repair-snapshots']);
    });
  }

  for (const kind of ['index', 'snapshots', 'keys'] as const) {
    test(`check reports an unreadable file of ${kind} and goes on`, async () => {
      const name = [...whole.keys()].find((file) => file.startsWith(`${kind}/`)) ?? '';
      let isBad = false;
      const plan = unreadable(name);
      const { repository } = await open((call) => (isBad ? plan(call) : undefined));
      isBad = true;
      assert.ok((await check(repository, {}, silent)).errors > 0);
    });
  }

  test('what follows the advice ends with a sound repository, and from another one with everything', async () => {
    for (const [heals, badBytes] of [
      [false, Infinity],
      [true, Infinity],
      [false, 1],
      [true, 1],
    ] as const) {
      const pack = await packOf(whole, 'tree');
      const { repository } = await open(unreadable(pack, badBytes));
      await repairPacks(repository, { packs: [pack], keepCopy: () => Promise.resolve() }, silent);
      if (heals) {
        const source = await (await openFiles(whole)).repository.loadIndex();
        await healFrom(repository, { source }, silent);
      }
      const cut = await repairSnapshots(repository, await repository.listSnapshots(), { forget: true }, silent);
      assert.equal(cut.modified > 0, !heals);
      const { errors }: CheckResult = await check(repository, {}, silent);
      assert.equal(errors, 0);
    }
  });

  test('snapshots and trees are repaired also while the pack is still in the index', async () => {
    const { repository } = await open(unreadable(await packOf(whole, 'tree')));
    const source = await (await openFiles(whole)).repository.loadIndex();
    const { healed } = await healFrom(repository, { source }, silent);
    assert.ok(healed > 0);
    await repairSnapshots(repository, await repository.listSnapshots(), { forget: true }, silent);
  });

  test('a restore names the files that lie there and brings the rest', async () => {
    const pack = await packOf(whole, 'data');
    const { repository } = await open(unreadable(pack, 1));
    const indexed = await repository.loadIndex();
    const [{ snapshot } = assert.fail()] = await repository.listSnapshots();
    const target = mkdtempSync(join(top, 'target-'));
    const { failed, error } = await attemptRestore({ indexed, tree: snapshot.tree }, target);
    assert.ok(isCoffreError(error, 'RESTORE_INCOMPLETE'), String(error));
    const wanted = [...(await readableFiles(whole)).keys()].map((name) => name.slice(name.indexOf('/')));
    const restored = wanted.filter((name) => existsSync(join(target, name)));
    assert.ok(failed.length > 0 && restored.length > 0, `${failed.length} failed, ${restored.length} restored`);
  });
});

/** With 1 bad byte the rest can be read, the header too. */
function unreadable(name: string, badBytes = Infinity): LocalFaultPlan {
  return ({ operation, path, position = 0 }) =>
    operation === 'read' && path.includes(name) && position < badBytes ? { kind: 'error', code: 'EIO' } : undefined;
}

function handleOf(name: string): Parameters<Backend['load']>[0] {
  const [kind = '', id = ''] = name.split('/');
  return kind === 'config' ? { kind } : { kind: kind as 'data', name: id };
}
