import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addTotals, formatTotals, noTests } from './test-report.ts';
import { selectFiles, tierOf } from './test-tiers.ts';

test('a test beside its source is fast unless its name says otherwise', () => {
  assert.equal(tierOf('packages/repository/src/format/tree.test.ts'), 'fast');
  assert.equal(tierOf('packages/repository/src/archive/kill.campaign.test.ts'), 'campaign');
  assert.equal(tierOf('packages/repository/src/format/tree.interop.test.ts'), 'interop');
});

test('the folder under test/ decides the tier', () => {
  assert.equal(tierOf('test/interop/restic-reads-ours.test.ts'), 'interop');
  assert.equal(tierOf('test/campaign/kill.test.ts'), 'campaign');
  assert.equal(tierOf('test/peers/peers.test.ts'), 'fast');
});

test('a filter keeps the files whose path contains one of its words', () => {
  const files = ['packages/a/src/tree.test.ts', 'packages/a/src/lock.test.ts', 'test/interop/tree.test.ts'];
  assert.deepEqual(selectFiles(files, 'fast', ['tree', 'nothing']), ['packages/a/src/tree.test.ts']);
  assert.deepEqual(selectFiles(files, 'fast', []), files.slice(0, 2));
});

test('totals of several tiers add up under the words node uses', () => {
  const one = { ...noTests, tests: 3, pass: 2, skipped: 1, durationMs: 1.4 };
  assert.equal(
    formatTotals(addTotals(one, one)),
    'ℹ tests 6\nℹ suites 0\nℹ pass 4\nℹ fail 0\nℹ cancelled 0\nℹ skipped 2\nℹ todo 0\nℹ duration_ms 3',
  );
});
