/** A saved archive into a database that is there, by pg_restore straight: no script, no psql, no backslash commands. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import type { ProgramCall, SystemUser } from '../../platform/programs.ts';
import type { SavedSource, SourceContext } from '../source.ts';
import { followArchive } from './archive-stream.ts';
import type { ArchiveHead } from './archive.ts';
import { toolInWords } from './failures.ts';
import { databaseWord } from './names.ts';
import type { PostgresAddress, PostgresSettings } from './settings.ts';
import { sizeOf, spoolFolder, spoolStream, worthSeveralBytes, type Spool, type SpoolOptions } from './spool-archive.ts';
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
  /** Several where it is worth it, and there is room for the archive as a file. */
  readonly jobs?: number;
  /** In which what it holds is looked for; none when undefined, as pg_dump wants it. */
  readonly searchPath?: string | undefined;
};

const restoreTimeoutMs = 7 * 24 * 3_600_000;

const jobsMax = 8;

export function jobsOf(settings: PostgresSettings | undefined): number {
  return settings?.jobs ?? Math.min(jobsMax, availableParallelism());
}

/** Exit code and last byte decide. @throws {CoffreError} SOURCE_INVALID when it is cut, SOURCE_COMMAND_FAILED */
export async function restoreArchive(request: RestoreRequest): Promise<void> {
  const { saved, database, context } = request;
  const path = pathOf(database);
  const jobs = request.into === undefined ? 1 : (request.jobs ?? 1);
  if (database.format === 'custom') {
    using spool = await spooledOrNone(request, path, jobs);
    const { freesSearchPath } = spoolOptions(request);
    if (spool === undefined) await runRestore(request, [], followArchive(saved.read(path), { freesSearchPath }));
    else await runRestore(request, [`-j${jobs}`, spool.path], undefined);
    return;
  }
  using spool = await spoolFolder(saved, path, context, spoolOptions(request));
  const words = request.into === undefined ? [] : [`-j${jobs}`];
  await runRestore(request, ['-Fd', ...words, spool.path], undefined);
}

async function spooledOrNone(request: RestoreRequest, path: string, jobs: number): Promise<Spool | undefined> {
  const { saved, context } = request;
  if (jobs < 2 || sizeOf(saved, path) < worthSeveralBytes) return undefined;
  return await spoolStream(saved, path, context, spoolOptions(request));
}

function spoolOptions({ asUser, searchPath }: RestoreRequest): SpoolOptions {
  return { owner: asUser, freesSearchPath: searchPath !== undefined };
}

async function runRestore(
  request: RestoreRequest,
  more: readonly string[],
  input: AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  const { context, tools, into, words = [], asUser, searchPath } = request;
  const target =
    into === undefined ? ['-f', '/dev/null'] : ['--exit-on-error', '--no-password', '-d', databaseWord(into.name)];
  const argv = [join(tools.folder, 'pg_restore'), ...target, ...words, ...more];
  const call: ProgramCall = {
    argv,
    timeoutMs: restoreTimeoutMs,
    signal: context.signal,
    environment: into === undefined ? { LC_ALL: 'C' } : { ...toolEnvironment(into.address), ...pathWords(searchPath) },
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

function pathWords(searchPath: string | undefined): Record<string, string> {
  if (searchPath === undefined) return {};
  return { PGOPTIONS: `-c search_path=${searchPath.replaceAll(/[\s\\]/g, String.raw`\$&`)}` };
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
