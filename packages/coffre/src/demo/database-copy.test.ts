import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { copyDatabase, proveDatabase } from './database-copy.ts';
import { RunningShop } from './shop-process.ts';
import { openShop, unitsIn, unitsInTheWorld } from './shop.ts';

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-shop-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a copy taken while another process writes is whole, and is the moment its truth describes', async (t) => {
  const folder = scratch(t);
  const live = join(folder, 'shop.sqlite');
  openShop(live).close();
  await using shop = await RunningShop.start(live);
  for (let round = 0; round < 3; round += 1) {
    const copy = join(folder, `copy${round}.sqlite`);
    const truth = await copyDatabase(live, copy);
    const proof = proveDatabase(copy, truth, (database) =>
      unitsIn(database) === unitsInTheWorld ? [] : ['units do not add up'],
    );
    assert.deepEqual(proof.integrity, ['ok']);
    assert.deepEqual(proof.differences, []);
    assert.equal(proof.tables, 4);
  }
  assert.ok((await shop.stop()) > 0);
});

test('the shop does go on being written: a later copy is not the earlier truth', async (t) => {
  const folder = scratch(t);
  const live = join(folder, 'shop.sqlite');
  await using shop = await RunningShop.start(live);
  const early = await copyDatabase(live, join(folder, 'early.sqlite'));
  await shop.stop();
  await copyDatabase(live, join(folder, 'late.sqlite'));
  const { differences } = proveDatabase(join(folder, 'late.sqlite'), early);
  assert.ok(differences.some((difference) => difference.startsWith('table orders has')));
});

test('one changed value in one row is found', async (t) => {
  const folder = scratch(t);
  const live = join(folder, 'shop.sqlite');
  openShop(live).close();
  const truth = await copyDatabase(live, join(folder, 'copy.sqlite'));
  copyFileSync(join(folder, 'copy.sqlite'), join(folder, 'bent.sqlite'));
  const bent = new DatabaseSync(join(folder, 'bent.sqlite'));
  bent.exec('PRAGMA journal_mode = DELETE; UPDATE products SET stock = CAST(stock AS REAL) + 0.5 WHERE id = 7');
  bent.close();
  assert.deepEqual(proveDatabase(join(folder, 'bent.sqlite'), truth).differences, [
    'table products has other contents in 400 rows',
  ]);
});

test('missing and foreign tables are named', async (t) => {
  const folder = scratch(t);
  const live = join(folder, 'shop.sqlite');
  openShop(live).close();
  const truth = await copyDatabase(live, join(folder, 'copy.sqlite'));
  const bent = new DatabaseSync(join(folder, 'copy.sqlite'));
  bent.exec('PRAGMA journal_mode = DELETE; DROP TABLE order_lines; CREATE TABLE guest (id INTEGER)');
  bent.close();
  assert.deepEqual(proveDatabase(join(folder, 'copy.sqlite'), truth).differences, [
    'table order_lines is missing',
    'table guest was not in the original',
  ]);
});
