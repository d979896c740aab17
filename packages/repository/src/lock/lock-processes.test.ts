import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalBackend } from '../backend/local.ts';
import { systemProcesses } from '../host/processes.ts';
import { rejectsWith } from '../testing/backend-conformance.ts';
import { openSample } from '../testing/lock-holder.ts';
import type { ContendResult } from '../testing/lock-holder.ts';
import { runContender, startHolder } from '../testing/lock-process.ts';
import { createSampleRepository } from '../testing/sample-repository.ts';
import type { LockEvent } from './acquire.ts';
import { acquireLock } from './lock.ts';

const hasSpace = systemProcesses().space !== undefined;
const needsLinux = hasSpace ? false : 'this system does not tell pid namespaces';
const unshare = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
const canUnshare = hasSpace && spawnSync('unshare', [...unshare.slice(1), 'true']).status === 0;

let top = '';
before(async () => (top = await mkdtemp(join(tmpdir(), 'coffre-lock-'))));
after(() => rm(top, { recursive: true }));

async function freshRepository(): Promise<string> {
  const folder = await mkdtemp(join(top, 'repo-'));
  await createSampleRepository({ backend: createLocalBackend({ path: folder }) });
  await mkdir(join(folder, 'marks'));
  return folder;
}

test('of four processes that take locks as fast as they can, an exclusive one is always alone', async () => {
  const folder = await freshRepository();
  const counts: ContendResult[] = [];
  const sum = (of: keyof ContendResult): number => counts.reduce((total, count) => total + count[of], 0);
  // A machine that is busy enough lets none of them have a lock, or one after the other.
  while (sum('shared') + sum('exclusive') === 0 || sum('refused') === 0) {
    const lines = await Promise.all([0, 1, 2, 3].map(() => runContender(folder, 4000)));
    counts.push(...lines.map((line) => JSON.parse(line) as ContendResult));
  }
  await using repository = await openSample(folder);
  assert.deepEqual(await repository.listIds('locks'), []);
});

test('the lock of a killed process is cleared, that of a living one is not', { skip: needsLinux }, async () => {
  const folder = await freshRepository();
  await using repository = await openSample(folder);
  await using holder = await startHolder(folder, 'exclusive');
  await rejectsWith('REPO_LOCKED', acquireLock(repository, { exclusive: false }));
  await holder[Symbol.asyncDispose]();
  const events: LockEvent[] = [];
  await using lock = await acquireLock(repository, { exclusive: true, report: (event) => events.push(event) });
  assert.deepEqual(
    events.map((event) => event.kind === 'cleared' && event.why),
    ['process-gone'],
  );
  assert.deepEqual(
    (await repository.listIds('locks')).map(({ id }) => id),
    [lock.id],
  );
});

test(
  'the lock of a process in another container stays, though its pid means nobody here',
  {
    skip: canUnshare ? false : 'a pid namespace cannot be made here',
  },
  async () => {
    const folder = await freshRepository();
    await using repository = await openSample(folder);
    await using holder = await startHolder(folder, 'exclusive', unshare);
    await rejectsWith('REPO_LOCKED', acquireLock(repository, { exclusive: false }));
    assert.deepEqual(
      (await repository.listIds('locks')).map(({ id }) => String(id)),
      [holder.lockId],
    );
    assert.equal(await holder.letGo(), 0);
    await (await acquireLock(repository, { exclusive: true })).release();
  },
);

test('a hangup, by which restic asks whether we live, does not end a process that holds a lock', async () => {
  const folder = await freshRepository();
  await using holder = await startHolder(folder, 'shared');
  for (let round = 0; round < 3; round += 1) {
    holder.child.kill('SIGHUP');
    await pause(50);
  }
  assert.equal(holder.child.exitCode, null);
  assert.equal(await holder.letGo(), 0);
  await using repository = await openSample(folder);
  assert.deepEqual(await repository.listIds('locks'), []);
});
