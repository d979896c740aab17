/** SQLite as a source, beside its backup under writes, which test/e2e/sources holds. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import type { CheckStep } from '../source.ts';
import { contextIn, everyStep, savedAs, saveInMemory } from '../testing/saved.ts';
import { sqlite } from './sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-sqlite-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const temporary = join(folder, 'tmp');
mkdirSync(temporary);
const context = contextIn(temporary);

function database(name: string): { path: string; live: DatabaseSync; settings: { name: string; path: string } } {
  const path = join(folder, name);
  const live = new DatabaseSync(path);
  live.exec(`PRAGMA journal_mode = wal; CREATE TABLE "it's ""a"" table" (a, b); CREATE INDEX i ON "it's ""a"" table" (a);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO "it's ""a"" table" SELECT i, 'some text ' || i FROM n`);
  return { path, live, settings: { name: 'shop', path } };
}

test('each step is passed only when it is asked for; without steps nothing is read', async () => {
  const { live, settings } = database('steps.db');
  const saved = await saveInMemory(sqlite, settings, context);
  live.close();
  for (const steps of [[], ['archive'], ['archive', 'open'], ['schema'], [...everyStep]] as CheckStep[][]) {
    const { passed, differences } = await sqlite.verify(saved, context, new Set(steps));
    assert.deepEqual(passed, steps);
    assert.deepEqual(differences, []);
  }
  const unread = { ...saved, read: () => assert.fail('it was read') };
  assert.deepEqual(await sqlite.verify(unread, context, new Set()), { passed: [], proved: [], differences: [] });
  assert.deepEqual(readdirSync(temporary), []);
});

test('a saved database that is cut off, bent or other than its truth is told apart, and never loaded', async () => {
  const { live, settings } = database('damaged.db');
  const saved = await saveInMemory(sqlite, settings, context);
  live.close();
  const [[path, bytes] = ['', Buffer.alloc(0)]] = saved.contents;
  const other = { ...saved.truth, tables: { [`it's "a" table`]: 499, gone: 1 }, schemaSha256: '0'.repeat(64) };
  const bent = Buffer.from(bytes);
  bent.fill(0xee, 4096, 16_384);
  for (const [faulty, pattern] of [
    [savedAs(sqlite, 'shop', other, saved.contents), /schema is another.*500 rows instead of 499.*"gone" is missing/],
    [savedAs(sqlite, 'shop', saved.truth, new Map([[path, bytes.subarray(0, 4096)]])), /./],
    [savedAs(sqlite, 'shop', saved.truth, new Map([[path, bent]])), /integrity|malformed|open/],
    [savedAs(sqlite, 'shop', saved.truth, new Map([[path, Buffer.from('no database')]])), /does not open/],
  ] as const) {
    const { passed, differences } = await sqlite.verify(faulty, context, everyStep);
    assert.match(differences.join(), pattern);
    assert.equal(passed.includes('row_counts'), false);
    const to = join(folder, 'never.db');
    const target = { to, overwrite: false, only: [], settings: undefined };
    await assert.rejects(sqlite.load(faulty, target, context), /is not what it was/);
    await assert.rejects(sqlite.scratch(faulty, context), /is not what it was/);
  }
  assert.equal(
    readdirSync(folder).some((name) => name.includes('never')),
    false,
  );
  assert.deepEqual(readdirSync(temporary), []);
});

test('rows against the rules of their table, and what only its application can sort, are saved and told', async () => {
  const path = join(folder, 'loose.db');
  const live = new DatabaseSync(path, { defensive: false });
  live.exec(`CREATE TABLE ruled (a, b); CREATE TABLE sorted (a); CREATE INDEX by_a ON sorted (a);
    INSERT INTO ruled VALUES (1, 1), (NULL, 2); INSERT INTO sorted VALUES ('x'), ('y'); PRAGMA writable_schema = 1;
    UPDATE sqlite_schema SET sql = 'CREATE TABLE ruled (a NOT NULL, b)' WHERE name = 'ruled';
    UPDATE sqlite_schema SET sql = 'CREATE INDEX by_a ON sorted (a COLLATE theirs)' WHERE name = 'by_a'`);
  live.close();
  const lines: string[] = [];
  const settings = { name: 'shop', path };
  const saved = await saveInMemory(sqlite, settings, { ...context, warn: (line) => void lines.push(line) });
  assert.match(lines.join(), /NULL value in ruled\.a; table "sorted" cannot be checked without its application/);
  const { differences, proved } = await sqlite.verify(saved, context, everyStep);
  assert.deepEqual(differences, []);
  assert.equal(proved[1], 'integrity ok as far as it can be checked');
  const to = join(folder, 'loose again.db');
  await sqlite.load(saved, { to, overwrite: false, only: [], settings: undefined }, context);
  assert.equal(readFileSync(to).length, readFileSync(path).length);
  const [[name, bytes] = ['', Buffer.alloc(0)]] = saved.contents;
  const bent = Buffer.from(bytes).fill(0xee, 4096, 8192);
  const faulty = savedAs(sqlite, 'shop', saved.truth, new Map([[name, bent]]));
  assert.notDeepEqual((await sqlite.verify(faulty, context, everyStep)).differences, []);
});

test('the live database is looked at without a trace, and what changed since is said', async () => {
  const { path, live, settings } = database('live.db');
  const saved = await saveInMemory(sqlite, settings, context);
  assert.deepEqual(sqlite.differences(saved.truth, await sqlite.present(settings, context)), []);
  live.exec(`DELETE FROM "it's ""a"" table" WHERE a > 490; CREATE TABLE new (x); PRAGMA user_version = 7`);
  const before = readFileSync(path);
  const said = sqlite.differences(saved.truth, await sqlite.present(settings, context));
  assert.deepEqual(said, [
    'user_version is 7 instead of 0',
    'the schema is another one',
    `table "it's \\"a\\" table" has 490 rows instead of 500`,
    'table "new" was not in the original',
  ]);
  assert.deepEqual(await sqlite.quickCheck(settings, context), {
    passed: ['open'],
    proved: ['opens', 'its schema can be read'],
    differences: [],
  });
  assert.deepEqual(readFileSync(path), before);
  live.close();
  await assert.rejects(
    sqlite.quickCheck({ name: 'x', path: join(folder, 'none.db') }, context),
    /there is no database/,
  );
  assert.equal(readdirSync(folder).includes('none.db'), false);
  writeFileSync(join(folder, 'text.db'), 'x'.repeat(5000));
  await assert.rejects(sqlite.present({ name: 'x', path: join(folder, 'text.db') }, context), /is no SQLite database/);
});

test('what a killed load left beside a database goes, and what a load that goes on has there stays', async () => {
  const { live, settings } = database('swept.db');
  const saved = await saveInMemory(sqlite, settings, context);
  live.close();
  const ended = spawnSync(process.execPath, ['--version']).pid;
  const [dead, going] = [`.there.db.coffre-${ended}`, `.there.db.coffre-${process.ppid}`];
  for (const name of [dead, going]) writeFileSync(join(folder, name), 'half');
  const target = { to: join(folder, 'there.db'), overwrite: false, only: [], settings: undefined };
  await sqlite.load(saved, target, context);
  const left = readdirSync(folder).filter((name) => name.includes('there.db'));
  assert.deepEqual(left.toSorted(), [going, 'there.db']);
});

test('a database whose index has lost rows is refused, before its last bytes are given', async () => {
  const { path, live, settings } = database('lost.db');
  live.enableDefensive(false);
  // An index that was emptied behind the back of its table: every row can be read, and the index finds none of them.
  live.exec(`PRAGMA journal_mode = delete; CREATE TABLE other (x); CREATE INDEX o ON other (x);
    PRAGMA writable_schema = on;
    UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'o') WHERE name = 'i';
    DELETE FROM sqlite_schema WHERE name = 'o'`);
  live.close();
  await using dump = await sqlite.dump(settings, context);
  const size = readFileSync(path).length;
  let given = 0;
  const stream = dump.streams[0]?.bytes;
  assert.ok(typeof stream === 'function');
  await assert.rejects(async () => {
    for await (const part of stream(new AbortController().signal)) given += part.length;
  }, /lost\.db is damaged/);
  assert.ok(given < size);
  await assert.rejects(async () => await dump.truth([]), /before the dump/);
});
