import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  clampTimestamp,
  compareTimestamps,
  formatLocal,
  formatTimestamp,
  offsetMinutesOf,
  parseTimestamp,
  readTimestamp,
  timestampNs,
  timestampOfNs,
  zeroTimestamp,
} from './time.ts';

const seconds = fc.integer({ min: -62_167_219_200, max: 253_402_300_799 });
const nanoseconds = fc.integer({ min: 0, max: 999_999_999 });

test('every time from year 0 to 9999 survives being written', () => {
  fc.assert(
    fc.property(seconds, nanoseconds, (sec, nsec) => {
      assert.deepEqual(parseTimestamp(formatTimestamp({ sec, nsec })), { sec, nsec });
      const [date = ''] = formatTimestamp({ sec, nsec: 0 }).split('Z');
      if (sec >= 0) assert.equal(date, new Date(sec * 1000).toISOString().slice(0, 19));
    }),
    { numRuns: 500 },
  );
});

test('an offset is kept as it was written and does not change the instant', () => {
  const time = parseTimestamp('2024-02-29T23:59:59.5+05:30');
  assert.deepEqual(time, { sec: 1_709_231_399, nsec: 500_000_000, offsetMinutes: 330 });
  assert.equal(formatTimestamp(time), '2024-02-29T23:59:59.5+05:30');
  assert.equal(compareTimestamps(time, parseTimestamp('2024-02-29T18:29:59.5Z')), 0);
  assert.equal(offsetMinutesOf('2024-01-01T00:00:00-03:30'), -210);
  assert.equal(offsetMinutesOf('2024-01-01T00:00:00Z'), 0);
});

test('years beyond four digits become the nearest that fits, as restic does', () => {
  const far = timestampOfNs(2n ** 63n * 100n);
  assert.match(formatTimestamp(far), /^9999-/);
  assert.match(formatTimestamp({ sec: -70_000_000_000, nsec: 5 }), /^0000-.*\.000000005Z$/);
  assert.equal(formatTimestamp({ sec: 253_402_300_800, nsec: 0 }), '9999-01-01T00:00:00Z');
  assert.deepEqual(clampTimestamp({ sec: 0, nsec: 1 }), { sec: 0, nsec: 1 });
});

test('text that is no time is refused', () => {
  const bad = [
    '',
    '2024',
    '2O24-01-01T00:00:00Z',
    '202\\-01-01T00:00:00Z',
    '2024-13-01T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T00:60:00Z',
    '2024-01-01T00:00:60Z',
    '2024-01-01T00:00:00',
    '2024-01-01T00:00:00.Z',
    '2024-01-01T00:00:00+1:00',
    '2024-01-01T00:00:00+24:00',
    '2024-01-01T00:00:00Zx',
    '2024-01-01 00:00:00Z',
    '2024-01-01T00:00:00.5',
    '20é4-01-01T00:00:00Z',
  ];
  for (const text of bad) {
    assert.equal(readTimestamp(text), undefined, text);
    assert.throws(() => parseTimestamp(text), { code: 'REPO_FILE_DAMAGED' });
  }
});

test('digits beyond nanoseconds are dropped', () => {
  assert.deepEqual(parseTimestamp('1970-01-01T00:00:00.1234567899Z'), { sec: 0, nsec: 123_456_789 });
});

test('nanoseconds round towards the past and back', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }), (ns) =>
      assert.equal(timestampNs(timestampOfNs(ns)), ns),
    ),
  );
  assert.deepEqual(timestampOfNs(-1n), { sec: -1, nsec: 999_999_999 });
});

test("Go's zero time is known by its text", () => {
  assert.equal(formatTimestamp(zeroTimestamp), '0001-01-01T00:00:00Z');
});

test('local times carry the offset that the zone has at that instant', () => {
  const program = `const { formatLocal } = await import(${JSON.stringify(new URL('time.ts', import.meta.url).href)});
    console.log(formatLocal({ sec: 1705312800, nsec: 7 }), formatLocal({ sec: 1721037600, nsec: 0 }));`;
  const linesIn = (zone: string) =>
    execFileSync(process.execPath, ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program], {
      env: { ...process.env, TZ: zone },
      encoding: 'utf8',
    }).trim();
  assert.equal(linesIn('Europe/Paris'), '2024-01-15T11:00:00.000000007+01:00 2024-07-15T12:00:00+02:00');
  assert.equal(linesIn('Europe/London'), '2024-01-15T10:00:00.000000007Z 2024-07-15T11:00:00+01:00');
  assert.equal(linesIn('Asia/Kolkata'), '2024-01-15T15:30:00.000000007+05:30 2024-07-15T15:30:00+05:30');
  assert.equal(compareTimestamps(parseTimestamp(formatLocal({ sec: 5, nsec: 6 })), { sec: 5, nsec: 6 }), 0);
});
