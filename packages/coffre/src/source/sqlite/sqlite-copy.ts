/** A consistent copy of a SQLite database that others are writing, by SQLite's own online backup. */
import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { backup, DatabaseSync } from 'node:sqlite';
import { SqliteComplaint, textOf } from './sqlite-complaint.ts';
import { contentOf, integrityOf, type Integrity } from './sqlite-content.ts';
import type { SqliteContent, SqliteTruth } from './sqlite-truth.ts';

/** How long a writer may keep us from reading. */
const busyTimeoutMs = 10_000;
const pagesPerStep = 4096;
/** More than any database has. */
const allPages = 2 ** 31 - 1;
const triesMax = 5;
const pauseMs = 200;

/**
 * In WAL mode the source connection holds a read transaction first: without it every foreign write restarts the copy,
 * which then may never end; with it writers go on, and the copy is the moment its truth was counted at. In the other
 * journal modes such a transaction would refuse every write, so there all pages are copied in one step, and counted in
 * the copy.
 * @throws {SqliteComplaint} SOURCE_INVALID, SOURCE_BUSY
 */
export async function copyDatabase(source: string, target: string): Promise<SqliteCopy> {
  const live = openExisting(source);
  try {
    const journalMode = String(Object.values(live.prepare('PRAGMA journal_mode').get() ?? {})[0]);
    const content = journalMode === 'wal' ? await copyWal(live, target) : undefined;
    if (content === undefined) await copyInOneStep(live, target);
    return { journalMode, content };
  } catch (error) {
    rmSync(target, { force: true });
    throw inWords(source, error);
  } finally {
    live.close();
  }
}

/** Not proved yet: `inspectCopy` counts it, and says whether it is whole. */
export type SqliteCopy = {
  readonly journalMode: string;
  /** Of the live database at the moment of the copy; undefined where only the copy can be counted. */
  readonly content: SqliteContent | undefined;
};

/** Never makes a new database, and never writes into this one. */
function openExisting(source: string): DatabaseSync {
  try {
    return new DatabaseSync(source, { readOnly: true, timeout: busyTimeoutMs });
  } catch (error) {
    throw inWords(source, error);
  }
}

async function copyWal(live: DatabaseSync, target: string): Promise<ReturnType<typeof contentOf>> {
  live.exec('BEGIN');
  // BEGIN alone takes no snapshot; the first read does.
  live.prepare('SELECT count(*) FROM sqlite_schema').get();
  await backup(live, target, { rate: pagesPerStep });
  const content = contentOf(live);
  live.exec('COMMIT');
  return content;
}

async function copyInOneStep(live: DatabaseSync, target: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    // Waits for a writer; the backup itself would not.
    live.prepare('SELECT count(*) FROM sqlite_schema').get();
    try {
      await backup(live, target, { rate: allPages });
      return;
    } catch (error) {
      rmSync(target, { force: true });
      if (tries === triesMax) throw busy(error);
      await pause(pauseMs);
    }
  }
}

export type Inspection = { readonly content: ReturnType<typeof contentOf>; readonly integrity: Integrity };

/** Of a file that nobody else has open. It is not touched, and no files appear beside it. */
export function inspectCopy(path: string): Inspection {
  const url = new URL('file:///');
  // Names may hold whatever a URL gives a meaning to.
  url.pathname = path.split('/').map(encodeURIComponent).join('/');
  url.search = '?immutable=1';
  const database = new DatabaseSync(url, { readOnly: true });
  try {
    return { integrity: integrityOf(database), content: contentOf(database) };
  } finally {
    database.close();
  }
}

/** How far to look: `opens` takes no longer for a large database. */
export type LookDepth = 'opens' | 'counts';

/** Of a database that others are writing, in one read transaction. @throws {SqliteComplaint} SOURCE_INVALID, SOURCE_BUSY */
export function lookAt(path: string, depth: LookDepth): SqliteTruth {
  const live = openExisting(path);
  try {
    live.exec('BEGIN');
    const journalMode = String(Object.values(live.prepare('PRAGMA journal_mode').get() ?? {})[0]);
    const content = contentOf(live, depth === 'counts');
    live.exec('COMMIT');
    return { path, journalMode, ...content };
  } catch (error) {
    throw inWords(path, error);
  } finally {
    live.close();
  }
}

function busy(cause: unknown): SqliteComplaint {
  return new SqliteComplaint(
    'SOURCE_BUSY',
    `the database is written all the time: ${textOf(cause)}`,
    '`PRAGMA journal_mode = WAL` lets readers and writers work side by side. Nothing was saved.',
  );
}

function inWords(source: string, error: unknown): Error {
  if (error instanceof SqliteComplaint) return error;
  const text = textOf(error);
  if (text.includes('locked') || text.includes('busy')) return busy(error);
  if (text.includes('full') || text.includes('I/O error')) {
    return new SqliteComplaint(
      'SOURCE_SPACE_SHORT',
      `${source} could not be copied: ${text}`,
      'Look at the room in TMPDIR, then at the disk of the database. Nothing was saved.',
    );
  }
  return new SqliteComplaint(
    'SOURCE_INVALID',
    `${source} cannot be read as a SQLite database: ${text}`,
    'Check the path and who may read it, also the files -wal and -shm beside it. Nothing was saved.',
  );
}
