import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs, parseLocalTime, parseSize, parseWholeNumber } from './values.ts';
import { parseLooseTime } from './times.ts';

const isUsage = { code: 'USAGE' };

test('sizes are read with their units', () => {
  assert.equal(parseSize('0', 'x'), 0);
  assert.equal(parseSize('17b', 'x'), 17);
  assert.equal(parseSize('10k', 'x'), 10_240);
  assert.equal(parseSize('3G', 'x'), 3 * 2 ** 30);
  for (const wrong of ['', 'k', '1.5M', '-1', '10x', '99999999T'])
    assert.throws(() => parseSize(wrong, 'x'), isUsage, wrong);
});

test('durations are read as Go writes them', () => {
  assert.equal(parseDurationMs('90s', 'x'), 90_000);
  assert.equal(parseDurationMs('1h30m', 'x'), 5_400_000);
  assert.equal(parseDurationMs('1.5h', 'x'), 5_400_000);
  assert.equal(parseDurationMs('250ms', 'x'), 250);
  assert.equal(parseDurationMs('0', 'x'), 0);
  for (const wrong of ['', '5', 'm', '5 m', '-5m', '5d'])
    assert.throws(() => parseDurationMs(wrong, 'x'), isUsage, wrong);
});

test('whole numbers are whole', () => {
  assert.equal(parseWholeNumber('12', 'x'), 12);
  for (const wrong of ['', '1.0', '-1', '1e3', 'abc'])
    assert.throws(() => parseWholeNumber(wrong, 'x'), isUsage, wrong);
});

test('a time is local, and a day that no calendar has is refused', () => {
  assert.deepEqual(parseLocalTime('2026-02-28 13:05:09', 'x'), new Date(2026, 1, 28, 13, 5, 9));
  for (const wrong of ['2026-02-30 00:00:00', '2026-01-01', '2026-01-01 24:00:00', 'now']) {
    assert.throws(() => parseLocalTime(wrong, 'x'), isUsage, wrong);
  }
});

test('a looser time may lack its clock, be written day first, or carry a zone', () => {
  assert.deepEqual(parseLooseTime('2026-01-31', 'x'), new Date(2026, 0, 31));
  assert.deepEqual(parseLooseTime('31.01.2026 13:05', 'x'), new Date(2026, 0, 31, 13, 5));
  assert.deepEqual(parseLooseTime('2026-01-31 13:05:00 +0130', 'x'), new Date('2026-01-31T13:05:00+01:30'));
  assert.deepEqual(parseLooseTime('2026-01-31 13:05:00 UTC', 'x'), new Date('2026-01-31T13:05:00Z'));
  assert.throws(() => parseLooseTime('yesterday', 'x'), isUsage);
});
