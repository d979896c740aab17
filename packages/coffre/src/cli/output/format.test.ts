import assert from 'node:assert/strict';
import { test } from 'node:test';
import { column, formatBytes, formatFixed, formatGoDuration, formatPercent, formatSeconds } from './format.ts';

test('sizes are printed as restic prints them', () => {
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(1023), '1023 B');
  assert.equal(formatBytes(1024), '1.000 KiB');
  assert.equal(formatBytes(300_023), '292.991 KiB');
  assert.equal(formatBytes(2_400_155), '2.289 MiB');
  assert.equal(formatBytes(5 * 2 ** 40), '5.000 TiB');
  assert.equal(formatBytes(2n ** 63n), '8388608.000 TiB');
});

test('a tie in the third digit goes to the even one', () => {
  assert.equal(formatBytes(1088), '1.062 KiB');
  assert.equal(formatBytes(1216), '1.188 KiB');
  assert.equal(formatFixed(0.125, 2), '0.12');
  assert.equal(formatFixed(0.375, 2), '0.38');
  assert.equal(formatFixed(2.5, 0), '2');
});

test('shares never exceed the whole, and a share of nothing is empty', () => {
  assert.equal(formatPercent(1, 4), '25.00%');
  assert.equal(formatPercent(9, 4), '100.00%');
  assert.equal(formatPercent(0, 0), '');
});

test('durations show hours only when there are some', () => {
  assert.equal(formatSeconds(0), '0:00');
  assert.equal(formatSeconds(61.9), '1:01');
  assert.equal(formatSeconds(3661), '1:01:01');
  assert.equal(formatGoDuration(3), '3ms');
  assert.equal(formatGoDuration(1500), '1.5s');
  assert.equal(formatGoDuration(123_000), '2m3s');
});

test('numbers in columns are right-aligned', () => {
  assert.equal(column(7), '    7');
  assert.equal(column(1234567), '1234567');
});
