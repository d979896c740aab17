import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PackId } from '../ids.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import { longestUnread, measureCoverage, planReading, type SizedPack } from './reading-plan.ts';
import type { PackReading } from './verification-ledger.ts';

const dayMs = 24 * 3_600_000;
const startMs = Date.UTC(2026, 0, 1);

function packsOf(count: number, sizeBytes: (index: number) => number = () => 16): SizedPack[] {
  return Array.from({ length: count }, (_, index) => ({
    id: index.toString(16).padStart(64, '0') as PackId,
    sizeBytes: sizeBytes(index),
  }));
}

type Years = { readonly intervalDays: number; readonly wishedPacks: number; readonly withinDays: number };

/** Checks for three years while packs come and go; the longest time that any pack went unread. */
function longestGapDays({ intervalDays, wishedPacks, withinDays }: Years): number {
  const random = createSeededRandom(3);
  const readings = new Map<PackId, PackReading>();
  let packs = packsOf(200, () => 1 + random.integer(100));
  let checkedMs: number | undefined;
  let longestMs = 0;
  for (let day = 0; day < 3 * 365; day += intervalDays) {
    const nowMs = startMs + day * dayMs;
    for (const { id } of packs) if (!readings.has(id)) readings.set(id, { seenMs: nowMs });
    for (const { id } of packs) {
      const { seenMs, readMs = seenMs } = readings.get(id)!;
      longestMs = Math.max(longestMs, nowMs - readMs);
    }
    const promise = { nowMs, withinMs: withinDays * dayMs, checkedMs, wishedPacks };
    const plan = planReading(packs, { reading: (id) => readings.get(id) }, random, promise);
    for (const { id } of plan.chosen) readings.set(id, { seenMs: readings.get(id)!.seenMs, readMs: nowMs });
    checkedMs = nowMs;
    if (day % 28 === 0) {
      const added = packsOf(10, () => 1 + random.integer(100)).map((pack) => ({
        ...pack,
        id: random.bytes(32).toString('hex') as PackId,
      }));
      packs = [...packs.slice(5), ...added];
    }
  }
  return longestMs / dayMs;
}

test('whatever the subset, no pack goes unread for longer than promised, in three years of checks', () => {
  for (const intervalDays of [1, 7, 30]) {
    for (const wishedPacks of [1, 4, 50]) {
      const gap = longestGapDays({ intervalDays, wishedPacks, withinDays: 90 });
      assert.ok(gap <= 90, `${wishedPacks} packs every ${intervalDays} days: ${gap} days`);
    }
  }
});

test('never read comes first, then what was read longest ago, and nothing twice before all had their turn', () => {
  const packs = packsOf(50);
  const readings = new Map<PackId, PackReading>();
  const random = createSeededRandom(1);
  const seen = new Set<PackId>();
  for (let run = 0; run < 10; run += 1) {
    const next = longestUnread(packs, { reading: (id) => readings.get(id) }, random).slice(0, 5);
    for (const { id } of next) {
      assert.ok(!seen.has(id));
      seen.add(id);
      readings.set(id, { seenMs: startMs, readMs: startMs + run });
    }
  }
  const [oldest] = longestUnread(packs, { reading: (id) => readings.get(id) }, random);
  assert.equal(readings.get(oldest!.id)?.readMs, startMs);
  readings.delete(packs[7]!.id);
  assert.equal(longestUnread(packs, { reading: (id) => readings.get(id) }, random)[0], packs[7]);
});

test('a first check reads its share of ninety days, and a subset too small is raised to it', () => {
  const packs = packsOf(910);
  const readings = { reading: () => undefined };
  const promise = { nowMs: startMs, withinMs: 90 * dayMs, checkedMs: undefined, wishedPacks: 1 };
  const small = planReading(packs, readings, createSeededRandom(1), promise);
  assert.equal(small.chosen.length, 10);
  assert.deepEqual([small.isRaised, small.wished.packs], [true, 1]);
  const large = planReading(packs, readings, createSeededRandom(1), { ...promise, wishedPacks: 20 });
  assert.deepEqual([large.chosen.length, large.isRaised], [20, false]);
});

test('what is overdue is read at once, all of it, and is counted', () => {
  const packs = packsOf(10);
  const readings = new Map<PackId, PackReading>(
    packs.map(({ id }, index) => [id, { seenMs: startMs, readMs: startMs + index * dayMs }]),
  );
  const window = { nowMs: startMs + 93.5 * dayMs, withinMs: 90 * dayMs };
  const coverage = measureCoverage(packs, { reading: (id) => readings.get(id) }, window);
  assert.deepEqual(coverage.overdue, { packs: 4, bytes: 64 });
  assert.deepEqual(coverage.verified, { packs: 6, bytes: 96 });
  assert.deepEqual(coverage.oldest, { id: packs[0]!.id, seenMs: startMs, readMs: startMs });
  const plan = planReading(packs, { reading: (id) => readings.get(id) }, createSeededRandom(1), {
    ...window,
    checkedMs: window.nowMs - dayMs,
    wishedPacks: 1,
  });
  assert.deepEqual(
    plan.chosen.slice(0, 4).map(({ id }) => id),
    packs.slice(0, 4).map(({ id }) => id),
  );
});

test('an empty repository needs nothing', () => {
  const promise = { nowMs: startMs, withinMs: dayMs, checkedMs: undefined, wishedPacks: 0 };
  assert.deepEqual(planReading([], { reading: () => undefined }, createSeededRandom(1), promise).chosen, []);
  assert.equal(measureCoverage([], { reading: () => undefined }, promise).total.packs, 0);
});
