import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { sql } from 'kysely';
import { translateFailure } from './failures.ts';
import { stateFolder, storeLocation, storeName } from './location.ts';
import { copyBeforeMigration } from './sqlite-copy.ts';
import { listRuns, startRun } from './runs.ts';
import { openScene, sceneStartMs } from './testing/scene.ts';
import { sampleRun } from './testing/sample-state.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-store-failures-'));
after(() => rmSync(folder, { recursive: true }));

type Complaint = { readonly code?: unknown; readonly message?: unknown; readonly hint?: unknown };

const complains =
  (code: string, message: RegExp) =>
  (error: Complaint): boolean => {
    assert.equal(error.code, code);
    assert.match(String(error.message), message);
    assert.doesNotMatch(String(error.message), /\.$/);
    assert.match(String(error.hint), /./);
    return true;
  };

/** A state with some rows, closed. */
async function filled(name: string): Promise<string> {
  const file = join(folder, name, 'state.db');
  await using store = await openScene({ kind: 'sqlite', file });
  await store.transaction(async (rows) => {
    for (let n = 0; n < 300; n += 1) await startRun(rows, { ...sampleRun, plan: `plan ${n}` });
  });
  return file;
}

test('a file that is no database is told as damaged, and stays as it is', async () => {
  const file = join(folder, 'garbage', 'state.db');
  mkdirSync(join(folder, 'garbage'));
  const garbage = Buffer.alloc(9000, 'what is this? ');
  writeFileSync(file, garbage);
  await assert.rejects(
    openScene({ kind: 'sqlite', file }),
    complains('STORE_DAMAGED', /garbage\/state\.db is damaged/),
  );
  assert.deepEqual(readFileSync(file), garbage);
});

test('pages that were overwritten are told as damage with the hint that no backup is lost', async () => {
  const file = await filled('pages');
  const bytes = readFileSync(file);
  for (let at = 4096; at < bytes.length; at += 1) bytes[at] = (at * 31) % 256;
  writeFileSync(file, bytes);
  const reading = async (): Promise<void> => {
    await using store = await openScene({ kind: 'sqlite', file });
    await listRuns(store, {}, 1000);
  };
  await assert.rejects(reading(), (error: Complaint) => {
    assert.match(String(error.hint), /holds no backups/);
    return complains('STORE_DAMAGED', /is damaged/)(error);
  });
});

test('a full disk is told, and what was written before is whole', async () => {
  const file = await filled('full');
  await using store = await openScene({ kind: 'sqlite', file });
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(store.db);
  await sql.raw(`pragma max_page_count = ${rows[0]!.page_count}`).execute(store.db);
  const writing = async (): Promise<void> => {
    for (let n = 0; n < 1000; n += 1) {
      await store.transaction(async (inside) => void (await startRun(inside, { ...sampleRun, plan: 'more' })));
    }
  };
  await assert.rejects(writing(), complains('STORE_FULL', /there is no room for the state/));
  assert.ok((await listRuns(store, {}, 5000)).length >= 300);
  const { rows: checked } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(store.db);
  assert.equal(checked[0]?.integrity_check, 'ok');
});

test('a folder that cannot be made is told with its name', async () => {
  const file = '/proc/coffre-nowhere/state.db';
  await assert.rejects(openScene({ kind: 'sqlite', file }), complains('STORE_UNAVAILABLE', /coffre-nowhere/));
});

test('the state and its folder are for their owner alone', async () => {
  const file = await filled('modes');
  chmodSync(file, 0o600);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, 'modes')).mode & 0o777, 0o700);
});

test('a copy before an update is whole, and five of them stay', async () => {
  const file = await filled('copies');
  await using store = await openScene({ kind: 'sqlite', file });
  await startRun(store, { ...sampleRun, plan: 'not yet in the file itself' });
  const paths: string[] = [];
  for (let n = 0; n < 7; n += 1) paths.push(await copyBeforeMigration(file, 1, sceneStartMs + n * 1000));
  const kept = readdirSync(join(folder, 'copies', 'backups'));
  assert.equal(kept.length, 5);
  const copy = new DatabaseSync(paths.at(-1)!, { readOnly: true });
  assert.equal(copy.prepare('select count(*) as n from runs').get()?.['n'], 301);
  copy.close();
});

test('the place of the state follows the folder and the address, and passwords are never told', () => {
  assert.equal(stateFolder({ COFFRE_STATE_DIR: '/srv/state' }, 0), '/srv/state');
  assert.equal(stateFolder({}, 0), '/var/lib/coffre');
  assert.equal(stateFolder({ HOME: '/home/mia' }, 1000), '/home/mia/.local/state/coffre');
  assert.deepEqual(storeLocation('/srv', undefined), { kind: 'sqlite', file: '/srv/state.db' });
  const url = 'postgres://coffre:geheim@db.example/coffre?password=geheim&sslmode=require';
  const location = storeLocation('/srv', url);
  assert.deepEqual(location, { kind: 'postgres', url });
  assert.equal(storeName(location), 'postgres://coffre@db.example/coffre?password=***&sslmode=require');
  assert.throws(
    () => storeLocation('/srv', 'mysql://u:geheim@h/d'),
    (error: Complaint) => {
      assert.doesNotMatch(String(error.message), /geheim/);
      return complains('STORE_ADDRESS', /mysql/)(error);
    },
  );
});

test('a disk without room is told as such, also where SQLite finds none for what it shares between processes', () => {
  const [full, sharedMemory, read] = [13, 4874, 266];
  const codes = [full, sharedMemory, read].map((errcode) => {
    const error = Object.assign(new Error('disk I/O error'), { errcode });
    const told = translateFailure(error, { engine: 'sqlite', name: 'x' });
    return isCoffreError(told) ? told.code : told;
  });
  assert.deepEqual(codes, ['STORE_FULL', 'STORE_FULL', 'STORE_UNAVAILABLE']);
});
