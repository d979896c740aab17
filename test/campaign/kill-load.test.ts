/** Loads of databases over others, killed and failed at every call that changes something: what is there is old or new. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { redis } from '../../packages/coffre/src/source/redis/redis.ts';
import type { RedisTruth } from '../../packages/coffre/src/source/redis/redis-truth.ts';
import { contextIn, savedAs } from '../../packages/coffre/src/source/testing/saved.ts';
import { loadDatabase } from '../../packages/coffre/src/source/sqlite/sqlite-load.ts';
import { withFaultAt, type FaultAtCall } from './fault-at-call.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-kill-load-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

type Loaded = { readonly error: string | undefined; readonly met: string | undefined };

async function outcomeOf(load: () => Promise<unknown>, fault: FaultAtCall | undefined): Promise<Loaded> {
  let error: string | undefined;
  const guarded = async (): Promise<void> => {
    try {
      await load();
    } catch (cause) {
      error = String(cause);
    }
  };
  const met = fault === undefined ? await guarded() : await withFaultAt(fault, guarded);
  return { error, met: met ?? undefined };
}

async function* partsOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 40_000) yield bytes.subarray(at, at + 40_000);
}

async function loadSqlite(from: string, target: string): Promise<void> {
  const bytes = readFileSync(from);
  const content = partsOf(bytes);
  await loadDatabase({ target, overwrite: true, sizeBytes: bytes.length, content, prove: async () => undefined });
}

/** Rows of a database, as whoever opens it next finds them; in a copy, so that opening changes nothing. */
function rowsAt(folder: string): unknown {
  const copy = mkdtempSync(join(scratch, 'look-'));
  try {
    cpSync(folder, copy, { recursive: true });
    const path = join(copy, 'shop.db');
    if (!existsSync(path)) return 'nothing';
    using database = new DatabaseSync(path);
    if (database.prepare('PRAGMA integrity_check').get()?.['integrity_check'] !== 'ok') return 'damaged';
    return database.prepare('SELECT count(*) AS rows, min(a) AS least, max(a) AS most FROM t').all();
  } catch (error) {
    return `no database: ${String(error)}`;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

const fill = (first: number): string =>
  `CREATE TABLE t (a, b); WITH RECURSIVE n(i) AS (SELECT ${first} UNION ALL SELECT i + 1 FROM n WHERE i < ${first} + 199)
   INSERT INTO t SELECT i, hex(randomblob(60)) FROM n`;

const scenes: Record<string, (path: string) => void> = {
  'nothing there': () => undefined,
  // Whoever wrote it was killed: what it wrote last is in the -wal alone.
  'a database with its -wal and -shm': (path) => {
    using live = new DatabaseSync(`${path}.live`);
    live.exec(`PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; ${fill(1)}; UPDATE t SET a = a + 1`);
    for (const end of ['', '-wal', '-shm']) cpSync(`${path}.live${end}`, path + end);
  },
  // And here it is the -journal that takes back what was half done.
  'a database with its hot -journal': (path) => {
    using live = new DatabaseSync(`${path}.live`);
    live.exec(`${fill(1)}; PRAGMA cache_size = 1; BEGIN; UPDATE t SET a = a + 7, b = hex(randomblob(60))`);
    for (const end of ['', '-journal']) cpSync(`${path}.live${end}`, path + end);
    live.exec('ROLLBACK');
  },
  'what is no database any more, with a -wal': (path) => {
    writeFileSync(path, 'broken');
    writeFileSync(`${path}-wal`, 'what may still be saved from it');
  },
};

describe('a SQLite database that is loaded', () => {
  const saved = join(scratch, 'saved.db');
  using made = new DatabaseSync(saved);
  made.exec(fill(5000));
  made.close();

  for (const [what, make] of Object.entries(scenes)) {
    test(`over ${what}, killed or failed at any call, is old or new, and the next load cleans up`, async () => {
      const folder = join(scratch, 'place');
      const reset = (): void => {
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder);
        make(join(folder, 'shop.db'));
        for (const end of ['', '-wal', '-shm', '-journal']) rmSync(join(folder, `shop.db.live${end}`), { force: true });
      };
      const load = async (): Promise<void> => await loadSqlite(saved, join(folder, 'shop.db'));
      reset();
      const old = rowsAt(folder);
      await load();
      const fresh = rowsAt(folder);
      assert.match(JSON.stringify(fresh), /5199/);
      const seen = new Set<string>();
      for (const how of ['kill', 'ENOSPC'] as const) {
        for (let at = 1; ; at += 1) {
          reset();
          const { met, error } = await outcomeOf(load, { at, how });
          if (met === undefined) break;
          const now = rowsAt(folder);
          const isNew = JSON.stringify(now) === JSON.stringify(fresh);
          // The words of SQLite's complaint name a folder of ours.
          const isOld = typeof old === 'string' ? typeof now === 'string' : JSON.stringify(now) === JSON.stringify(old);
          assert.ok(isNew || isOld, `${how} at ${met}: ${JSON.stringify(now)}`);
          if (!isNew) assert.notEqual(error, undefined, `${how} at ${met} was not told`);
          if (how === 'ENOSPC' && met === 'writeFile')
            assert.match(error ?? '', /could not be written: the disk is full/);
          if (how === 'kill') seen.add(isNew ? 'new' : 'old');
          await load();
          assert.deepEqual(rowsAt(folder), fresh);
          assert.deepEqual(
            readdirSync(folder).filter((name) => !name.includes('.before-load-')),
            ['shop.db'],
          );
          if (what.startsWith('what is no database')) {
            const aside = readdirSync(folder).find((name) => name.includes('-wal.before-load-')) ?? '';
            assert.match(readFileSync(join(folder, aside), 'utf8'), /may still be saved/);
          }
        }
      }
      assert.deepEqual(seen, new Set(['old', 'new']));
    });
  }
});

/** Of Redis 8.0.6, two keys. */
const smallRdb =
  'UkVESVMwMDEy+glyZWRpcy12ZXIFOC4wLjb6CnJlZGlzLWJpdHPAQPoFY3RpbWXCh1QCa/oIdXNlZC1tZW3C+G4NAPoIYW9mLWJhc2XAAP4A+wIABwF2gb3nLaK7HrQAAgMCAQJQAQIABQRlbGVtBQMqVX8CBgIBAoABAAAAAgACIAIAAoE/TUGyQG93UQAZAWhSH1EBogEAAB0dAAAABgCBYQIBAfRSH1EBogEAAAmBYgICAQAB//+N/ky+WqvMiw==';

/** What a server with `appendonly yes` would begin with, and what one with `no`. */
function beginningsAt(folder: string): { aof: string; rdb: string } {
  const place = join(folder, 'appendonlydir');
  const list = readFileSync(join(place, 'appendonly.aof.manifest'), 'utf8');
  const names = [...list.matchAll(/^file (\S+)/gm)].map(([, name]) => name!);
  const files = names.map((name) => readFileSync(join(place, name), 'base64'));
  return { aof: files.join(), rdb: readFileSync(join(folder, 'dump.rdb'), 'base64') };
}

test('the folder of a Redis that is replaced, killed or failed at any call, is old or new, and never without an AOF', async () => {
  const truth: RedisTruth = {
    engine: 'redis',
    serverVersion: '8.0.6',
    method: 'rdb',
    databases: null,
    libraries: null,
    rdbVersion: 12,
    aof: null,
  };
  const saved = savedAs(redis, 'cache', truth, new Map([['/sources/cache/dump.rdb', Buffer.from(smallRdb, 'base64')]]));
  const folder = join(scratch, 'redis');
  const old = { aof: Buffer.from('old base').toString('base64'), rdb: Buffer.from('old rdb').toString('base64') };
  const reset = (): void => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, 'appendonlydir'), { recursive: true });
    writeFileSync(join(folder, 'dump.rdb'), 'old rdb');
    writeFileSync(join(folder, 'appendonlydir', 'appendonly.aof.1.base.rdb'), 'old base');
    writeFileSync(
      join(folder, 'appendonlydir', 'appendonly.aof.manifest'),
      'file appendonly.aof.1.base.rdb seq 1 type b\n',
    );
  };
  // No server is there: whether the files are those that were saved is proved elsewhere.
  const context = { ...contextIn(scratch), searchPath: '/nowhere' };
  const load = async (): Promise<unknown> =>
    await redis.load(saved, { to: folder, overwrite: true, only: [], settings: undefined }, context);
  for (const how of ['kill', 'ENOSPC', 'EIO'] as const) {
    for (let at = 1; ; at += 1) {
      reset();
      const { met, error } = await outcomeOf(load, { at, how });
      if (met === undefined) break;
      const now = beginningsAt(folder);
      for (const part of ['aof', 'rdb'] as const) {
        assert.ok([old[part], smallRdb].includes(now[part]), `${how} at call ${at}, ${met}: ${part} is neither`);
      }
      const isWhole = now.aof === smallRdb && now.rdb === smallRdb;
      if (!isWhole) assert.notEqual(error, undefined, `${how} at call ${at}, ${met}, was not told`);
      if (how !== 'kill' && !isWhole) assert.deepEqual(now, old, `${how} at call ${at}, ${met}, was not taken back`);
      await load();
      assert.deepEqual(beginningsAt(folder), { aof: smallRdb, rdb: smallRdb });
      assert.equal(readdirSync(join(folder, 'appendonlydir')).length, 2, 'only what the list names');
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith('.')),
        [],
      );
    }
  }
});
