/** Puts a saved database in place: beside it first, proved there, then by one rename. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CoffreError, messageOf } from '@coffre/repository';
import { processesHolding } from '../../platform/open-files.ts';
import { asideOf, placeBeside } from '../../platform/unfinished.ts';
import { writeWhole } from '../../platform/write-whole.ts';
import { beginsAsDatabase } from './sqlite-file.ts';

/** What SQLite keeps beside a database. With another database than its own, each of them destroys data. */
const companions = ['-wal', '-shm', '-journal'];

export type LoadRequest = {
  readonly target: string;
  readonly overwrite: boolean;
  readonly sizeBytes: number;
  readonly content: AsyncIterable<Uint8Array>;
  /** Says whether the written file is the right one; a rejection leaves the target as it was. */
  readonly prove: (path: string) => Promise<void>;
};

/** @returns where it is now. @throws {CoffreError} SOURCE_TARGET_REFUSED, SOURCE_SPACE_SHORT */
export async function loadDatabase(request: LoadRequest): Promise<string> {
  const target = targetOf(request);
  const folder = dirname(target);
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < request.sizeBytes) {
    throw new CoffreError('SOURCE_SPACE_SHORT', `${folder} has no room for the database`, {
      hint: 'Make room, or load it to another disk.',
    });
  }
  const part = placeBeside(target);
  try {
    await writeWhole(part, request.content);
    await request.prove(part);
    if (existsSync(target)) {
      keepOwner(target, part);
      closeOld(target);
    }
    setAsideCompanions(target);
    renameSync(part, target);
    syncFolder(folder);
    return target;
  } finally {
    rmSync(part, { force: true });
  }
}

/** The real path: a link to the database keeps pointing at it. */
function targetOf({ target, overwrite }: LoadRequest): string {
  const path = resolve(target);
  const folder = lstatOf(dirname(path));
  if (folder === undefined) throw refused(`${dirname(path)} is not there`, 'Make the folder first.');
  const there = lstatOf(path);
  if (there === undefined) {
    const left = companions.find((end) => lstatOf(path + end) !== undefined);
    if (left !== undefined && !overwrite) {
      throw refused(`${path}${left} is there without its database`, 'Look what it is; --overwrite moves it aside.');
    }
    return path;
  }
  if (!overwrite) throw refused(`${path} is there already`, 'Name another path, or add --overwrite.');
  const real = realpathSync(path);
  if (!lstatSync(real).isFile()) throw refused(`${path} is no file`, 'Name the path of a file.');
  return real;
}

function lstatOf(path: string): ReturnType<typeof lstatSync> | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function keepOwner(target: string, part: string): void {
  const { mode, uid, gid } = lstatSync(target);
  chmodSync(part, mode & 0o777);
  try {
    chownSync(part, uid, gid);
  } catch {
    // Only root gives files away; the file is then ours, as any new one.
  }
}

/** Nobody may have the old database open: he would go on writing into the file that is no longer there. */
function closeOld(target: string): void {
  // Without WAL an open database is locked only while it is written: the system knows who has it open all the same.
  const [holder] = processesHolding(target);
  if (holder !== undefined) throw inUse(target, ` (process ${holder})`);
  // Opening what is no database would remove the -wal beside it, where what was lost may still be.
  if (!beginsAsDatabase(target)) return;
  let old: DatabaseSync | undefined;
  try {
    old = new DatabaseSync(target, { timeout: 0 });
    // Leaving WAL mode needs everybody else to be gone; in the other modes the exclusive lock does.
    old.exec('PRAGMA locking_mode = EXCLUSIVE');
    old.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; COMMIT');
  } catch (error) {
    const text = messageOf(error);
    if (text.includes('locked') || text.includes('busy')) {
      throw inUse(target, '');
    }
    // Broken databases are what loads are made for: it is replaced as it is.
  } finally {
    old?.close();
  }
}

function inUse(target: string, who: string): CoffreError {
  return refused(`${target} is used by a program${who}`, 'Stop the program that uses it, then load again.');
}

/** Before the rename: beside the new database they would be replayed into it. */
function setAsideCompanions(target: string): void {
  for (const end of companions) {
    if (lstatOf(target + end) !== undefined) renameSync(target + end, asideOf(target + end));
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function refused(why: string, hint: string): CoffreError {
  return new CoffreError('SOURCE_TARGET_REFUSED', why, { hint });
}
