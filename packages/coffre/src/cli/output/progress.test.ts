import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressIntervalMs } from './progress.ts';
import { progressBar, RateEstimator, watchedLine } from './rate.ts';

test('progress is shown ten times a second to whoever watches, and to nobody else', () => {
  const terminal = { show: true, json: false, canUpdateStatus: true };
  assert.equal(progressIntervalMs(undefined, terminal), 100);
  assert.equal(progressIntervalMs(undefined, { ...terminal, canUpdateStatus: false }), 0);
  assert.equal(progressIntervalMs(undefined, { ...terminal, canUpdateStatus: false, json: true }), 100);
  assert.equal(progressIntervalMs(undefined, { ...terminal, show: false }), 0);
});

test('frames per second can be asked for, at most sixty, also in a file', () => {
  const file = { show: true, json: false, canUpdateStatus: false };
  assert.equal(progressIntervalMs('0.5', file), 2000);
  assert.equal(progressIntervalMs('1000', file), 1000 / 60);
  for (const wrong of ['', '0', '-1', 'many']) assert.equal(progressIntervalMs(wrong, file), 0);
});

test('the rate follows the last half minute', () => {
  const rate = new RateEstimator(30_000);
  rate.record(0, 0);
  assert.equal(rate.bytesPerSecond(), 0);
  rate.record(1000, 5000);
  assert.equal(rate.bytesPerSecond(), 5000);
  for (let second = 2; second <= 60; second++) rate.record(second * 1000, 5000 + (second - 1) * 100);
  assert.equal(rate.bytesPerSecond(), 100);
});

test('the line of a terminal says share, files, bytes, rate and time left, and draws where there is room', () => {
  const work = {
    elapsedMs: 5000,
    noun: 'files',
    files: { done: 1, total: 4 },
    bytes: { done: 1024 * 1024, total: 4 * 1024 * 1024 },
    bytesPerSecond: 1024 * 1024,
    beside: ['2 errors'],
  };
  const line = '[0:05] 25.00%  1 / 4 files, 1.000 MiB / 4.000 MiB, 2 errors, 1.000 MiB/s, ETA 0:03';
  assert.equal(watchedLine(work, 80), line);
  assert.equal(watchedLine(work, 200), line.replace('] ', `] ${progressBar(1, 4)} `));
  assert.equal(progressBar(1, 4), '[#####---------------]');
});
