import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { copyText } from './copy-text.ts';
import { shopCount, shopDay, shopRows, shopTableNames, shopTables } from './shop.ts';

test('the shop is the same on every machine', () => {
  const hash = createHash('sha256');
  for (const table of shopTableNames) for (const lines of copyText(table, 0.002, 'postgres')) hash.update(lines);
  assert.equal(hash.digest('hex'), '353dde2fc3499fd57b4360212c3dc8368b024826a28b311dda6fa5bc3793a1ae');
});

test('rows have a value for every column, keys count from 1, and a part is as in the whole', () => {
  for (const table of shopTableNames) {
    const rows = [...shopRows(table, 0.001)];
    assert.equal(rows.length, shopCount(table, 0.001));
    assert.ok(rows.every((row, at) => row.length === shopTables[table].length && row[0] === at + 1));
    assert.deepEqual([...shopRows(table, 0.001, 2, 1)], rows.slice(1, 2));
  }
});

test('days add rows one after the other and change some that are there', () => {
  const [first, second] = [shopDay(1, 0.01), shopDay(2, 0.01)];
  for (const [at, { table, first: begin, count }] of first.added.entries()) {
    assert.equal(begin, shopCount(table, 0.01) + 1);
    assert.equal(second.added[at]?.first, begin + count);
  }
  for (const { table, id } of first.changed) assert.ok(id >= 1 && id <= shopCount(table, 0.01));
  assert.notDeepEqual(first.changed, second.changed);
});
