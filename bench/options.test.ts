import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOptions, rowNames, setNames } from './options.ts';

test('without flags everything runs at full size, three times', () => {
  const { rows, sets, pairs, scale, peers, record } = parseOptions([]);
  assert.deepEqual(
    { rows, sets, pairs, scale, peers, record },
    { rows: rowNames, sets: setNames, pairs: 3, scale: 1, peers: [], record: true },
  );
});

test('lists are split, and rows keep the order of the table', () => {
  const { rows, peers } = parseOptions(['--rows', 'check,first', '--peers', 'restic,kopia']);
  assert.deepEqual(rows, ['first', 'check']);
  assert.deepEqual(peers, ['restic', 'kopia']);
});

test('a wrong row, number or flag is refused with what is allowed', () => {
  assert.throws(() => parseOptions(['--rows', 'mount']), /--rows does not know mount; it takes first, second/);
  assert.throws(() => parseOptions(['--pairs', '0']), /--pairs takes a whole number/);
  assert.throws(() => parseOptions(['--scale', 'big']), /--scale takes a number/);
  assert.throws(() => parseOptions(['--quick']), /--quick/);
});
