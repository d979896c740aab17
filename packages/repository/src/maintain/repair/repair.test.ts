/** The whole way back from every kind of damage, and a crash at every write on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEachCall, isWrite, type FaultPlan } from '../../testing/faults.ts';
import {
  copyFiles,
  damages,
  errorKinds,
  makeRepairFiles,
  openFiles,
  readableFiles,
  type RepositoryFiles,
} from '../../testing/repair-scene.ts';
import { check } from '../check.ts';
import { healFrom } from './heal.ts';
import { repairIndex } from './repair-index.ts';
import { repairPacks } from './repair-packs.ts';
import { repairSnapshots } from './repair-snapshots.ts';

type Step = (files: RepositoryFiles, plan?: FaultPlan) => Promise<RepositoryFiles>;

const silent = (): void => undefined;

function step(work: (repository: Awaited<ReturnType<typeof openFiles>>['repository']) => Promise<unknown>): Step {
  return async (files, plan) => {
    const opened = await openFiles(files, plan);
    try {
      await work(opened.repository);
    } catch (error) {
      if (plan === undefined) throw error;
    }
    return opened.files;
  };
}

const indexStep = step((repository) => repairIndex(repository, {}, silent));
const scratchStep = step((repository) => repairIndex(repository, { readAllPacks: true }, silent));

const packsStep = step(async (repository) => {
  const { brokenPacks } = await check(repository, { readData: { kind: 'all' } }, silent);
  if (brokenPacks.length === 0) return;
  await repairPacks(repository, { packs: brokenPacks, keepCopy: () => Promise.resolve() }, silent);
});

const snapshotsStep = step(async (repository) => {
  await repairSnapshots(repository, await repository.listSnapshots(), { forget: true }, silent);
});

async function healStep(from: RepositoryFiles): Promise<Step> {
  const source = await (await openFiles(from)).repository.loadIndex();
  return step((repository) => healFrom(repository, { source }, silent));
}

function assertNothingLost(before: Map<string, string>, after: Map<string, string>, what: string): void {
  for (const [name, hash] of before) assert.equal(after.get(name), hash, `${what}: ${name}`);
}

for (const damage of damages) {
  test(`after ${damage.name}, index, packs and snapshots are repaired and all that could be read still can`, async () => {
    let files = copyFiles(await makeRepairFiles());
    await damage.do(files);
    const before = await readableFiles(files);
    for (const work of [indexStep, packsStep, snapshotsStep]) files = await work(files);
    assert.deepEqual(await errorKinds(files), []);
    assertNothingLost(before, await readableFiles(files), damage.name);
  });

  test(`after ${damage.name}, another repository heals everything`, async () => {
    const whole = await makeRepairFiles();
    const all = await readableFiles(whole);
    let files = copyFiles(whole);
    await damage.do(files);
    for (const work of [indexStep, packsStep, await healStep(whole)]) files = await work(files);
    assert.deepEqual(await errorKinds(files), []);
    assert.deepEqual(await readableFiles(files), all);
  });

  test(`after ${damage.name}, a crash at any write of a repair loses nothing, and a second run finishes`, async () => {
    const whole = await makeRepairFiles();
    const damaged = copyFiles(whole);
    await damage.do(damaged);
    const heal = await healStep(whole);
    const ways = [
      { kind: 'crash-after', steps: [indexStep, packsStep, snapshotsStep] },
      { kind: 'crash', steps: [scratchStep, packsStep, heal] },
    ] as const;
    for (const { kind, steps } of ways) {
      let files = damaged;
      for (const work of steps) files = await crashEverywhere(work, files, kind);
      assert.deepEqual(await errorKinds(files), []);
    }
  });
}

/** Resolves to what the undisturbed work leaves. */
async function crashEverywhere(
  work: Step,
  files: RepositoryFiles,
  kind: 'crash' | 'crash-after',
): Promise<RepositoryFiles> {
  const before = await readableFiles(files);
  const done = await work(copyFiles(files));
  const [goal, errors] = [await readableFiles(done), await errorKinds(done)];
  await atEachCall({ kind }, isWrite, async (plan, index) => {
    const crashed = await work(copyFiles(files), plan);
    assertNothingLost(before, await readableFiles(crashed), `${kind} at write ${index}`);
    const again = await work(crashed);
    assert.deepEqual(await readableFiles(again), goal, `second run after ${kind} at write ${index}`);
    assert.deepEqual(await errorKinds(again), errors, `second run after ${kind} at write ${index}`);
  });
  return done;
}
