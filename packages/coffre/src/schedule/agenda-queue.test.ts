/** Many plans want to run at once: who goes first, who waits, and what is said of those that fail or take too long. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTrigger } from './parse-trigger.ts';
import type { Lease } from './plan-entry.ts';
import { scheduleOf } from './schedule-spec.ts';
import type { ScheduleSpec } from './schedule-spec.ts';
import { entryOf, FakeMachine } from './testing/fake-machine.ts';
import { parseZone, Zones } from './zone.ts';

const zones = new Zones();
const utc = parseZone('UTC');
const minuteMs = 60_000;
const hourMs = 3_600_000;
const startMs = Date.parse('2026-11-21T12:00:00Z');
const when = (text: string): ScheduleSpec => scheduleOf([parseTrigger(text, utc)]);
const shared = (repository: string): Lease => ({ repository, mode: 'shared' });
const exclusive = (repository: string): Lease => ({ repository, mode: 'exclusive' });
/** `a 13:00` for each run. */
const log = (machine: FakeMachine): string[] =>
  machine.started.map(({ plan, atMs }) => `${plan} ${new Date(atMs).toISOString().slice(11, 16)}`);

describe('plans that are due together', () => {
  test('run as many at once as the caps of all and of each host allow', () => {
    const machine = new FakeMachine(startMs, zones, { runsMax: 3, runsPerHostMax: 2 });
    for (const [plan, host] of [
      ['a', 'x'],
      ['b', 'x'],
      ['c', 'x'],
      ['d', 'y'],
      ['e', 'y'],
    ] as const) {
      machine.add(entryOf(plan, { spec: when('13:00'), host }));
      machine.runs.set(plan, { takesMs: 10 * minuteMs, outcome: 'success' });
    }
    machine.passUntil(startMs + hourMs + minuteMs);
    assert.deepEqual(log(machine), ['a 13:00', 'b 13:00', 'd 13:00']);
    assert.deepEqual(
      machine.agenda.waiting.map(({ entry, waitsFor }) => [entry.plan, waitsFor]),
      [
        ['c', 'host_max'],
        ['e', 'runs_max'],
      ],
    );
    machine.pass(hourMs);
    assert.deepEqual(log(machine).slice(3), ['c 13:10', 'e 13:10']);
  });

  test('share a repository, except who wants it alone', () => {
    const machine = new FakeMachine(startMs, zones);
    machine.add(entryOf('a', { spec: when('13:00'), leases: [shared('r')] }));
    machine.add(entryOf('b', { spec: when('13:05'), leases: [shared('r')] }));
    machine.add(entryOf('prune', { spec: when('13:01'), leases: [exclusive('r')] }));
    machine.add(entryOf('other', { spec: when('13:01'), leases: [exclusive('q')] }));
    for (const plan of ['a', 'b', 'prune', 'other'])
      machine.runs.set(plan, { takesMs: 20 * minuteMs, outcome: 'success' });
    machine.passUntil(startMs + 2 * hourMs);
    assert.deepEqual(log(machine), ['a 13:00', 'other 13:01', 'prune 13:20', 'b 13:40']);
  });

  test('respect what others hold', () => {
    const machine = new FakeMachine(startMs, zones);
    machine.add(entryOf('a', { spec: when('13:00'), leases: [shared('r')] }));
    machine.surroundings = { heldElsewhere: [exclusive('r')] };
    machine.passUntil(startMs + hourMs + 5 * minuteMs);
    assert.equal(machine.agenda.waiting[0]?.waitsFor, 'repository');
    machine.surroundings = { heldElsewhere: [shared('r')] };
    machine.pass(minuteMs);
    assert.deepEqual(log(machine), ['a 13:05']);
  });

  test('go by priority, and the low ones never starve', () => {
    const machine = new FakeMachine(startMs, zones, { runsMax: 1 });
    for (const plan of ['h1', 'h2', 'h3']) {
      machine.add(entryOf(plan, { spec: when('every 10m'), priority: 'high' }));
      machine.runs.set(plan, { takesMs: 5 * minuteMs, outcome: 'success' });
    }
    machine.add(entryOf('low', { spec: when('13:00'), priority: 'low' }));
    machine.add(entryOf('normal', { spec: when('13:00') }));
    machine.passUntil(startMs + 6 * hourMs);
    const first = (plan: string): number => machine.started.find((run) => run.plan === plan)?.atMs ?? 0;
    assert.ok(first('normal') > startMs + hourMs);
    assert.ok(first('normal') < first('low'));
    assert.ok(first('low') <= startMs + hourMs + 2.5 * hourMs);
  });

  test('do not keep a prune waiting for ever by following each other', () => {
    const machine = new FakeMachine(startMs, zones);
    for (let index = 0; index < 6; index += 1) {
      machine.add(entryOf(`b${index}`, { spec: when(`${index * 10}/60 * * * *`), leases: [shared('r')] }));
      machine.runs.set(`b${index}`, { takesMs: 15 * minuteMs, outcome: 'success' });
    }
    machine.add(entryOf('prune', { spec: when('13:00'), leases: [exclusive('r')], priority: 'low' }));
    machine.passUntil(startMs + 6 * hourMs);
    assert.equal(machine.started.filter(({ plan }) => plan === 'prune').length, 1);
  });
});

describe('a run that fails', () => {
  const failing = (retries: { times: number; waitMs: number }, objectiveMs?: number): FakeMachine => {
    const machine = new FakeMachine(startMs, zones);
    const spec = when('13:00');
    machine.add(entryOf('a', { spec, retries, ...(objectiveMs === undefined ? {} : { objectiveMs }) }), {
      lastGoodMs: startMs - 20 * hourMs,
    });
    machine.runs.set('a', { takesMs: 1000, outcome: 'failed' });
    return machine;
  };

  test('is tried again, each time later, in silence until all tries are used up', () => {
    const machine = failing({ times: 3, waitMs: 5 * minuteMs });
    machine.passUntil(startMs + hourMs + 20 * minuteMs);
    assert.deepEqual(machine.told, []);
    machine.passUntil(startMs + 5 * hourMs);
    assert.deepEqual(log(machine), ['a 13:00', 'a 13:05', 'a 13:15', 'a 13:35']);
    assert.deepEqual(machine.told, [{ plan: 'a', why: 'retries_exhausted' }]);
    assert.deepEqual(
      machine.started.map(({ attempt }) => attempt),
      [1, 2, 3, 4],
    );
  });

  test('is told at once when its objective breaks, and only once', () => {
    const machine = failing({ times: 3, waitMs: 5 * minuteMs }, 21 * hourMs + 12 * minuteMs);
    machine.passUntil(startMs + hourMs + 11 * minuteMs);
    assert.deepEqual(machine.told, []);
    machine.passUntil(startMs + 30 * hourMs);
    assert.deepEqual(machine.told, [{ plan: 'a', why: 'objective_broken' }]);
  });

  test('is over with the first success', () => {
    const machine = failing({ times: 3, waitMs: 5 * minuteMs });
    machine.passUntil(startMs + hourMs + minuteMs);
    machine.runs.set('a', { takesMs: 1000, outcome: 'success' });
    machine.passUntil(startMs + 26 * hourMs);
    assert.deepEqual(log(machine), ['a 13:00', 'a 13:05', 'a 13:00']);
    assert.deepEqual(machine.told, []);
    assert.equal(machine.started[2]?.attempt, 1);
  });

  test('is not tried again when somebody cancelled it', () => {
    const machine = failing({ times: 3, waitMs: 5 * minuteMs });
    machine.runs.set('a', { takesMs: 1000, outcome: 'cancelled' });
    machine.passUntil(startMs + 5 * hourMs);
    assert.deepEqual(log(machine), ['a 13:00']);
  });

  test('more often than it is due still says so in the end', () => {
    const machine = new FakeMachine(startMs, zones);
    machine.add(entryOf('a', { spec: when('every 10m'), retries: { times: 3, waitMs: 15 * minuteMs } }));
    machine.runs.set('a', { takesMs: 1000, outcome: 'failed' });
    machine.passUntil(startMs + 5 * hourMs);
    assert.deepEqual(machine.told, [{ plan: 'a', why: 'retries_exhausted' }]);
  });
});

test('a run that takes three times as long as usual is spoken of once, and cancelled at its limit once', () => {
  const machine = new FakeMachine(startMs, zones);
  machine.add(entryOf('a', { spec: when('13:00'), usualMs: 10 * minuteMs, maxRuntimeMs: 2 * hourMs }));
  machine.runs.set('a', { takesMs: 50 * hourMs, outcome: 'success' });
  machine.passUntil(startMs + hourMs + 29 * minuteMs);
  assert.deepEqual(machine.told, []);
  machine.passUntil(startMs + hourMs + 31 * minuteMs);
  assert.deepEqual(machine.told, [{ plan: 'a', why: 'overrun' }]);
  machine.passUntil(startMs + 6 * hourMs);
  assert.equal(machine.told.filter(({ why }) => why === 'overrun').length, 1);
  assert.deepEqual(machine.cancelled, ['a']);
});

test('a plan whose settings change keeps what waits, and one that is removed starts no more', () => {
  const machine = new FakeMachine(startMs, zones, { runsMax: 1 });
  for (const plan of ['a', 'b', 'c']) {
    machine.add(entryOf(plan, { spec: when('13:00') }));
    machine.runs.set(plan, { takesMs: 10 * minuteMs, outcome: 'success' });
  }
  machine.passUntil(startMs + hourMs + minuteMs);
  machine.add(entryOf('b', { spec: when('17:00'), priority: 'low' }));
  machine.agenda.remove('c');
  machine.passUntil(startMs + 6 * hourMs);
  assert.deepEqual(log(machine), ['a 13:00', 'b 13:10', 'b 17:00']);
});

test('work that is taken back is not done, its slots are passed over, and the next slot comes', () => {
  const machine = new FakeMachine(startMs, zones, { runsMax: 1 });
  for (const plan of ['a', 'b']) {
    machine.add(entryOf(plan, { spec: when('every 1h') }));
    machine.runs.set(plan, { takesMs: 10 * minuteMs, outcome: 'success' });
  }
  machine.passUntil(startMs + hourMs + minuteMs);
  const slotMs = startMs + hourMs;
  assert.deepEqual(machine.agenda.forgo('b', machine.now), {
    skip: { plan: 'b', firstDueMs: slotMs, lastDueMs: slotMs, reason: 'cancelled' },
  });
  assert.equal(machine.agenda.forgo('b', machine.now), undefined);
  machine.passUntil(startMs + 2 * hourMs + 11 * minuteMs);
  assert.deepEqual(log(machine), ['a 13:00', 'a 14:00', 'b 14:10']);
});

test('caps can be changed while plans run', () => {
  const machine = new FakeMachine(startMs, zones, { runsMax: 1 });
  for (const plan of ['a', 'b']) {
    machine.add(entryOf(plan, { spec: when('13:00') }));
    machine.runs.set(plan, { takesMs: 10 * minuteMs, outcome: 'success' });
  }
  machine.passUntil(startMs + hourMs + minuteMs);
  machine.agenda.limit({ runsMax: 2, runsPerHostMax: 2 });
  machine.pass(minuteMs);
  assert.deepEqual(log(machine), ['a 13:00', 'b 13:01']);
});
