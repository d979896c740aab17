import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import { describePolicy, formatSpan, parseKeepCount, parseSpan } from './policy.ts';

test('durations are years, months, days and hours in any order; a unit given twice counts the last time', () => {
  assert.deepEqual(parseSpan('1y5m7d2h'), { years: 1, months: 5, days: 7, hours: 2 });
  assert.deepEqual(parseSpan(' 2h1y '), { years: 1, months: 0, days: 0, hours: 2 });
  assert.deepEqual(parseSpan('3d4d'), { years: 0, months: 0, days: 4, hours: 0 });
  assert.deepEqual(parseSpan(''), { years: 0, months: 0, days: 0, hours: 0 });
  assert.equal(formatSpan(parseSpan('7d2h1y5m')), '1y5m7d2h');
});

test('what is not a duration or a count is refused', () => {
  for (const bad of ['1', 'd', '-1d', '1w', '1d x', '1.5d']) {
    assert.throws(
      () => parseSpan(bad),
      (error) => isCoffreError(error, 'USAGE'),
      bad,
    );
  }
  for (const bad of ['-1', 'all', '', '1.5', ' 1']) {
    assert.throws(
      () => parseKeepCount(bad),
      (error) => isCoffreError(error, 'USAGE'),
      bad,
    );
  }
  assert.equal(parseKeepCount('12'), 12);
  assert.equal(parseKeepCount('unlimited'), 'unlimited');
});

test('a policy is described in one line', () => {
  assert.equal(describePolicy({}), 'remove');
  assert.equal(describePolicy({ last: 2, daily: 'unlimited' }), 'keep 2 latest, all daily snapshots');
  assert.equal(
    describePolicy({ weekly: 4, withinDaily: parseSpan('7d'), tags: [['a', 'b'], ['c']], within: parseSpan('1y') }),
    'keep 4 weekly snapshots, daily snapshots within 7d and all snapshots with tags [[a, b] [c]] and all snapshots within 1y of the newest',
  );
});
