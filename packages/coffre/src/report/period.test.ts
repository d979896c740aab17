import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseZone } from '../schedule/zone.ts';
import { periodOf } from './period.ts';
import type { ReportSpan } from './period.ts';

const paris = parseZone('Europe/Paris');
const nowMs = Date.parse('2026-11-21T19:00:00Z');
const shown = (span: ReportSpan, at?: string, now = nowMs): string => {
  const { fromMs, toMs, firstDay, lastDay, dayStartsMs, before } = periodOf(span, at, now, paris);
  const hour = (instantMs: number): string => new Date(instantMs).toISOString().slice(5, 13);
  return `${firstDay} ${lastDay} ${hour(fromMs)} ${hour(toMs)} ${dayStartsMs.length - 1} ${hour(before.fromMs)}`;
};

test('without a day it is the last period that is over', () => {
  assert.equal(shown('daily'), '2026-11-20 2026-11-20 11-19T23 11-20T23 1 11-18T23');
  assert.equal(shown('weekly'), '2026-11-09 2026-11-15 11-08T23 11-15T23 7 11-01T23');
  assert.equal(shown('monthly'), '2026-10-01 2026-10-31 09-30T22 10-31T23 31 08-31T22');
});

test('with a day it is the one that the day lies in, also when it still goes on', () => {
  assert.equal(shown('daily', '2026-11-21'), '2026-11-21 2026-11-21 11-20T23 11-21T23 1 11-19T23');
  assert.equal(shown('weekly', '2026-11-22'), '2026-11-16 2026-11-22 11-15T23 11-22T23 7 11-08T23');
  assert.equal(shown('monthly', '2026-02-28'), '2026-02-01 2026-02-28 01-31T23 02-28T23 28 12-31T23');
});

test('days on which clocks change have 23 and 25 hours', () => {
  const lengths = ['2026-03-29', '2026-10-25'].map((day) => {
    const { fromMs, toMs } = periodOf('daily', day, nowMs, paris);
    return (toMs - fromMs) / 3_600_000;
  });
  assert.deepEqual(lengths, [23, 25]);
});

test('what is no day, or still to come, is refused', () => {
  for (const day of ['2026-02-30', '2026-13-01', 'today', '', '2026-2-1', '20260201']) {
    assert.throws(() => periodOf('daily', day, nowMs, paris), { code: 'USAGE' }, day);
  }
  assert.throws(() => periodOf('daily', '2026-11-22', nowMs, paris), { code: 'USAGE' });
});
