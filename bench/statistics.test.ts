import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairedRatio, spreadOf } from './statistics.ts';

test('the median of an even number of values lies between the two in the middle', () => {
  assert.deepEqual(spreadOf([4, 1, 3, 2]), { min: 1, median: 2.5, max: 4 });
  assert.deepEqual(spreadOf([7]), { min: 7, median: 7, max: 7 });
});

test('nothing measured has no spread', () => {
  assert.throws(() => spreadOf([]), RangeError);
});

test('a pair in which the whole machine was slow does not move the ratio', () => {
  assert.equal(pairedRatio([20, 200, 22], [10, 100, 10]), 2);
});

test('only turns that both finished are paired', () => {
  assert.equal(pairedRatio([30, 30, 30], [10]), 3);
});
