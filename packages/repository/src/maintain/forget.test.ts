import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isCoffreError, type ErrorCode } from '../errors.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { formatTimestamp, parseTimestamp, timestampNs } from '../format/time.ts';
import { parseId, type BlobId, type SnapshotId } from '../ids.ts';
import type { StoredSnapshot } from '../repository.ts';
import { planForget, planRemoval, type ForgetOptions, type ForgetPlan } from './forget.ts';
import type { RetentionPolicy } from './policy.ts';

const nowNs = timestampNs(parseTimestamp('2026-03-15T12:00:00Z'));
const tree = parseId<BlobId>('0'.repeat(64));

let made = 0;
function snapshotAt(time: string, members: Partial<Snapshot> = {}): StoredSnapshot {
  made += 1;
  const id = parseId<SnapshotId>(made.toString(16).padStart(8, '0').padEnd(64, '0'));
  return { id, snapshot: { time, tree, paths: ['/srv'], hostname: 'web', ...members } };
}

function kept(times: string[], policy: RetentionPolicy, options: Partial<ForgetOptions> = {}): string[] {
  return timesOf(
    planForget(
      times.map((time) => snapshotAt(time)),
      policy,
      { nowNs, ...options },
    ),
  );
}

function timesOf(plan: ForgetPlan): string[] {
  return plan.groups.flatMap(({ keep }) => keep.map(({ snapshot }) => snapshot.time));
}

function refuses(code: ErrorCode, call: () => unknown): void {
  assert.throws(call, (error) => isCoffreError(error, code) && error.hint !== undefined, code);
}

test('a day is the day of the clock that made the snapshot', () => {
  const times = ['2026-03-02T00:30:00+02:00', '2026-03-01T23:30:00+01:00', '2026-03-01T23:10:00+01:00'];
  assert.deepEqual(kept(times, { daily: 2 }), [times[0], times[1]]);
  // The same instants, had the machine written UTC: all on 1 March, and the oldest fills the count that is left.
  const inUtc = ['2026-03-01T22:30:00Z', '2026-03-01T22:29:00Z', '2026-03-01T22:10:00Z'];
  assert.deepEqual(kept(inUtc, { daily: 2 }), [inUtc[0], inUtc[2]]);
});

test('while a rule has counts left it keeps the oldest snapshot as well, and says so', () => {
  const plan = planForget(
    [snapshotAt('2026-03-01T10:00:00Z'), snapshotAt('2026-03-01T09:00:00Z'), snapshotAt('2026-03-01T08:00:00Z')],
    { monthly: 5 },
    { nowNs },
  );
  assert.deepEqual(
    plan.groups[0]?.reasons.map(({ matches, counters }) => ({ matches, counters })),
    [
      { matches: ['monthly snapshot'], counters: { monthly: 4 } },
      { matches: ['oldest monthly snapshot'], counters: { monthly: 3 } },
    ],
  );
  assert.deepEqual(
    plan.remove.map(({ snapshot }) => snapshot.time),
    ['2026-03-01T09:00:00Z'],
  );
});

test('weeks are ISO weeks, also across the end of a year', () => {
  const times = ['2026-01-04T12:00:00Z', '2025-12-29T12:00:00Z', '2025-12-28T12:00:00Z', '2025-12-22T12:00:00Z'];
  assert.deepEqual(kept(times, { weekly: 2 }), [times[0], times[2]]);
});

test('a window is counted back from the newest snapshot, not from now', () => {
  const times = ['2020-01-10T00:00:00Z', '2020-01-08T00:00:01Z', '2020-01-08T00:00:00Z'];
  assert.deepEqual(kept(times, { within: { years: 0, months: 0, days: 2, hours: 0 } }), times.slice(0, 2));
});

test('a month back from 31 March is 3 March, as the calendar runs over', () => {
  const times = ['2025-03-31T12:00:00Z', '2025-03-03T12:00:01Z', '2025-03-03T12:00:00Z', '2025-03-01T12:00:00Z'];
  assert.deepEqual(kept(times, { within: { years: 0, months: 1, days: 0, hours: 0 } }), times.slice(0, 2));
});

test('an absurdly long window keeps everything', () => {
  const times = ['2025-03-31T12:00:00Z', '1975-03-03T12:00:01Z'];
  assert.deepEqual(kept(times, { within: { years: 999_999, months: 0, days: 0, hours: 0 } }), times);
});

test('a snapshot dated far ahead is kept, takes nobody’s place and moves no window', () => {
  const ahead = snapshotAt('2030-01-01T00:00:00Z');
  const [older, newer] = [snapshotAt('2026-03-01T00:00:00Z'), snapshotAt('2026-03-10T00:00:00Z')];
  const oneDay = { years: 0, months: 0, days: 1, hours: 0 };
  for (const policy of [{ last: 1 }, { within: oneDay }, { withinDaily: oneDay }]) {
    const plan = planForget([older, ahead, newer], policy, { nowNs });
    assert.deepEqual(plan.groups[0]?.keep, [ahead, newer], JSON.stringify(policy));
    assert.deepEqual(plan.groups[0]?.reasons[0]?.matches, ['dated in the future']);
    assert.deepEqual(plan.remove, [older]);
  }
});

test('a clock that is some hours ahead is believed', () => {
  const soon = '2026-03-16T11:00:00Z';
  assert.deepEqual(kept([soon, '2026-03-15T11:00:00Z'], { last: 1 }), [soon]);
});

test('groups are by host and exact paths, and each is judged on its own', () => {
  const a = snapshotAt('2026-03-01T00:00:00Z', { paths: ['/b', '/a'] });
  const same = snapshotAt('2026-02-01T00:00:00Z', { paths: ['/a', '/b'] });
  const other = snapshotAt('2026-01-01T00:00:00Z', { paths: ['/a'] });
  const elsewhere = snapshotAt('2025-01-01T00:00:00Z', { hostname: 'db', paths: ['/a'] });
  const plan = planForget([a, same, other, elsewhere], { last: 1 }, { nowNs });
  assert.deepEqual(plan.remove, [same]);
  assert.deepEqual(
    plan.groups.map(({ key }) => key),
    [
      { hostname: 'db', paths: ['/a'], tags: null },
      { hostname: 'web', paths: ['/a'], tags: null },
      { hostname: 'web', paths: ['/a', '/b'], tags: null },
    ],
  );
  const together = planForget(
    [a, same, other, elsewhere],
    { last: 1 },
    { nowNs, groupBy: { host: false, paths: false, tags: false } },
  );
  assert.deepEqual(together.groups[0]?.keep, [a]);
});

test('the floor keeps the newest of every group, and says so', () => {
  const all = ['10', '09', '08', '07'].map((dayOfMonth) => snapshotAt(`2026-03-${dayOfMonth}T00:00:00Z`));
  const plan = planForget(all, { last: 1 }, { nowNs, keepMin: 3 });
  assert.deepEqual(plan.remove, [all[3]]);
  assert.deepEqual(
    plan.groups[0]?.reasons.map(({ matches }) => matches),
    [['last snapshot'], ['newest 3 of the group'], ['newest 3 of the group']],
  );
});

test('an empty policy is refused, unless everything that a filter chose may go', () => {
  const all = [snapshotAt('2026-03-01T00:00:00Z')];
  for (const policy of [{}, { last: 0 }, { within: { years: 0, months: 0, days: 0, hours: 0 } }, { tags: [] }]) {
    refuses('POLICY_EMPTY', () => planForget(all, policy, { nowNs }));
  }
  refuses('POLICY_REMOVES_ALL', () => planForget(all, {}, { nowNs, allowRemoveAll: true }));
  assert.deepEqual(planForget(all, {}, { nowNs, allowRemoveAll: true, isFiltered: true }).remove, all);
});

test('a policy that keeps nothing of a group is refused, even when a future-dated snapshot or the floor would stay', () => {
  const old = snapshotAt('2026-03-01T00:00:00Z');
  const older = snapshotAt('2026-02-01T00:00:00Z');
  const ahead = snapshotAt('2030-01-01T00:00:00Z');
  const typo: RetentionPolicy = { tags: [['kep']] };
  refuses('POLICY_REMOVES_ALL', () => planForget([old], typo, { nowNs }));
  refuses('POLICY_REMOVES_ALL', () => planForget([old, ahead], typo, { nowNs }));
  refuses('POLICY_REMOVES_ALL', () => planForget([old, older], typo, { nowNs, keepMin: 1 }));
  assert.deepEqual(planForget([ahead], typo, { nowNs }).remove, []);
});

test('named snapshots are removed while the floor of their group holds', () => {
  const all = ['10', '09', '08'].map((dayOfMonth) => snapshotAt(`2026-03-${dayOfMonth}T00:00:00Z`));
  const ahead = snapshotAt('2030-01-01T00:00:00Z');
  const [newest, middle, oldest] = all.map(({ id }) => id) as [SnapshotId, SnapshotId, SnapshotId];
  const everything = [...all, ahead];
  assert.deepEqual(planRemoval(everything, [newest], { nowNs, keepMin: 2 }), [all[0]]);
  refuses('POLICY_FLOOR', () => planRemoval(everything, [newest, oldest], { nowNs, keepMin: 2 }));
  assert.equal(planRemoval(everything, [newest, middle, oldest], { nowNs, keepMin: 2, force: true }).length, 3);
  assert.equal(planRemoval(everything, [newest, middle, oldest], { nowNs }).length, 3);
  assert.deepEqual(planRemoval(everything, [ahead.id], { nowNs, keepMin: 3 }), [ahead]);
});

test('property: keep and remove share out the snapshots, and adding future-dated ones changes no verdict', () => {
  const times = fc.uniqueArray(fc.integer({ min: 1_500_000_000, max: Number(nowNs / 1_000_000_000n) - 1 }), {
    minLength: 1,
    maxLength: 20,
  });
  const ahead = fc.array(fc.integer({ min: 1_900_000_000, max: 3_000_000_000 }), { maxLength: 5 });
  const few = fc.integer({ min: 0, max: 4 });
  fc.assert(
    fc.property(
      times,
      ahead,
      fc.record({ last: few, daily: few, weekly: few, yearly: few }),
      few,
      (past, future, counts, keepMin) => {
        const policy = { ...counts, hourly: 1 };
        const textOf = (sec: number): string => formatTimestamp({ sec, nsec: 0 });
        const honest = past.map((sec) => snapshotAt(textOf(sec)));
        const attack = future.map((sec) => snapshotAt(textOf(sec)));
        const plan = planForget(honest, policy, { nowNs, keepMin });
        const attacked = planForget([...attack, ...honest], policy, { nowNs, keepMin });
        assert.deepEqual(attacked.remove, plan.remove);
        const [group] = plan.groups;
        assert.ok(group);
        assert.equal(group.keep.length + group.remove.length, honest.length);
        assert.ok(group.keep.length >= Math.min(keepMin, honest.length));
      },
    ),
  );
});
