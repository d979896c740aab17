/**
 * A saved archive as files in a private folder, where pg_restore can read it from several places at once. A stream has one
 * end only, and one process that loads it.
 */
import { chownSync, mkdirSync } from 'node:fs';
import { open, readFile, writeFile as writeBack } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CoffreError, isCoffreError } from '@coffre/repository';
import { createPrivateFolder, type PrivateFolder } from '../../platform/private-folder.ts';
import type { SystemUser } from '../../platform/programs.ts';
import type { SavedSource, SourceContext } from '../source.ts';
import { followArchive } from './archive-stream.ts';
import { freeSearchPath, readHead } from './archive.ts';
import type { PostgresTruth } from './truth.ts';

export type Spool = Disposable & { readonly path: string };

export type SpoolOptions = {
  readonly owner: SystemUser | undefined;
  /** As `followArchive` does it. */
  readonly freesSearchPath: boolean;
};

/** Below it several processes gain nothing. */
export const worthSeveralBytes = 64 * 2 ** 20;

/**
 * One archive of the custom format, whole.
 * @returns undefined when there is no room
 * @throws {CoffreError} SOURCE_INVALID when it is cut
 */
export async function spoolStream(
  saved: SavedSource<PostgresTruth>,
  path: string,
  { temporaryFolder }: SourceContext,
  { owner, freesSearchPath }: SpoolOptions,
): Promise<Spool | undefined> {
  const folder = folderOrNone(temporaryFolder, sizeOf(saved, path));
  if (folder === undefined) return undefined;
  const file = join(folder.path, 'dump');
  try {
    await writeFile(file, followArchive(saved.read(path), { freesSearchPath }), owner);
    giveTo(folder.path, owner);
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
  return { path: file, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

export function sizeOf({ streams }: SavedSource<PostgresTruth>, path: string): number {
  return streams.find((stream) => stream.path === path)?.sizeBytes ?? 0;
}

function folderOrNone(base: string, sizeBytes: number): PrivateFolder | undefined {
  try {
    return createPrivateFolder(base, sizeBytes);
  } catch (error) {
    if (!isCoffreError(error, 'SOURCE_SPACE_SHORT')) throw error;
    return undefined;
  }
}

/** An archive of the directory format: its files are asked for by name. @throws {CoffreError} SOURCE_SPACE_SHORT */
export async function spoolFolder(
  saved: SavedSource<PostgresTruth>,
  path: string,
  { temporaryFolder }: SourceContext,
  { owner, freesSearchPath }: SpoolOptions,
): Promise<Spool> {
  const folder = dirname(path);
  const files = saved.streams.filter((stream) => dirname(stream.path) === folder);
  const spool = createPrivateFolder(
    temporaryFolder,
    files.reduce((sum, file) => sum + file.sizeBytes, 0),
  );
  try {
    const target = join(spool.path, 'dump');
    mkdirSync(target, { mode: 0o700 });
    for (const file of files) await writeFile(join(target, basename(file.path)), saved.read(file.path), owner);
    await refuseCutTables(target);
    if (freesSearchPath) await freePathIn(join(target, 'toc.dat'));
    for (const one of [target, spool.path]) giveTo(one, owner);
    return { path: target, [Symbol.dispose]: () => spool[Symbol.dispose]() };
  } catch (error) {
    spool[Symbol.dispose]();
    throw error;
  }
}

async function freePathIn(path: string): Promise<void> {
  const bytes = await readFile(path);
  freeSearchPath(bytes);
  await writeBack(path, bytes);
}

function giveTo(path: string, owner: SystemUser | undefined): void {
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

async function writeFile(path: string, bytes: AsyncIterable<Uint8Array>, owner: SystemUser | undefined): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    for await (const part of bytes) await file.writeFile(part);
  } finally {
    await file.close();
  }
}

/** The end of the rows of every table: pg_restore would take a shorter file for fewer rows. */
const endOfRows = Buffer.from('\\.\n\n\n');

/** @throws {CoffreError} SOURCE_INVALID */
async function refuseCutTables(folder: string): Promise<void> {
  const head = readHead(await readFile(join(folder, 'toc.dat')));
  for (const { kind, file, tag } of head?.entries ?? []) {
    if (kind !== 'TABLE DATA' || file === undefined) continue;
    const end = await lastBytes(join(folder, file), endOfRows.length);
    if (end?.equals(endOfRows) === true) continue;
    throw new CoffreError('SOURCE_INVALID', `the rows of table ${JSON.stringify(tag)} are cut off`);
  }
}

async function lastBytes(path: string, count: number): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(count, size));
    await file.read(bytes, 0, bytes.length, size - bytes.length);
    return bytes;
  } catch {
    return undefined; // it is not there at all
  }
}
