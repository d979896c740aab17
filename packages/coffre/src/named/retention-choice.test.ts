import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { RetentionPolicy, StoredSnapshot } from '@coffre/repository';
import * as fc from 'fast-check';
import { chooseRetention } from './retention-choice.ts';
import type { RetentionRule } from '../config/config.ts';
import type { RetentionQuestion } from './retention-choice.ts';
import { factsOf, tagsOf } from './tags.ts';
import type { BackupFacts } from './tags.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 7, 20, 14);
const ours = { plan: 'db', source: 'lyon/shop_db', kind: 'auto' } as const;

let made = 0;
function snapshot(ageMs: number, facts: Partial<BackupFacts> = ours): StoredSnapshot {
  const id = (made++).toString(16).padStart(64, '0');
  const time = new Date(nowMs - ageMs).toISOString();
  return { id, snapshot: { time, tree: id, paths: [], tags: tagsOf(facts) } } as unknown as StoredSnapshot;
}

function choose(snapshots: readonly StoredSnapshot[], more: Partial<RetentionQuestion> = {}) {
  const rule: RetentionRule = { policy: { last: 1 }, floor: 3 };
  const question = {
    snapshots,
    plan: 'db',
    source: 'lyon/shop_db',
    automatic: rule,
    nowNs: BigInt(nowMs) * 1_000_000n,
  };
  return chooseRetention({ ...question, localOffset: () => 0, ...more });
}

const ages = (snapshots: readonly StoredSnapshot[]): number[] =>
  snapshots.map(({ snapshot: { time } }) => Math.round((nowMs - Date.parse(time)) / dayMs));

test('the oldest automatic backups go first, and never below the floor', () => {
  const snapshots = [1, 2, 3, 4, 5].map((days) => snapshot(days * dayMs));
  assert.deepEqual(ages(choose(snapshots).remove), [5, 4]);
});

test('what another plan, another source or nobody saved is not looked at', () => {
  const others = [{ ...ours, plan: 'files' }, { ...ours, source: 'lyon/uploads' }, {}];
  const foreign = others.flatMap((facts) => [9, 8, 7, 6, 5].map((days) => snapshot(days * dayMs, facts)));
  const { keep, remove } = choose([...foreign, snapshot(dayMs)]);
  assert.deepEqual([keep.length, remove], [1, []]);
});

test('manual backups stay for ever without a rule, and are no part of the floor of automatic ones', () => {
  const manual = [1, 2, 3, 4].map((days) => snapshot(days * dayMs, { ...ours, kind: 'manual' }));
  const auto = [5, 6, 7, 8].map((days) => snapshot(days * dayMs));
  assert.deepEqual(ages(choose([...manual, ...auto]).remove), [8]);
});

test('manual backups with a rule go first in, first out, above their own floor', () => {
  const manual = [1, 2, 3, 4, 5].map((days) => snapshot(days * dayMs, { ...ours, kind: 'manual' }));
  const { remove } = choose(manual, {
    automatic: { policy: { last: 1 }, floor: 3, manual: { policy: { last: 1 }, floor: 2 } },
  });
  assert.deepEqual(ages(remove), [5, 4, 3]);
});

test('a backup that misses data takes the place of none that is complete', () => {
  const partial = snapshot(0);
  const complete = [1, 2, 3].map((days) => snapshot(days * dayMs));
  const { remove } = choose([partial, ...complete], {
    automatic: { policy: { last: 1 }, floor: 1 },
    isComplete: (one) => one !== partial,
  });
  assert.deepEqual(ages(remove), [3, 2]);
});

test('temporary backups go after a week, and no other with them', () => {
  const temporary = [1, 6, 8].map((days) => snapshot(days * dayMs, { ...ours, kind: 'temp' }));
  assert.deepEqual(ages(choose([...temporary, snapshot(90 * dayMs)]).remove), [8]);
});

test('tags that contradict each other make a backup that nobody removes', () => {
  const odd = snapshot(90 * dayMs);
  const tags = [...(odd.snapshot.tags ?? []), 'coffre:kind=manual'];
  const { remove } = choose([
    { ...odd, snapshot: { ...odd.snapshot, tags } },
    ...[1, 2, 3].map((d) => snapshot(d * dayMs)),
  ]);
  assert.deepEqual(remove, []);
});

const world = fc.array(
  fc.record({
    ageHours: fc.integer({ min: -100, max: 20_000 }),
    kind: fc.constantFrom('auto', 'manual', 'temp', undefined),
    isPinned: fc.boolean(),
    plan: fc.constantFrom('db', 'files'),
    isComplete: fc.boolean(),
  }),
  { maxLength: 30 },
);
const policies: fc.Arbitrary<RetentionPolicy> = fc.record(
  {
    last: fc.integer({ min: 0, max: 5 }),
    daily: fc.integer({ min: 0, max: 9 }),
    within: fc.integer({ min: 0, max: 40 }).map((days) => ({ years: 0, months: 0, days, hours: 0 })),
  },
  { requiredKeys: [] },
);

test('whatever is there: pinned and foreign ones stay, manual ones stay, and the floor is not broken', () => {
  const property = fc.property(world, policies, fc.integer({ min: 0, max: 6 }), (entries, policy, floor) => {
    const incomplete = new Set<StoredSnapshot>();
    const snapshots = entries.map(({ ageHours, kind, isPinned, plan, isComplete }) => {
      const one = snapshot(ageHours * 3_600_000, { plan, source: ours.source, kind, isPinned });
      if (!isComplete) incomplete.add(one);
      return one;
    });
    const { keep, remove } = choose(snapshots, {
      automatic: { policy, floor },
      isComplete: (one) => !incomplete.has(one),
    });
    for (const one of remove) {
      const facts = factsOf(one.snapshot);
      assert.equal(facts.isPinned, false);
      assert.equal(facts.plan, 'db');
      assert.ok(facts.kind === 'auto' || facts.kind === 'temp');
    }
    const counts = ({ id, snapshot: saved }: StoredSnapshot): boolean =>
      factsOf(saved).kind === 'auto' &&
      !factsOf(saved).isPinned &&
      factsOf(saved).plan === 'db' &&
      Date.parse(saved.time) <= nowMs + dayMs &&
      !incomplete.values().some((one) => one.id === id);
    const left = keep.filter((kept) => counts(kept.snapshot)).length;
    assert.ok(left >= Math.min(floor, snapshots.filter(counts).length));
  });
  fc.assert(property, { seed: 20261121, numRuns: 400 });
});

test('manual and automatic ones do not change what becomes of each other', () => {
  const property = fc.property(world, policies, (entries, policy) => {
    const snapshots = entries.map(({ ageHours, kind, isPinned, plan }) =>
      snapshot(ageHours * 3_600_000, { plan, source: ours.source, kind, isPinned }),
    );
    const automatic = { policy, floor: 2, manual: { policy, floor: 1 } };
    const together = choose(snapshots, { automatic }).remove;
    const apart = ['auto', 'manual', 'temp'].flatMap((kind) => {
      const some = snapshots.filter((one) => factsOf(one.snapshot).kind === kind);
      return choose(some, { automatic }).remove;
    });
    assert.deepEqual(new Set(together), new Set(apart));
  });
  fc.assert(property, { seed: 20261121, numRuns: 200 });
});
