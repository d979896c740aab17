/** Copies of the state's file from before each update of its schema; the newest stay. */
import { chmodSync, closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolders } from '@coffre/repository/opening';

const copiesKept = 5;
const copyName = /^state-v\d+-[\dTZ]+-\d+\.db$/;

/** Whole or not there. Other processes may go on writing meanwhile. @returns its path */
export async function copyBeforeMigration(file: string, version: number, nowMs: number): Promise<string> {
  const folder = join(dirname(file), 'backups');
  makeFolders(folder, 0o700);
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const path = join(folder, `state-v${version}-${stamp}-${process.pid}.db`);
  const unfinished = `${path}.part`;
  rmSync(unfinished, { force: true });
  try {
    copyInto(file, unfinished);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
  syncFile(folder);
  removeOldCopies(folder);
  return path;
}

function copyInto(file: string, path: string): void {
  const source = new DatabaseSync(file, { timeout: 10_000 });
  try {
    source.prepare('VACUUM INTO ?').run(path);
  } finally {
    source.close();
  }
  chmodSync(path, 0o600);
  syncFile(path);
}

function removeOldCopies(folder: string): void {
  const copies = readdirSync(folder).filter((name) => copyName.test(name));
  const oldestFirst = copies.toSorted((a, b) => (stampOf(a) < stampOf(b) ? -1 : 1));
  for (const name of oldestFirst.slice(0, -copiesKept)) rmSync(join(folder, name), { force: true });
}

function stampOf(name: string): string {
  return name.split('-')[2] ?? '';
}

function syncFile(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
