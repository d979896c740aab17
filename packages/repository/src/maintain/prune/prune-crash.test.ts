/** A prune that is killed at any of its writes, before or after the write was done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atEachCall, isWrite, withFaults, type Fault } from '../../testing/faults.ts';
import {
  addSnapshot,
  assertAllIsWell,
  copyYard,
  createPruneYard,
  forgetSnapshots,
  hourMs,
  packsIn,
  runPrune,
  type PruneYard,
} from '../../testing/prune-yard.ts';
import type { PruneOptions } from './prune.ts';

const nothingUnused: Partial<PruneOptions> = { maxUnused: { kind: 'bytes', bytes: 0 } };

async function untidyYard(): Promise<PruneYard> {
  const yard = await createPruneYard({ seed: 7 });
  for (let n = 0; n < 4; n++) await addSnapshot(yard);
  await forgetSnapshots(yard, 1);
  // Some wait, some are over, some are not marked yet.
  await runPrune(await yard.open(), nothingUnused);
  await yard.host.clock.advance(24 * hourMs);
  await forgetSnapshots(yard, 1);
  yard.backend.files.set(`data/${'ab'.repeat(32)}`, Buffer.from('left by a killed backup'));
  return yard;
}

const ways: readonly { name: string; options: Partial<PruneOptions>; fault: Fault }[] = [
  { name: 'marking', options: {}, fault: { kind: 'crash' } },
  { name: 'marking', options: {}, fault: { kind: 'crash-after' } },
  { name: 'deleting at once', options: { graceMs: 0 }, fault: { kind: 'crash' } },
  { name: 'deleting at once', options: { graceMs: 0 }, fault: { kind: 'crash-after' } },
];

for (const { name, options, fault } of ways) {
  test(`a ${fault.kind} at any write while ${name} loses nothing, and the next prune finishes`, async (t) => {
    const origin = await untidyYard();
    const places = await atEachCall(fault, isWrite, async (plan, index) => {
      const yard = copyYard(origin);
      const storage = withFaults(yard.backend, plan);
      const repository = await yard.open(storage);
      await runPrune(repository, { ...nothingUnused, ...options }).catch((error: unknown) => {
        if (!storage.crashed()) throw error;
      });
      await assertAllIsWell(yard, `after write ${index}`);
      await runPrune(await yard.open(), { ...nothingUnused, ...options });
      await assertAllIsWell(yard, `after write ${index} and a second prune`);
      await runPrune(await yard.open(), { ...nothingUnused, graceMs: 0 });
      await assertAllIsWell(yard, `after write ${index} and a third prune`);
      const { plan: last } = await runPrune(await yard.open(), { ...nothingUnused, graceMs: 0 });
      const { unused, duplicate, unindexed } = last.figures;
      assert.deepEqual([unused.blobs, duplicate.blobs, unindexed.packs], [0, 0, 0], `after write ${index}`);
      assert.equal(packsIn(yard).length, last.figures.packs.keep);
    });
    t.diagnostic(`${places} writes`);
    assert.ok(places > 8);
  });
}

test('a write that fails and one whose answer is lost end it like a crash, without harm', async () => {
  const origin = await untidyYard();
  for (const kind of ['fail', 'lose-answer'] as const) {
    await atEachCall({ kind }, isWrite, async (plan, index) => {
      const yard = copyYard(origin);
      const repository = await yard.open(withFaults(yard.backend, plan));
      await runPrune(repository, { ...nothingUnused, graceMs: 0 }).catch(() => undefined);
      await assertAllIsWell(yard, `${kind} at write ${index}`);
    });
  }
});
