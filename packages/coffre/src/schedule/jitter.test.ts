import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as hold, boolean, constantFrom, integer, property, string } from 'fast-check';
import { createSeededRandom } from '@coffre/repository/testing';
import { nextDue } from './due.ts';
import { shareOf, startOf } from './jitter.ts';
import { scheduleOf } from './schedule-spec.ts';
import { samplePlan, sampleZones } from './testing/sample-plans.ts';
import { openingAt, parseWindow } from './window.ts';
import { parseZone, Zones } from './zone.ts';

const zones = new Zones();

test('a plan has the same share always, and other plans have others', () => {
  // The value is part of the contract: another one would move every backup of every user.
  assert.equal(shareOf('db-hourly').toFixed(6), '0.507277');
  assert.equal(shareOf('db-hourly'), shareOf('db-hourly'));
  assert.notEqual(shareOf('db-hourly'), shareOf('files-6h'));
});

test('the shares of many plans are spread evenly', () => {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let plan = 0; plan < 10_000; plan += 1) tenths[Math.floor(shareOf(`plan-${plan}`) * 10)]! += 1;
  for (const count of tenths) assert.ok(count > 900 && count < 1100, tenths.join(' '));
});

test('a delay never reaches the next slot and never leaves the window', () => {
  hold(
    property(
      integer({ min: 0, max: 2 ** 31 }),
      constantFrom(...sampleZones),
      string(),
      integer({ min: Date.UTC(2005, 0), max: Date.UTC(2045, 0) }),
      integer({ min: 0, max: 86_400_000 }),
      boolean(),
      (seed, zoneName, plan, afterMs, jitterMs, hasWindow) => {
        const zone = parseZone(zoneName);
        const windows = hasWindow ? [parseWindow('22:00-03:30', zone), parseWindow('weekends 00:00-24:00', zone)] : [];
        const spec = scheduleOf([samplePlan(createSeededRandom(seed), zone).trigger], { jitterMs, windows });
        const slot = nextDue(spec, afterMs, zones);
        if (slot === undefined) return;
        const startMs = startOf(spec, slot, shareOf(plan), zones);
        const nextMs = nextDue(spec, slot.dueMs, zones)?.dueMs ?? Number.POSITIVE_INFINITY;
        const { opensMs, closesMs } = openingAt(windows, slot.dueMs, zones);
        assert.ok(startMs >= opensMs && startMs < closesMs);
        assert.ok(startMs - opensMs <= jitterMs);
        if (opensMs === slot.dueMs) assert.ok(startMs < nextMs);
        assert.equal(openingAt(windows, startMs, zones).opensMs, startMs);
      },
    ),
  );
});

test('windows cross midnight, keep to their days and stay shut in a skipped hour', () => {
  const paris = parseZone('Europe/Paris');
  const at = (local: string): number => Temporal.PlainDateTime.from(local).toZonedDateTime(paris).epochMilliseconds;
  const opens = (text: string, local: string): number =>
    openingAt([parseWindow(text, paris)], at(local), zones).opensMs;
  assert.equal(opens('Fri 22:00-06:00', '2026-11-21T05:59'), at('2026-11-21T05:59'), 'a night belongs to its evening');
  assert.equal(opens('Fri 22:00-06:00', '2026-11-21T06:00'), at('2026-11-27T22:00'));
  assert.equal(opens('19:00-07:00', '2026-11-21T12:00'), at('2026-11-21T19:00'));
  assert.equal(opens('weekends 00:00-24:00', '2026-11-23T00:00'), at('2026-11-28T00:00'));
  // 02:00–03:00 is not there on 29 March.
  assert.equal(opens('02:00-02:45', '2026-03-29T00:00'), at('2026-03-30T02:00'));
  assert.equal(opens('02:30-04:00', '2026-03-29T00:00'), at('2026-03-29T03:00'));
});
