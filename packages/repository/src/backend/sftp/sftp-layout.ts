import { posix } from 'node:path';
import { isId } from '../../ids.ts';
import { fileKinds, fileName } from '../backend.ts';
import type { FileHandle, FileKind, ListedFile } from '../backend.ts';
import { readFolder, removePath, statPath } from './sftp-calls.ts';
import { isStatus } from './sftp-errors.ts';
import type { Attributes, NameEntry } from './sftp-packets.ts';
import type { SftpSession } from './sftp-session.ts';

/** Ours, and what restic calls its own on such servers. */
const temporaryName = /^(?:[0-9a-f]{64}|config)-(?:tmp|restic-temp)-[0-9a-z]+$/;
const shardName = /^[0-9a-f]{2}$/;
const foldersAtOnce = 32;
const [typeMask, regularFile, symbolicLink] = [0o170000, 0o100000, 0o120000];

/** Runs work on one of the sessions. */
export type Run = <T>(work: (session: SftpSession) => Promise<T>) => Promise<T>;

/** All folders of a repository below its own, parents first. */
export function foldersToMake(path: string): string[] {
  const shards = Array.from({ length: 256 }, (_, i) => `data/${i.toString(16).padStart(2, '0')}`);
  return [...fileKinds, ...shards].map((name) => posix.join(path, name));
}

export function placeOf(path: string, file: FileHandle): string {
  if (file.kind !== 'data') return posix.join(path, fileName(file));
  fileName(file);
  return posix.join(path, 'data', file.name.slice(0, 2), file.name);
}

/** In no order; the folders of a few dozen shards are in memory. */
export async function* listFiles(run: Run, path: string, kind: FileKind): AsyncGenerator<ListedFile> {
  for (const window of windowsOf(await foldersOf(run, path, kind))) {
    const lists = await Promise.all(window.map((folder) => run((session) => filesIn(session, folder, kind))));
    for (const files of lists) yield* files;
  }
}

/** The folders that hold files of one kind */
async function foldersOf(run: Run, path: string, kind: FileKind): Promise<string[]> {
  if (kind !== 'data') return [posix.join(path, kind)];
  const entries = await run((session) => readFolder(session, posix.join(path, 'data')));
  return entries.filter(({ name }) => shardName.test(name)).map(({ name }) => posix.join(path, 'data', name));
}

async function filesIn(session: SftpSession, folder: string, kind: FileKind): Promise<ListedFile[]> {
  const prefix = kind === 'data' ? posix.basename(folder) : '';
  const files: ListedFile[] = [];
  for (const entry of await readIfThere(session, folder)) {
    if (!isId(entry.name) || !entry.name.startsWith(prefix)) continue;
    const file = await listedFile(session, folder, entry);
    if (file !== undefined) files.push(file);
  }
  return files;
}

/** The list tells sizes; of a link, and where the server keeps them back, they are asked for. */
async function listedFile(
  session: SftpSession,
  folder: string,
  { name, attributes }: NameEntry,
): Promise<ListedFile | undefined> {
  const known = isComplete(attributes) ? attributes : await statIfThere(session, posix.join(folder, name));
  if (known?.sizeBytes === undefined || !isFile(known)) return undefined;
  const { sizeBytes, modifiedMs } = known;
  return { name, sizeBytes, ...(modifiedMs === undefined ? {} : { storedMs: modifiedMs }) };
}

function isComplete({ sizeBytes, mode }: Attributes): boolean {
  return sizeBytes !== undefined && mode !== undefined && (mode & typeMask) !== symbolicLink;
}

function isFile({ mode = regularFile }: Attributes): boolean {
  return (mode & typeMask) === regularFile;
}

/** A file removed by somebody else between its name and its size is left out. */
async function statIfThere(session: SftpSession, place: string): Promise<Attributes | undefined> {
  try {
    return await statPath(session, place);
  } catch (error) {
    if (isStatus(error, 'noSuchFile')) return undefined;
    throw error;
  }
}

/** A data folder that vanished between its name and its content, or is a file, has no packs. */
async function readIfThere(session: SftpSession, folder: string): Promise<NameEntry[]> {
  try {
    return await readFolder(session, folder);
  } catch (error) {
    const isShard = shardName.test(posix.basename(folder));
    if (isShard && isStatus(error, 'noSuchFile')) return [];
    if (isShard && isStatus(error, 'failure') && isFile(await statPath(session, folder))) return [];
    throw error;
  }
}

/** Removes temporary files not touched since then; resolves to how many. */
export async function sweepLeftovers(run: Run, path: string, olderThanMs: number): Promise<number> {
  const folders = await Promise.all(fileKinds.map((kind) => foldersOf(run, path, kind)));
  let removed = 0;
  for (const window of windowsOf([path, ...folders.flat()])) {
    const counts = await Promise.all(
      window.map((folder) => run((session) => sweepFolder(session, folder, olderThanMs))),
    );
    removed += counts.reduce((sum, count) => sum + count, 0);
  }
  return removed;
}

async function sweepFolder(session: SftpSession, folder: string, olderThanMs: number): Promise<number> {
  let removed = 0;
  for (const { name, attributes } of await readIfThere(session, folder)) {
    const { modifiedMs = Infinity } = attributes;
    if (!temporaryName.test(name) || modifiedMs >= olderThanMs) continue;
    if (await removeIfThere(session, posix.join(folder, name))) removed += 1;
  }
  return removed;
}

async function removeIfThere(session: SftpSession, place: string): Promise<boolean> {
  try {
    await removePath(session, place);
    return true;
  } catch (error) {
    // Another process sweeps too.
    if (isStatus(error, 'noSuchFile')) return false;
    throw error;
  }
}

function* windowsOf(folders: readonly string[]): Generator<string[]> {
  for (let at = 0; at < folders.length; at += foldersAtOnce) yield folders.slice(at, at + foldersAtOnce);
}
