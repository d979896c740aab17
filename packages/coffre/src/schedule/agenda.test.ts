import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTrigger } from './parse-trigger.ts';
import { scheduleOf } from './schedule-spec.ts';
import type { ScheduleSpec } from './schedule-spec.ts';
import { entryOf, FakeMachine } from './testing/fake-machine.ts';
import { localText } from './testing/local-times.ts';
import { parseWindow } from './window.ts';
import { parseZone, Zones } from './zone.ts';

const zones = new Zones();
const paris = parseZone('Europe/Paris');
const minuteMs = 60_000;
const hourMs = 3_600_000;
const at = (local: string): number => Temporal.PlainDateTime.from(local).toZonedDateTime(paris).epochMilliseconds;
const when = (text: string, rest: Partial<ScheduleSpec> = {}): ScheduleSpec =>
  scheduleOf([parseTrigger(text, paris)], rest);

function machineAt(local: string, limits: ConstructorParameters<typeof FakeMachine>[2] = {}): FakeMachine {
  return new FakeMachine(at(local), zones, limits);
}

/** `11-21 02:30 slot` for each run. */
function log(machine: FakeMachine): string[] {
  return machine.started.map(({ atMs, cause }) => `${localText(atMs, paris).slice(0, 11)} ${cause}`);
}

describe('a slot', () => {
  test('starts its plan at its time, day after day, also when clocks change', () => {
    const machine = machineAt('2026-10-24T12:00');
    machine.add(entryOf('db', { spec: when('30 2 * * *') }));
    machine.passUntil(at('2026-10-27T12:00'));
    assert.deepEqual(log(machine), ['10-25 02:30 slot', '10-26 02:30 slot', '10-27 02:30 slot']);
  });

  test('costs no step in between', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('db', { spec: when('30 2 * * *') }));
    machine.passUntil(at('2026-11-28T12:00'));
    // The first one, and for each run its start and its end.
    assert.equal(machine.steps, 1 + 7 * 2);
  });

  test('that the daemon was down for runs once after it settled, however many there were', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('db', { spec: when('every 1h') }), { handledMs: at('2026-11-18T12:00') });
    machine.passUntil(at('2026-11-21T13:30'));
    assert.deepEqual(log(machine), ['11-21 12:01 catch_up', '11-21 13:00 slot']);
    assert.deepEqual(machine.started[0]?.slots, {
      firstDueMs: at('2026-11-18T13:00'),
      lastDueMs: at('2026-11-21T12:00'),
    });
  });

  test('that was missed is passed over when nothing is to be caught up', () => {
    const machine = machineAt('2026-11-21T12:10');
    machine.add(entryOf('db', { spec: when('every 1h', { catchUp: 'skip' }) }), { handledMs: at('2026-11-21T09:00') });
    machine.passUntil(at('2026-11-21T13:30'));
    assert.deepEqual(log(machine), ['11-21 13:00 slot']);
    assert.deepEqual(machine.skipped, [
      { plan: 'db', firstDueMs: at('2026-11-21T10:00'), lastDueMs: at('2026-11-21T12:00'), reason: 'missed' },
    ]);
  });

  test('that comes due while its plan runs is done once, right after', () => {
    const machine = machineAt('2026-11-21T00:30');
    machine.add(entryOf('slow', { spec: when('every 1h') }));
    machine.runs.set('slow', { takesMs: 3.5 * hourMs, outcome: 'success' });
    machine.passUntil(at('2026-11-21T06:00'));
    assert.deepEqual(log(machine), ['11-21 01:00 slot', '11-21 04:30 slot']);
    assert.deepEqual(machine.started[1]?.slots, {
      firstDueMs: at('2026-11-21T02:00'),
      lastDueMs: at('2026-11-21T04:00'),
    });
  });

  test('that reads everything again makes its run do so, also together with others and until one succeeded', () => {
    const machine = machineAt('2026-11-22T02:30');
    const spec = when('every 1h', { full: [parseTrigger('Sun 03:00', paris)] });
    machine.add(entryOf('db', { spec }));
    machine.runs.set('db', { takesMs: 1000, outcome: 'failed' });
    machine.passUntil(at('2026-11-22T03:30'));
    machine.runs.set('db', { takesMs: 1000, outcome: 'success' });
    machine.passUntil(at('2026-11-22T05:30'));
    assert.deepEqual(
      machine.started.map(({ full }) => full),
      [true, true, false],
    );
  });

  test('of a disabled plan does nothing, and enabling it brings nothing from before', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('db', { spec: when('every 1h', { enabled: false }) }));
    machine.pass(5 * hourMs);
    machine.add(entryOf('db', { spec: when('every 1h') }));
    machine.pass(90 * minuteMs);
    assert.deepEqual(log(machine), ['11-21 18:00 slot']);
  });
});

describe('a pause', () => {
  test('holds everything, and one run follows it', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('db', { spec: when('every 1h', { pausedUntilMs: at('2026-11-21T16:30') }) }));
    machine.passUntil(at('2026-11-21T17:30'));
    assert.deepEqual(log(machine), ['11-21 16:30 slot', '11-21 17:00 slot']);
  });

  test('leaves out what is not to be caught up', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('db', { spec: when('every 1h', { catchUp: 'skip' }) }));
    machine.surroundings = { pausedUntilMs: at('2026-11-21T14:30') };
    machine.passUntil(at('2026-11-21T15:30'));
    assert.deepEqual(log(machine), ['11-21 15:00 slot']);
    assert.deepEqual(
      machine.skipped.map(({ reason }) => reason),
      ['paused', 'paused'],
    );
  });
});

describe('a window', () => {
  const night = { windows: [parseWindow('19:00-07:00', paris)] };

  test('lets runs start only inside, and what waited starts when it opens', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('db', { spec: when('every 4h', night) }));
    machine.passUntil(at('2026-11-22T12:00'));
    assert.deepEqual(log(machine), ['11-21 19:00 slot', '11-21 21:00 slot', '11-22 01:00 slot', '11-22 05:00 slot']);
  });

  test('that closes lets what runs finish', () => {
    const machine = machineAt('2026-11-21T06:00');
    machine.add(entryOf('db', { spec: when('06:30', night) }));
    machine.runs.set('db', { takesMs: 5 * hourMs, outcome: 'success' });
    machine.passUntil(at('2026-11-21T20:00'));
    assert.deepEqual(log(machine), ['11-21 06:30 slot']);
    assert.deepEqual(machine.cancelled, []);
  });

  test('is not for a run that somebody asks for', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('db', { spec: when('20:00', night) }));
    machine.agenda.ask('db', 'command', machine.now);
    machine.pass(hourMs);
    assert.deepEqual(log(machine), ['11-21 12:00 command']);
  });
});

describe('events', () => {
  test('by hand never move the grid and never stand for the next slot', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('db', { spec: when('every 6h') }));
    machine.passUntil(at('2026-11-21T12:50'));
    machine.agenda.ask('db', 'command', machine.now);
    machine.passUntil(at('2026-11-21T13:30'));
    assert.deepEqual(log(machine), ['11-21 12:50 command', '11-21 13:00 slot']);
    assert.equal(machine.started[0]?.slots, undefined);
  });

  test('of changes wait until it is quiet, but not for ever', () => {
    const machine = machineAt('2026-11-21T12:00');
    const spec = scheduleOf([{ kind: 'on_change', settleMs: 2000, atMostMs: 30_000 }]);
    machine.add(entryOf('states', { spec }));
    machine.pass(10 * minuteMs);
    const firstMs = machine.wallMs;
    for (let second = 0; second < 45; second += 1) {
      machine.agenda.changed('states', machine.now);
      machine.pass(1000);
    }
    machine.pass(minuteMs);
    assert.deepEqual(
      machine.started.map(({ atMs, cause }) => [atMs - firstMs, cause]),
      [
        [30_000, 'change'],
        [46_000, 'change'],
      ],
    );
  });

  test('of a trigger are settled as changes are, while it runs they are one, and windows and the switch hold', () => {
    const machine = machineAt('2026-11-21T12:00');
    const trigger = { kind: 'extension', use: 'door', settings: {}, settleMs: 2000, atMostMs: 30_000 } as const;
    machine.add(entryOf('live', { spec: scheduleOf([trigger]) }));
    machine.add(entryOf('off', { spec: scheduleOf([trigger], { enabled: false }) }));
    machine.add(entryOf('night', { spec: scheduleOf([trigger], { windows: [parseWindow('19:00-07:00', paris)] }) }));
    machine.runs.set('live', { takesMs: 10 * minuteMs, outcome: 'success' });
    machine.pass(minuteMs);
    for (let second = 0; second < 5; second += 1) {
      assert.equal(machine.agenda.fired('live', 'door', machine.now), true);
      machine.pass(1000);
    }
    assert.equal(machine.agenda.fired('off', 'door', machine.now), false);
    assert.equal(machine.agenda.fired('live', 'window', machine.now), false);
    assert.equal(machine.agenda.fired('night', 'door', machine.now), true);
    machine.pass(minuteMs);
    for (let second = 0; second < 5; second += 1) machine.agenda.fired('live', 'door', machine.now);
    machine.passUntil(at('2026-11-21T20:00'));
    assert.deepEqual(
      machine.started.map(({ plan, atMs, cause }) => `${plan} ${localText(atMs, paris).slice(6, 11)} ${cause}`),
      ['live 12:01 trigger:door', 'live 12:11 trigger:door', 'night 19:00 trigger:door'],
    );
  });

  test('of another plan follow its success only', () => {
    const machine = machineAt('2026-11-21T12:00');
    machine.add(entryOf('dump', { spec: when('every 1h') }));
    machine.add(entryOf('files', { spec: scheduleOf([{ kind: 'after', plan: 'dump' }]) }));
    machine.runs.set('dump', { takesMs: 10 * minuteMs, outcome: 'failed' });
    machine.passUntil(at('2026-11-21T13:30'));
    machine.runs.set('dump', { takesMs: 10 * minuteMs, outcome: 'success' });
    machine.passUntil(at('2026-11-21T14:30'));
    assert.deepEqual(log(machine), ['11-21 13:00 slot', '11-21 14:00 slot', '11-21 14:10 after']);
  });
});

test('asking more often than needed changes nothing', () => {
  const busy = machineAt('2026-10-24T20:00', { runsMax: 2 });
  const calm = machineAt('2026-10-24T20:00', { runsMax: 2 });
  for (const machine of [busy, calm]) {
    for (const [index, text] of ['every 20m', '0,30 1-3 * * *', '10 * * * *', '*/15 2 * * *'].entries()) {
      const plan = `p${index}`;
      machine.add(
        entryOf(plan, { spec: when(text, { jitterMs: 5 * minuteMs }), retries: { times: 2, waitMs: minuteMs } }),
      );
      machine.runs.set(plan, { takesMs: (index + 3) * 4 * minuteMs, outcome: index === 2 ? 'failed' : 'success' });
    }
  }
  calm.passUntil(at('2026-10-26T08:00'));
  while (busy.wallMs < at('2026-10-26T08:00')) busy.pass(minuteMs);
  assert.ok(calm.started.length > 100);
  assert.deepEqual(busy.started, calm.started);
  assert.ok(calm.steps < busy.steps);
});
