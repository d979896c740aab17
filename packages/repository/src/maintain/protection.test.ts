/** Retention against somebody who can write snapshots: what he makes never pushes a good one out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Snapshot, SnapshotSummary } from '../format/snapshot.ts';
import { formatTimestamp } from '../format/time.ts';
import { parseId, type BlobId, type SnapshotId } from '../ids.ts';
import type { StoredSnapshot } from '../repository.ts';
import { planForget, planRemoval, type ForgetGroup, type ForgetOptions } from './forget.ts';
import { meetSnapshots } from './first-seen.ts';
import { parseSpan, type RetentionPolicy } from './policy.ts';
import type { Protection } from './protection.ts';

const seed = Number(process.env['SEED'] ?? 20260102);
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = Date.UTC(2026, 2, 15, 12);
const nowNs = BigInt(nowMs) * 1_000_000n;
const tree = parseId<BlobId>('0'.repeat(64));
const hold = parseSpan('14d');
const protection: Protection = { hold };
const localOffset = (): number => 0;
const gib = 1024 ** 3;

let made = 0;
type Made = { readonly datedMs: number; readonly storedMs?: number; readonly members?: Partial<Snapshot> };

function snapshotOf({ datedMs, storedMs = datedMs, members = {} }: Made): StoredSnapshot {
  made += 1;
  const id = parseId<SnapshotId>(made.toString(16).padStart(8, '0').padEnd(64, '0'));
  const time = formatTimestamp({ sec: Math.floor(datedMs / 1000), nsec: 0 });
  const summary = holding(gib, 100);
  return { id, snapshot: { time, tree, paths: ['/srv'], hostname: 'web', summary, ...members }, storedMs };
}

function holding(bytes: number, files: number): SnapshotSummary {
  return { total_bytes_processed: bytes, total_files_processed: files } as SnapshotSummary;
}

const daysAgo = (days: number, made: Omit<Made, 'datedMs'> = {}): StoredSnapshot =>
  snapshotOf({ datedMs: nowMs - days * dayMs, ...made });

function plan(
  snapshots: readonly StoredSnapshot[],
  policy: RetentionPolicy,
  options: Partial<ForgetOptions> = {},
): ForgetGroup {
  const { groups } = planForget(snapshots, policy, { nowNs, protection, localOffset, keepMin: 0, ...options });
  assert.equal(groups.length, 1);
  return groups[0] as ForgetGroup;
}

const flagsOf = ({ flagged }: ForgetGroup): [SnapshotId, string][] =>
  flagged.map(({ snapshot, flag }) => [snapshot.id, flag]);

test('what came within the hold stays and takes nobody’s place', () => {
  const good = [20, 21, 22].map((days) => daysAgo(days));
  const flood = Array.from({ length: 50 }, (_, at) => snapshotOf({ datedMs: nowMs - at * 1000 }));
  const group = plan([...flood, ...good], { last: 2 });
  assert.deepEqual(group.remove, [good[2]]);
  assert.equal(group.held.length, 50);
  assert.deepEqual(group.reasons[0]?.matches, ['arrived within 14d']);
  const bare = planForget([...flood, ...good], { last: 2 }, { nowNs });
  assert.equal(bare.remove.length, 51, 'restic removes the good ones');
});

test('a snapshot dated well after it was stored is flagged, also when that date is past by now', () => {
  const ahead = daysAgo(20, { storedMs: nowMs - 30 * dayMs });
  const good = daysAgo(25);
  const group = plan([ahead, good, daysAgo(26)], { last: 1 });
  assert.deepEqual(flagsOf(group), [[ahead.id, 'dated-ahead']]);
  assert.deepEqual(group.keep, [ahead, good]);
  assert.match(group.flagged[0]?.reason ?? '', /^dated 10 days after it was stored$/);
});

test('a snapshot put behind others that were there for a day is flagged, with or without an original', () => {
  const original = parseId<SnapshotId>('e'.repeat(64));
  const fakes = [{}, { original }].map((members) => daysAgo(40.1, { storedMs: nowMs - 20 * dayMs, members }));
  const good = [30, 40, 50].map((days) => daysAgo(days));
  const group = plan([...good, ...fakes], { daily: 2 });
  assert.deepEqual(
    flagsOf(group).map(([, flag]) => flag),
    ['dated-back', 'dated-back'],
  );
  assert.deepEqual(group.remove, [good[2]]);
});

test('a copied or moved repository, copies in order and backups with --time raise no alarm', () => {
  const movedMs = nowMs - 20 * dayMs;
  const moved = [30, 31, 32, 33].map((days, at) => daysAgo(days, { storedMs: movedMs + ((at * 7) % 4) * hourMs }));
  const recent = daysAgo(20.1, { storedMs: movedMs });
  assert.deepEqual(plan([...moved, recent], { last: 1 }).flagged, []);
  const weekly = Array.from({ length: 28 }, (_, at) =>
    daysAgo(60 - at, { storedMs: nowMs - (60 - 7 * Math.ceil((at + 1) / 7)) * dayMs }),
  );
  assert.deepEqual(plan(weekly, { last: 1 }).flagged, []);
  const imported = [900, 800, 700].map((days, at) => daysAgo(days, { storedMs: nowMs - (30 - at) * dayMs }));
  const group = plan(imported, { last: 1 });
  assert.deepEqual([group.flagged, group.remove.length], [[], 2]);
});

test('a suddenly empty backup is flagged; its group goes on from those before it', () => {
  const summaries: [SnapshotSummary | undefined, string | undefined][] = [
    [holding(0, 0), 'shrunken'],
    [holding(gib / 11, 100), 'shrunken'],
    [holding(gib, 9), 'shrunken'],
    [holding(gib / 9, 11), undefined],
    [undefined, undefined],
  ];
  for (const [summary, flag] of summaries) {
    const suspect = daysAgo(20, { members: { summary } as Partial<Snapshot> });
    const group = plan([suspect, ...[21, 22, 23].map((days) => daysAgo(days))], { last: 1 });
    assert.equal(group.flagged[0]?.flag, flag);
    assert.equal(group.remove.length, flag === undefined ? 3 : 2);
  }
  const small = [holding(1000, 3), holding(10, 1)].map((summary, at) => daysAgo(30 - at, { members: { summary } }));
  assert.deepEqual(plan(small, { last: 1 }).flagged, []);
});

test('an accepted snapshot stays, counts, and is what the next ones are compared with', () => {
  const good = [25, 26, 27].map((days) => daysAgo(days));
  const [first, second] = [24, 23].map((days) => daysAgo(days, { members: { summary: holding(gib / 100, 1) } }));
  assert.ok(first && second);
  assert.equal(plan([second, first, ...good], { last: 1 }).flagged.length, 2);
  const accepted = { ...protection, accepted: new Set([first.id]) };
  const group = plan([second, first, ...good], { last: 1 }, { protection: accepted });
  assert.deepEqual([group.flagged, group.keep, group.remove.length], [[], [second, first], 3]);
});

test('many that came in one hour take one place of keep-last, and none of them goes', () => {
  const flood = Array.from({ length: 1000 }, (_, at) => snapshotOf({ datedMs: nowMs - 20 * dayMs + at * 100 }));
  const good = [21, 22, 23].map((days) => daysAgo(days));
  const group = plan([...flood, ...good], { last: 3 });
  assert.deepEqual(group.remove, [good[2]]);
  // Dates far from the time of storing, as copies have them: their own hours count.
  const copied = [30, 31, 32].map((days) => daysAgo(days, { storedMs: nowMs - 20 * dayMs }));
  assert.deepEqual(plan(copied, { last: 1 }).remove.length, 2);
});

test('three good snapshots of a group stay where no floor was set, and named ones respect it', () => {
  const good = [20, 21, 22, 23].map((days) => daysAgo(days));
  const empty = daysAgo(19, { members: { summary: holding(0, 0) } });
  const all = [empty, ...good];
  const { remove } = planForget(all, { last: 1 }, { nowNs, protection, localOffset });
  assert.deepEqual(remove, [good[3]]);
  const ids = good.map(({ id }) => id);
  assert.throws(() => planRemoval(all, ids.slice(0, 2), { nowNs, protection, localOffset }), /leaves 2 snapshots/);
  assert.deepEqual(planRemoval(all, [empty.id], { nowNs, protection, localOffset }), [empty]);
});

test('where the storage does not tell, the time of first sight counts, and nothing known means new', () => {
  const snapshots = [20, 21, 22].map((days) => {
    const { storedMs: _, ...stored } = daysAgo(days);
    return stored;
  });
  assert.equal(plan(snapshots, { last: 1 }).held.length, 3);
  const ids = snapshots.map(({ id }) => id);
  const { text } = meetSnapshots(undefined, ids, nowMs - 15 * dayMs);
  const { firstSeenMs } = meetSnapshots(text, ids, nowMs);
  const group = plan(snapshots, { last: 1 }, { protection: { hold, firstSeenMs } });
  assert.deepEqual([group.held.length, group.remove.length], [0, 2]);
});

test('a note of first sight that is damaged, or of a clock that ran ahead, makes snapshots new, never old', () => {
  const { id } = daysAgo(1);
  const notes = ['', '{', '[]', 'null', '{"version":2,"snapshots":{}}', '{"version":1,"snapshots":3}'];
  const times = [nowMs + 1, -5, 'x', null].map((at) => JSON.stringify({ version: 1, snapshots: { [id]: at } }));
  for (const note of [...notes, ...times])
    assert.equal(meetSnapshots(note, [id], nowMs).firstSeenMs.get(id), nowMs, note);
  const other = JSON.stringify({ version: 1, snapshots: { ['f'.repeat(64)]: 5, __proto__: 5 } });
  assert.deepEqual([...meetSnapshots(other, [id], nowMs).firstSeenMs], [[id, nowMs]]);
});

const few = fc.integer({ min: 0, max: 4 });
const span = fc.integer({ min: 1, max: 60 }).map((days) => parseSpan(`${days}d`));
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .record(
    {
      last: few,
      hourly: few,
      daily: few,
      weekly: few,
      monthly: few,
      yearly: few,
      within: span,
      withinDaily: span,
      withinWeekly: span,
    },
    { requiredKeys: [] },
  )
  .map((policy) => ({ ...policy, yearly: (policy.yearly ?? 0) + 1 }));
/** Of before the attack: honest ones, and the odd ones that every old repository has. */
const history: fc.Arbitrary<Made[]> = fc
  .array(
    fc.record({
      agoDays: fc.double({ min: 1, max: 200, noNaN: true }),
      lagDays: fc.constantFrom(0, 0, 0, 0, 3, 20, -2),
      share: fc.constantFrom(1, 1, 1, 0, 0.01),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((list) =>
    list.map(({ agoDays, lagDays, share }) => ({
      datedMs: nowMs - agoDays * dayMs - lagDays * dayMs,
      storedMs: nowMs - agoDays * dayMs,
      members: { summary: holding(gib * share, 100 * share) },
    })),
  );
/** Anything at all, but the storage says when it came: after the attack began. */
const attack = (attackMs: number): fc.Arbitrary<Made[]> =>
  fc.array(
    fc.record({
      datedMs: fc.oneof(
        fc.integer({ min: nowMs - 400 * dayMs, max: nowMs + 400 * dayMs }),
        fc.integer({ min: attackMs - dayMs, max: nowMs }),
        fc.constant(attackMs),
      ),
      storedMs: fc.integer({ min: attackMs, max: nowMs }),
      members: fc.record(
        {
          summary: fc.constantFrom(holding(0, 0), holding(gib, 100), holding(1e15, 1e9), holding(1, 1)),
          original: fc.constantFrom(parseId<SnapshotId>('e'.repeat(64))),
          tags: fc.subarray(['keep', 'a']),
        },
        { requiredKeys: ['summary'] },
      ),
    }),
    { maxLength: 40 },
  );
const scene = fc.integer({ min: 0, max: 13 }).chain((days) => {
  const attackMs = nowMs - days * dayMs;
  return fc.record({
    before: history.map((list) => list.filter(({ storedMs = 0 }) => storedMs < attackMs)),
    made: attack(attackMs),
    policy: policies,
    keepMin: few,
  });
});

test('property: for as long as the hold, nothing that an attacker writes removes a snapshot that would have stayed', () => {
  fc.assert(
    fc.property(scene, ({ before, made: attacking, policy, keepMin }) => {
      const good = before.map(snapshotOf);
      const options = { nowNs, protection, localOffset, keepMin };
      const honest = planForget(good, policy, options);
      const attacked = planForget([...attacking.map(snapshotOf), ...good], policy, options);
      assert.deepEqual(new Set(attacked.remove), new Set(honest.remove));
    }),
    { seed, numRuns: 400 },
  );
});

test('property: what is flagged, and a flood of an hour, take at most one place, also long after the hold', () => {
  const floodMs = nowMs - 20 * dayMs;
  const flood = fc.array(
    fc.record({
      // Back-dated, future-dated or of this hour; empty or not.
      datedMs: fc.oneof(
        fc.integer({ min: floodMs - 300 * dayMs, max: floodMs - 3 * dayMs }),
        fc.integer({ min: floodMs + 2 * dayMs, max: nowMs + 99 * dayMs }),
        fc.integer({ min: floodMs, max: floodMs + hourMs - 1 }),
      ),
      storedMs: fc.integer({ min: floodMs, max: floodMs + hourMs - 1 }),
      members: fc.record({ summary: fc.constantFrom(holding(0, 0), holding(gib, 100)) }),
    }),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(flood, fc.integer({ min: 2, max: 6 }), (attacking, last) => {
      const good = Array.from({ length: 10 }, (_, at) => daysAgo(22 + at));
      const group = plan([...attacking.map(snapshotOf), ...good], { last });
      const kept = new Set(group.keep);
      for (const one of good.slice(0, last - 1)) assert.ok(kept.has(one));
    }),
    { seed, numRuns: 200 },
  );
});
