/** From when on a backup is late, and from when on it is missing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTrigger } from '../schedule/parse-trigger.ts';
import { scheduleOf } from '../schedule/schedule-spec.ts';
import type { ScheduleSpec } from '../schedule/schedule-spec.ts';
import { parseZone, Zones } from '../schedule/zone.ts';
import { expectationOf } from './expectation.ts';

const paris = parseZone('Europe/Paris');
const at = (text: string): number => Date.parse(text);
const every = (text: string, rest: Partial<ScheduleSpec> = {}): ScheduleSpec =>
  scheduleOf([parseTrigger(text, paris)], rest);

function seen(spec: ScheduleSpec, answered: string | undefined, now: string, usualMs?: number) {
  const answeredMs = answered === undefined ? undefined : at(answered);
  const input = { plan: 'nightly', nowMs: at(now), answeredMs, handledMs: answeredMs, usualMs };
  const { open, nextDueMs, deadlineMs } = expectationOf(spec, input, new Zones());
  const text = (instantMs: number | undefined): string =>
    instantMs === undefined ? '-' : new Date(instantMs).toISOString().slice(5, 16);
  return [text(open?.dueMs), text(open?.softMs), text(open?.hardMs), text(nextDueMs), text(deadlineMs)].join(' ');
}

test('a slot that was answered is not waited for; the next one is', () => {
  assert.equal(
    seen(every('0 * * * *'), '2026-08-24T06:00:01Z', '2026-08-24T06:30:00Z'),
    '- - - 08-24T07:00 08-24T07:48',
  );
});

test('an hour has 5 minutes to begin and 48 to be missing', () => {
  assert.equal(
    seen(every('0 * * * *'), '2026-08-24T05:00:01Z', '2026-08-24T06:30:00Z'),
    '08-24T06:00 08-24T06:05 08-24T06:48 08-24T07:00 08-24T06:48',
  );
});

test('a day has half as much again as runs usually take, and an hour after that', () => {
  assert.equal(
    seen(every('30 2 * * *'), '2026-08-23T00:30:05Z', '2026-08-24T06:00:00Z', 40 * 60_000),
    '08-24T00:30 08-24T01:30 08-24T02:30 08-25T00:30 08-24T02:30',
  );
});

test('of many slots that nobody answered the first one counts', () => {
  assert.match(seen(every('30 2 * * *'), '2026-08-01T00:30:05Z', '2026-08-24T06:00:00Z'), /^08-02T00:30 /);
});

test('a run that began a little early answers the slot that came then', () => {
  assert.match(seen(every('30 2 * * *'), '2026-08-24T00:10:00Z', '2026-08-24T06:00:00Z'), /^- /);
  assert.match(seen(every('30 2 * * *'), '2026-08-23T22:00:00Z', '2026-08-24T06:00:00Z'), /^08-24T00:30 /);
});

test('a daily slot is waited for on days of 23 and of 25 hours', () => {
  for (const [before, after] of [
    ['2026-03-28T01:30:05Z', '2026-03-29T00:59:00Z'],
    ['2026-10-25T00:30:05Z', '2026-10-26T01:29:00Z'],
  ] as const) {
    assert.match(seen(every('30 2 * * *'), before, after), /^- /);
  }
  assert.match(seen(every('30 2 * * *'), '2026-10-24T00:30:05Z', '2026-10-25T12:00:00Z'), /^10-25T00:30 /);
});

test('a schedule of seconds is not missing while a run takes its time', () => {
  assert.match(
    seen(every('every 1s'), '2026-08-24T06:00:00Z', '2026-08-24T06:00:30Z'),
    /^08-24T06:00 08-24T06:05 08-24T06:05 /,
  );
});

test('a window that opens later moves everything', () => {
  const windows = [
    {
      text: '19:00-07:00',
      zone: paris,
      weekdays: [0, 1, 2, 3, 4, 5, 6] as const,
      fromMinute: 19 * 60,
      toMinute: 7 * 60,
    },
  ];
  assert.equal(
    seen(every('0 12 * * *', { windows }), '2026-08-23T17:00:05Z', '2026-08-24T11:00:00Z'),
    '08-24T10:00 08-24T17:05 08-24T18:05 08-25T10:00 08-24T18:05',
  );
});

test('a plan without a past is not late, and one without a clock is never due', () => {
  assert.match(seen(every('0 * * * *'), undefined, '2026-08-24T06:30:00Z'), /^- - - 08-24T07:00/);
  assert.equal(seen(scheduleOf([]), '2020-01-01T00:00:00Z', '2026-08-24T06:30:00Z'), '- - - - -');
});
