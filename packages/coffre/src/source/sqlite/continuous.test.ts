import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { createFakeClock } from '@coffre/repository/testing';
import { changeMarkOf } from './change-mark.ts';
import { nextStep, usualIntervalMs, watchDatabases } from './continuous.ts';
import { copyDatabase } from './sqlite-copy.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-continuous-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a change is saved at once, the next one when the interval is over, and no change never', () => {
  const step = (
    savedMark: string | undefined,
    startedMs: number | undefined,
    mark: string | undefined,
    nowMs: number,
  ) => nextStep({ savedMark, startedMs }, mark, 30_000, nowMs);
  assert.deepEqual(step(undefined, undefined, 'a', 5), { kind: 'save' });
  assert.deepEqual(step('a', 0, 'a', 90_000), { kind: 'wait', forMs: 1000 });
  assert.deepEqual(step('a', 0, 'b', 10_000), { kind: 'wait', forMs: 1000 });
  assert.deepEqual(step('a', 0, 'b', 29_600), { kind: 'wait', forMs: 400 });
  assert.deepEqual(step('a', 0, 'b', 30_000), { kind: 'save' });
  assert.deepEqual(step('a', 0, undefined, 30_000), { kind: 'wait', forMs: 1000 });
  assert.deepEqual([1e6, 100e6, 1e9].map(usualIntervalMs), [5000, 30_000, 60_000]);
});

for (const mode of ['wal', 'delete', 'truncate', 'persist']) {
  test(`${mode}: every transaction is seen; looking, reading and copying are not`, async () => {
    const path = join(folder, `it's ${mode}.db`);
    const database = new DatabaseSync(path);
    database.exec(`PRAGMA journal_mode = ${mode}; CREATE TABLE t (a); INSERT INTO t VALUES (0)`);
    const seen = new Set<string>();
    const markNow = (): string => changeMarkOf(path)?.mark ?? 'none';
    seen.add(markNow());
    for (let round = 1; round <= 60; round += 1) {
      database.exec(`UPDATE t SET a = ${round}`);
      if (round % 20 === 0 && mode === 'wal') database.exec('PRAGMA wal_checkpoint(RESTART)');
      const mark = markNow();
      assert.equal(seen.has(mark), false, `transaction ${round} is seen`);
      seen.add(mark);
    }
    for (let round = 0; round < 5; round += 1) {
      database.close();
      const mark = markNow();
      database.open();
      database.exec('UPDATE t SET a = a + 1');
      database.close();
      assert.notEqual(markNow(), mark, 'a program that comes and goes is seen');
      database.open();
    }
    database.exec('UPDATE t SET a = 7');
    const before = markNow();
    database.prepare('SELECT count(*) FROM t').get();
    await copyDatabase(path, join(folder, 'copy'));
    rmSync(join(folder, 'copy'));
    database.exec('BEGIN; UPDATE t SET a = -1; ROLLBACK');
    assert.equal(markNow(), before);
    database.close();
    // Whoever opens it alone may make an empty log, which is no change; a second look must agree with the first.
    const closed = markNow();
    await copyDatabase(path, join(folder, 'copy'));
    rmSync(join(folder, 'copy'));
    assert.equal(markNow(), closed);
  });
}

test('what is written while it is saved is saved next; a failure is told and tried again; a missing one is waited for', async () => {
  const path = join(folder, 'watched.db');
  const clock = createFakeClock();
  const left = new AbortController();
  const warnings: string[] = [];
  const saved: number[] = [];
  let failing = false;
  const live: { write?: (sql: string) => void } = {};
  const watching = watchDatabases({
    databases: [{ path, intervalMs: 10_000 }],
    clock,
    signal: left.signal,
    warn: (line) => warnings.push(line),
    save: async () => {
      saved.push(clock.monotonicMs());
      if (saved.length === 2) live.write?.('INSERT INTO t VALUES (3)');
      if (failing) throw new Error('no room');
    },
  });
  await clock.advance(3500);
  assert.match(warnings.join(), /there is no database .* waited for/);
  assert.equal(warnings.length, 1);
  const database = new DatabaseSync(path);
  live.write = (sql) => database.exec(sql);
  database.exec('PRAGMA journal_mode = wal; CREATE TABLE t (a)');
  const begun = clock.monotonicMs();
  await clock.advance(30_000);
  assert.equal(saved.length, 1, 'nothing changed any more');
  database.exec('INSERT INTO t VALUES (2)');
  await clock.advance(30_000);
  assert.equal(saved.length, 3, 'the write in the middle of a save counts');
  assert.equal((saved[2] ?? 0) - (saved[1] ?? 0), 10_000);
  assert.ok((saved[1] ?? 0) - begun <= 31_000);
  failing = true;
  database.exec('INSERT INTO t VALUES (4)');
  await clock.advance(25_000);
  assert.equal(saved.length, 6, 'tried again after each interval');
  assert.match(warnings.at(-1) ?? '', /not saved, tried again later: no room/);
  failing = false;
  await clock.advance(60_000);
  assert.equal(saved.length, 7);
  left.abort();
  await clock.advance(1000);
  await watching;
  database.close();
  assert.equal(readdirSync(folder).includes('watched.db'), true);
});
