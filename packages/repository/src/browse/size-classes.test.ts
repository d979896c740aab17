import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SizeClasses } from './size-classes.ts';

test('sizes are counted by powers of ten up to the limit, and those above it are named', () => {
  const sizes = new SizeClasses(42);
  for (const size of [0, 1, 9, 10, 42, 43, 50]) sizes.add(size);
  assert.deepEqual(sizes.classes, [
    { lower: 0, upper: 0, count: 1 },
    { lower: 1, upper: 9, count: 2 },
    { lower: 10, upper: 42, count: 2 },
  ]);
  assert.deepEqual([sizes.count, sizes.totalBytes, sizes.oversized], [7, 155, [43, 50]]);
});

test('classes are shown from the first that holds something to the last, empty ones between included', () => {
  const sizes = new SizeClasses(100_000);
  assert.deepEqual(sizes.used(), []);
  for (const size of [5, 5, 2000]) sizes.add(size);
  assert.deepEqual(
    sizes.used().map(({ lower, count }) => [lower, count]),
    [
      [1, 2],
      [10, 0],
      [100, 0],
      [1000, 1],
    ],
  );
});
