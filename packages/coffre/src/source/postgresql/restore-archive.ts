/** A saved archive into a database that is there, by pg_restore straight: no script, no psql, no backslash commands. */
import { chownSync, mkdirSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { ProgramCall, SystemUser } from '../../platform/programs.ts';
import type { SavedSource, SourceContext } from '../source.ts';
import { followArchive } from './archive-stream.ts';
import { readHead, type ArchiveHead } from './archive.ts';
import { toolInWords } from './failures.ts';
import { databaseWord } from './names.ts';
import type { PostgresAddress } from './settings.ts';
import { toolEnvironment, type Tools } from './tools.ts';
import type { DatabaseTruth, PostgresTruth } from './truth.ts';

export type RestoreRequest = {
  readonly saved: SavedSource<PostgresTruth>;
  readonly database: DatabaseTruth;
  readonly context: SourceContext;
  readonly tools: Tools;
  /** Undefined: read to the end and written nowhere. */
  readonly into: { readonly address: PostgresAddress; readonly name: string } | undefined;
  readonly words?: readonly string[];
  readonly asUser?: SystemUser | undefined;
  readonly jobs?: number;
};

const restoreTimeoutMs = 7 * 24 * 3_600_000;

/** Exit code and last byte decide. @throws {CoffreError} SOURCE_INVALID when it is cut, SOURCE_COMMAND_FAILED */
export async function restoreArchive(request: RestoreRequest): Promise<void> {
  const { saved, database, context } = request;
  const path = pathOf(database);
  if (database.format === 'custom') {
    await runRestore(request, [], followArchive(saved.read(path)));
    return;
  }
  // Files of a directory are asked for by name, so they must lie on a disk.
  const folder = dirname(path);
  const files = saved.streams.filter((stream) => dirname(stream.path) === folder);
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  using spool = createPrivateFolder(context.temporaryFolder, sizeBytes);
  const target = join(spool.path, 'dump');
  mkdirSync(target, { mode: 0o700 });
  for (const file of files) await writeFile(join(target, basename(file.path)), saved.read(file.path), request.asUser);
  await refuseCutTables(target);
  if (request.asUser !== undefined) {
    for (const one of [target, spool.path]) chownSync(one, request.asUser.uid, request.asUser.gid);
  }
  const jobs = request.into === undefined ? [] : [`-j${request.jobs ?? 2}`];
  await runRestore(request, ['-Fd', ...jobs, target], undefined);
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

async function runRestore(
  request: RestoreRequest,
  more: readonly string[],
  input: AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  const { context, tools, into, words = [], asUser } = request;
  const target =
    into === undefined ? ['-f', '/dev/null'] : ['--exit-on-error', '--no-password', '-d', databaseWord(into.name)];
  const argv = [join(tools.folder, 'pg_restore'), ...target, ...words, ...more];
  const call: ProgramCall = {
    argv,
    timeoutMs: restoreTimeoutMs,
    signal: context.signal,
    environment: into === undefined ? { LC_ALL: 'C' } : toolEnvironment(into.address),
    workingFolder: '/',
    // Behind the last table that was asked for it reads no more.
    mayLeaveInput: words.some((word) => word.startsWith('--use-list=')),
    ...(input === undefined ? {} : { input }),
    ...(asUser === undefined ? {} : { asUser }),
  };
  let failure: unknown;
  const watched = input === undefined ? undefined : watch(input, (error) => (failure = error));
  try {
    // It prints nothing.
    for await (const _ of context.programs.output({ ...call, ...(watched === undefined ? {} : { input: watched }) }));
  } catch (error) {
    context.signal.throwIfAborted();
    // What was fed to it failed first, and says more.
    throw failure instanceof Error ? failure : toolInWords(error);
  }
}

/** Our own view of the input: a cut archive and a damaged repository have better words than the program that starves. */
async function* watch(
  input: AsyncIterable<Uint8Array>,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* input;
  } catch (error) {
    onFailure(error);
    throw error;
  }
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

export function pathOf({ name, path }: DatabaseTruth): string {
  if (path !== null) return path;
  throw new CoffreError('MANIFEST_DAMAGED', `the manifest names no archive of database ${JSON.stringify(name)}`);
}

/** The table of contents of a saved archive; undefined for a version that is not known here. */
export async function savedHead(
  saved: SavedSource<PostgresTruth>,
  database: DatabaseTruth,
): Promise<ArchiveHead | undefined> {
  let found: ArchiveHead | undefined;
  let isRead = false;
  const onHead = (head: ArchiveHead | undefined): void => {
    found = head;
    isRead = true;
  };
  for await (const _ of followArchive(saved.read(pathOf(database)), { onHead })) if (isRead) break;
  return found;
}
