import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { StoredSnapshot } from '@coffre/repository';
import * as fc from 'fast-check';
import { strategyChoice } from './strategy-choice.ts';
import { factsOf, tagsOf } from './tags.ts';

const nowMs = Date.UTC(2026, 7, 20, 14);

function saved(index: number, ageHours: number, kind: 'auto' | 'manual' | 'temp', isPinned: boolean): StoredSnapshot {
  const id = index.toString(16).padStart(64, '0');
  const tags = tagsOf({ plan: 'db', source: 'lyon/db', kind, isPinned });
  const time = new Date(nowMs - ageHours * 3_600_000).toISOString();
  return { id, snapshot: { time, tree: id, paths: [], tags } } as unknown as StoredSnapshot;
}

const question = (snapshots: readonly StoredSnapshot[], floor: number) => ({
  snapshots,
  plan: 'db',
  source: 'lyon/db',
  automatic: { policy: {}, floor, strategy: 'any' },
  nowNs: BigInt(nowMs) * 1_000_000n,
});

const entry = fc.record({
  ageHours: fc.integer({ min: -100, max: 5000 }),
  kind: fc.constantFrom('auto', 'manual', 'temp'),
  isPinned: fc.boolean(),
});

test('whatever a strategy proposes: pins, names, the future and the floor stay', async () => {
  const property = fc.asyncProperty(
    fc.array(entry, { maxLength: 25 }),
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 1, max: 4 }),
    async (entries, floor, every) => {
      const snapshots = entries.map(({ ageHours, kind, isPinned }, index) => saved(index, ageHours, kind, isPinned));
      const seen: StoredSnapshot[] = [];
      const { keep, remove } = await strategyChoice(question(snapshots, floor), ({ backups }) => {
        seen.push(...backups);
        return backups.filter((_, index) => index % every === 0).map(({ id }) => id);
      });
      assert.equal(keep.length + remove.length, snapshots.length);
      assert.ok(seen.every(({ snapshot }) => factsOf(snapshot).kind === 'auto' && !factsOf(snapshot).isPinned));
      for (const { snapshot } of remove) {
        const { kind, isPinned } = factsOf(snapshot);
        assert.ok(!isPinned && kind !== 'manual');
        assert.ok(Date.parse(snapshot.time) <= nowMs + 86_400_000);
      }
      const left = seen.filter((one) => !remove.includes(one)).length;
      assert.ok(left >= Math.min(floor, seen.length));
    },
  );
  await fc.assert(property, { seed: 20261121, numRuns: 300 });
});

test('an answer that is no list of what was shown removes nothing', async () => {
  const snapshots = [saved(1, 5, 'auto', false), saved(2, 9, 'auto', false)];
  for (const answer of [undefined, 'all', [1], ['x'], [snapshots[0]]]) {
    await assert.rejects(
      strategyChoice(question(snapshots, 0), () => answer as never),
      { code: 'EXTENSION_UNUSABLE' },
    );
  }
});
