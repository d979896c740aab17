import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rejectsWith } from '../../testing/backend-conformance.ts';
import { localMinuteOfDay, parseRateWindows, ratesAt } from './rate-plan.ts';
import type { RatePlan, Rates } from './rate-plan.ts';

const usual: Rates = { up: 7 };
const at = (text: string, time: string): Rates => {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return ratesAt({ usual, windows: parseRateWindows(text) }, hour * 60 + minute);
};

test('a rate is in KiB per second, or with K, M or G; one for both ways or one for each', () => {
  assert.deepEqual(at('08:00-18:00=512', '12:00'), { up: 512 * 1024, down: 512 * 1024 });
  assert.deepEqual(at('08:00-18:00=1M/4m', '12:00'), { up: 1024 ** 2, down: 4 * 1024 ** 2 });
  assert.deepEqual(at('8:00-18:00=1.5K/2G', '12:00'), { up: 1536, down: 2 * 1024 ** 3 });
  assert.deepEqual(at('08:00-18:00=off/64', '12:00'), { down: 64 * 1024 });
  assert.deepEqual(at('08:00-18:00=off', '12:00'), {});
});

test('a window begins with its first minute and ends before its last; outside the usual rates hold', () => {
  const text = '08:00-18:00=1';
  assert.deepEqual(at(text, '07:59'), usual);
  assert.deepEqual(at(text, '08:00'), { up: 1024, down: 1024 });
  assert.deepEqual(at(text, '17:59'), { up: 1024, down: 1024 });
  assert.deepEqual(at(text, '18:00'), usual);
});

test('a window may lie over midnight, end with the day, and stand beside others', () => {
  const text = '22:30-06:00=1, 06:00-08:00=2  12:00-13:00=3';
  assert.equal(at(text, '23:59').up, 1024);
  assert.equal(at(text, '00:00').up, 1024);
  assert.equal(at(text, '06:00').up, 2048);
  assert.equal(at(text, '12:30').up, 3072);
  assert.equal(at(text, '22:00').up, 7);
  assert.equal(at('20:00-24:00=1', '23:59').up, 1024);
  assert.equal(at('00:00-24:00=1', '05:00').up, 1024);
});

test('what is no timetable is refused with a sentence that names the place', async () => {
  const bad: [string, RegExp][] = [
    ['', /empty/],
    ['8-18=1', /"8-18=1" is no entry/],
    ['08:00-18:00', /is no entry/],
    ['08:00-18:00=1/2/3', /is no entry/],
    ['08:00-25:00=1', /no time of the day/],
    ['08:60-18:00=1', /no time of the day/],
    ['08:00-08:00=1', /same time/],
    ['08:00-18:00=0', /"0" in .* is no rate/],
    ['08:00-18:00=-1', /is no rate/],
    ['08:00-18:00=fast', /is no rate/],
    ['08:00-18:00=9999999999G', /is no rate/],
    ['08:00-12:00=1,11:59-13:00=2', /08:00-12:00 and 11:59-13:00 .* overlap/],
    ['22:00-06:00=1,05:00-07:00=2', /overlap/],
    ['00:00-24:00=1,05:00-07:00=2', /overlap/],
  ];
  for (const [text, sentence] of bad) {
    const parse = async (): Promise<unknown> => parseRateWindows(text);
    await rejectsWith('USAGE', parse());
    await assert.rejects(parse, sentence);
  }
});

test('the wall clock decides on days of 23 and of 25 hours', () => {
  const before = process.env['TZ'];
  process.env['TZ'] = 'Europe/Berlin';
  try {
    const plan: RatePlan = { usual, windows: parseRateWindows('02:00-03:00=1') };
    const limitedMinutes = (day: string): number => {
      let minutes = 0;
      for (let minute = 0; minute < 26 * 60; minute += 1) {
        const nowMs = Date.parse(`${day}T00:00:00+01:00`) + (minute - 60) * 60_000;
        if (ratesAt(plan, localMinuteOfDay(nowMs)).up === 1024) minutes += 1;
      }
      return minutes;
    };
    assert.equal(limitedMinutes('2026-03-28'), 60);
    assert.equal(limitedMinutes('2026-03-29'), 0);
    assert.equal(limitedMinutes('2026-10-25'), 120);
  } finally {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  }
});
