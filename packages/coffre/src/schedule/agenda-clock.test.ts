/** Sleep, restarts and clocks that are set: nothing is lost, and nothing runs twice. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as hold, integer, array, constantFrom, property, record } from 'fast-check';
import { dueBetween } from './due.ts';
import { shareOf } from './jitter.ts';
import { parseTrigger } from './parse-trigger.ts';
import { scheduleOf } from './schedule-spec.ts';
import type { ScheduleSpec } from './schedule-spec.ts';
import { entryOf, FakeMachine } from './testing/fake-machine.ts';
import { localText } from './testing/local-times.ts';
import { parseZone, Zones } from './zone.ts';

const zones = new Zones();
const paris = parseZone('Europe/Paris');
const minuteMs = 60_000;
const hourMs = 3_600_000;
const at = (local: string): number => Temporal.PlainDateTime.from(local).toZonedDateTime(paris).epochMilliseconds;
const when = (text: string, rest: Partial<ScheduleSpec> = {}): ScheduleSpec =>
  scheduleOf([parseTrigger(text, paris)], rest);
const log = (machine: FakeMachine): string[] =>
  machine.started.map(({ atMs, cause }) => `${localText(atMs, paris).slice(0, 11)} ${cause}`);

describe('a machine that sleeps', () => {
  test('through a slot runs it once, when it woke and settled', () => {
    const machine = new FakeMachine(at('2026-11-21T22:00'), zones);
    machine.add(entryOf('db', { spec: when('30 2 * * *') }));
    machine.passUntil(at('2026-11-21T23:00'));
    machine.sleep(9 * hourMs);
    assert.equal(machine.step().clock, 'woke');
    machine.passUntil(at('2026-11-23T12:00'));
    assert.deepEqual(log(machine), ['11-22 08:01 catch_up', '11-23 02:30 slot']);
  });

  test('again and again in one slot does not run it again', () => {
    const machine = new FakeMachine(at('2026-11-22T02:00'), zones);
    machine.add(entryOf('db', { spec: when('30 2 * * *') }));
    machine.passUntil(at('2026-11-22T02:31'));
    for (let naps = 0; naps < 5; naps += 1) {
      machine.sleep(hourMs);
      machine.pass(10 * minuteMs);
    }
    assert.deepEqual(log(machine), ['11-22 02:30 slot']);
  });

  test('in the middle of a run does not count as time of that run', () => {
    const machine = new FakeMachine(at('2026-11-22T02:00'), zones);
    machine.add(entryOf('db', { spec: when('30 2 * * *'), maxRuntimeMs: 2 * hourMs }));
    machine.runs.set('db', { takesMs: hourMs, outcome: 'success' });
    machine.passUntil(at('2026-11-22T02:45'));
    machine.sleep(8 * hourMs);
    machine.pass(2 * hourMs);
    assert.deepEqual(machine.cancelled, []);
    assert.deepEqual(log(machine), ['11-22 02:30 slot']);
  });

  test('wakes a hundred plans spread over their jitter', () => {
    const machine = new FakeMachine(at('2026-11-21T22:00'), zones);
    for (let plan = 0; plan < 100; plan += 1) {
      machine.add(entryOf(`p${plan}`, { spec: when('30 2 * * *', { jitterMs: 10 * minuteMs }) }));
    }
    machine.passUntil(at('2026-11-21T23:00'));
    machine.sleep(9 * hourMs);
    machine.passUntil(at('2026-11-22T09:00'));
    assert.equal(machine.started.length, 100);
    const starts = new Set(machine.started.map(({ atMs }) => Math.floor(atMs / minuteMs)));
    assert.equal(starts.size, 10);
  });
});

describe('a restart', () => {
  test('in the middle of a run tries again, and does not run the slot a third time', () => {
    const machine = new FakeMachine(at('2026-11-22T02:00'), zones);
    machine.add(entryOf('db', { spec: when('30 2 * * *'), retries: { times: 3, waitMs: 5 * minuteMs } }));
    machine.runs.set('db', { takesMs: hourMs, outcome: 'success' });
    machine.passUntil(at('2026-11-22T02:45'));
    machine.restart(minuteMs);
    machine.passUntil(at('2026-11-22T12:00'));
    assert.deepEqual(log(machine), ['11-22 02:30 slot', '11-22 02:51 retry']);
    assert.equal(machine.started[1]?.attempt, 2);
  });

  test('between the start of a slot and its jitter neither loses nor doubles it', () => {
    const share = shareOf('db');
    const machine = new FakeMachine(at('2026-11-22T02:00'), zones);
    machine.add(entryOf('db', { spec: when('30 2 * * *', { jitterMs: hourMs, catchUp: 'skip' }) }));
    machine.passUntil(at('2026-11-22T02:31'));
    machine.restart(1000);
    machine.passUntil(at('2026-11-22T12:00'));
    assert.deepEqual(
      machine.started.map(({ atMs }) => atMs),
      [at('2026-11-22T02:30') + Math.floor(share * hourMs)],
    );
  });

  test('every few minutes still runs every hourly slot exactly once', () => {
    const machine = new FakeMachine(at('2026-11-22T00:30'), zones);
    machine.add(entryOf('db', { spec: when('every 1h') }));
    while (machine.wallMs < at('2026-11-23T00:30')) {
      machine.pass(7 * minuteMs);
      machine.restart(5000);
    }
    const covered = machine.started.map(({ slots }) => slots?.lastDueMs);
    assert.deepEqual(covered, [...new Set(covered)]);
    assert.equal(covered.length, 24);
  });
});

describe('a clock', () => {
  test('that is set back runs no slot again', () => {
    const machine = new FakeMachine(at('2026-11-22T00:30'), zones);
    machine.add(entryOf('db', { spec: when('every 1h') }));
    machine.passUntil(at('2026-11-22T05:30'));
    machine.setClock(at('2026-11-22T02:30'));
    assert.equal(machine.step().clock, 'set_back');
    machine.passUntil(at('2026-11-22T07:30'));
    const due = machine.started.map(({ slots }) => localText(slots!.lastDueMs, paris).slice(6, 11));
    assert.deepEqual(due, ['01:00', '02:00', '03:00', '04:00', '05:00', '06:00', '07:00']);
  });

  test('that was a year ahead and is set right does not mean a year without backups', () => {
    const machine = new FakeMachine(at('2027-11-22T00:30'), zones);
    machine.add(entryOf('db', { spec: when('every 1h') }));
    machine.pass(2 * hourMs);
    machine.setClock(at('2026-11-22T02:40'));
    machine.pass(hourMs);
    assert.deepEqual(machine.told, [{ plan: 'db', why: 'clock_was_ahead' }]);
    assert.deepEqual(log(machine).slice(2), ['11-22 03:00 slot']);
  });

  test('that is set back does not put off a retry that waits', () => {
    const machine = new FakeMachine(at('2026-11-22T00:30'), zones);
    machine.add(entryOf('db', { spec: when('01:00'), retries: { times: 1, waitMs: 10 * minuteMs } }));
    machine.runs.set('db', { takesMs: 1000, outcome: 'failed' });
    machine.passUntil(at('2026-11-22T01:05'));
    machine.setClock(at('2026-11-21T15:05'));
    machine.pass(10 * minuteMs);
    assert.deepEqual(log(machine), ['11-22 01:00 slot', '11-21 15:10 retry']);
  });

  test('that is corrected by seconds all the time changes nothing', () => {
    const machine = new FakeMachine(at('2026-11-22T00:30'), zones);
    machine.add(entryOf('db', { spec: when('every 1h') }));
    while (machine.wallMs < at('2026-11-23T00:30')) {
      machine.pass(61_000);
      machine.setClock(machine.wallMs - 2000);
    }
    assert.equal(machine.started.length, 24);
  });
});

test('whatever happens to the machine, each slot is done by exactly one run and none is left behind', () => {
  const events = record({
    kind: constantFrom('pass', 'pass', 'sleep', 'restart', 'back'),
    minutes: integer({ min: 1, max: 600 }),
  });
  hold(
    property(
      array(events, { minLength: 1, maxLength: 30 }),
      constantFrom('every 1h', '0,30 1-3 * * *', '*/20 * * * *'),
      (happened, text) => {
        const startMs = at('2026-10-24T20:15');
        const machine = new FakeMachine(startMs, zones);
        const spec = when(text, { jitterMs: 4 * minuteMs });
        machine.add(entryOf('db', { spec }));
        machine.step();
        let latestMs = startMs;
        for (const { kind, minutes } of happened) {
          if (kind === 'pass') machine.pass(minutes * minuteMs);
          else if (kind === 'sleep') machine.sleep(minutes * minuteMs);
          else if (kind === 'restart') machine.restart(minutes * minuteMs);
          else machine.setClock(machine.wallMs - minutes * minuteMs * 0.2);
          latestMs = Math.max(latestMs, machine.wallMs);
        }
        machine.passUntil(latestMs + hourMs);
        const expected = [...dueBetween(spec, startMs, machine.wallMs, zones)].map(({ dueMs }) => dueMs);
        const done: number[] = [];
        for (const { slots } of machine.started) {
          if (slots === undefined) continue;
          assert.ok(slots.firstDueMs > (done.at(-1) ?? 0), 'a slot was run again');
          for (const { dueMs } of dueBetween(spec, slots.firstDueMs - 1, slots.lastDueMs, zones)) done.push(dueMs);
        }
        // One may be waiting for its jitter as the test ends.
        assert.deepEqual(done, expected.slice(0, done.length));
        assert.ok(expected.length - done.length <= 1);
      },
    ),
    { numRuns: 150 },
  );
});
