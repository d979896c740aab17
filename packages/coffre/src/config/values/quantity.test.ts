import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  readBytesPerSecond,
  readCalendarSpan,
  readDurationMs,
  readPercent,
  readShare,
  readSizeBytes,
} from './quantity.ts';
import { readDueTime, readTimetable, readTimeWindow, readTimeZone } from './schedule-text.ts';

const refuses = (read: (text: string) => { problem?: string }, ...texts: string[]): void => {
  for (const text of texts) assert.notEqual(read(text).problem, undefined, JSON.stringify(text));
};

test('durations are milliseconds, with a unit always', () => {
  assert.equal(readDurationMs('30s').value, 30_000);
  assert.equal(readDurationMs('1h30m').value, 5_400_000);
  assert.equal(readDurationMs('1h 30m').value, 5_400_000);
  assert.equal(readDurationMs('90d').value, 7_776_000_000);
  assert.equal(readDurationMs('1.5h').value, 5_400_000);
  assert.equal(readDurationMs('0s').value, 0);
  assert.equal(readDurationMs('250ms').value, 250);
  assert.equal(readDurationMs('60min').value, 3_600_000);
  refuses(readDurationMs, '', '10', 'm', '10 minutes', '-5m', '5mm', '1h,2m', '5m ', '1e3s', '999999999999d');
});

test('sizes and rates know thousands from 1024, and bits from bytes', () => {
  assert.equal(readSizeBytes('60 GB').value, 60_000_000_000);
  assert.equal(readSizeBytes('60 GiB').value, 60 * 1024 ** 3);
  assert.equal(readSizeBytes('60G').value, 60 * 1024 ** 3);
  assert.equal(readSizeBytes('512').value, 512);
  assert.equal(readBytesPerSecond('20 Mbit/s').value, 2_500_000);
  assert.equal(readBytesPerSecond('512 KiB/s').value, 524_288);
  assert.equal(readPercent('40%').value, 40);
  assert.deepEqual(readShare('2% per day').value, { percent: 2, perMs: 86_400_000 });
  refuses(readSizeBytes, '', 'GB', '-1 GB', '5 iB', '1 XB', '9999999 PB');
  refuses(readBytesPerSecond, '20', '20 Mbit', '0 Mbit/s', '5 MB', 'fast/s');
  refuses(readPercent, '40', '%', '-1%', 'all');
  refuses(readShare, '2%', '200% per day', '2% per year');
});

test('how long snapshots stay is calendar time, and m is neither minute nor month', () => {
  assert.deepEqual(readCalendarSpan('1y6mo2w3d4h').value, { years: 1, months: 6, days: 17, hours: 4 });
  assert.match(readCalendarSpan('7m').problem!, /1mo/);
  refuses(readCalendarSpan, '', '7', 'd', '7days');
});

test('words for times are those of the schedule, and a few more', () => {
  for (const text of [
    'daily',
    'weekly',
    '02:30',
    'Sun 05:00',
    '1st Sat 07:00',
    '30 2 * * *',
    'every 6h',
    'last Fri 18:00',
  ]) {
    assert.deepEqual(readTimetable(text), { value: text });
  }
  refuses(readTimetable, '', 'sometimes', '25:00', 'Sunn 05:00', '0 3 31 2 *', '60 * * * *');
  refuses(readTimeWindow, '', '19:00', '19-07', '25:00-26:00');
  assert.equal(readTimeZone('Europe/Paris').value, 'Europe/Paris');
  refuses(readTimeZone, '', 'Europe/Pariss', '../etc');
  assert.deepEqual(readDueTime('20:00Z').value, { minuteOfDay: 1200, utcOffsetMinutes: 0 });
  assert.deepEqual(readDueTime('21:30+01:00').value, { minuteOfDay: 1290, utcOffsetMinutes: 60 });
  assert.deepEqual(readDueTime('20:00').value, { minuteOfDay: 1200, utcOffsetMinutes: undefined });
  refuses(readDueTime, '24:00', '8pm', '20:00z');
});
