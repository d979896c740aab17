/** Streams of a server: its roles and tablespaces, then every database at one moment of its own. */
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CoffreError,
  databaseProfile,
  filesProfile,
  toByteString,
  type ChunkProfile,
  type StreamSource,
} from '@coffre/repository';
import { createPrivateFolder, type PrivateFolder } from '../../platform/private-folder.ts';
import type { ProgramCall } from '../../platform/programs.ts';
import type { Dump, SourceContext } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { followArchive } from './archive-stream.ts';
import { readHead, settleTime, type ArchiveHead } from './archive.ts';
import { toolInWords } from './failures.ts';
import { globalsCall } from './globals.ts';
import { holdSnapshot, type HeldSnapshot } from './held-snapshot.ts';
import { databaseWord, fileNameOf } from './names.ts';
import { databasesOf, lookAtDatabase, openServer, serverFacts, truthOfDatabase } from './server.ts';
import type { DatabaseEntry, ServerFacts } from './server.ts';
import { usualJobs, type PostgresSettings } from './settings.ts';
import { toolEnvironment, toolsFor, type Tools } from './tools.ts';
import { tablesWithRows, type DatabaseTruth, type PostgresTruth } from './truth.ts';

/** A dump has as long as the plan gives it; this only ends what nobody waits for any more. */
const dumpTimeoutMs = 7 * 24 * 3_600_000;
const lockWaitMs = 10 * 60_000;

type Work = {
  readonly settings: PostgresSettings;
  readonly context: SourceContext;
  readonly server: ServerFacts;
  readonly tools: Tools;
  readonly folder: string;
  readonly truths: Map<string, DatabaseTruth>;
};

export async function dumpServer(settings: PostgresSettings, context: SourceContext): Promise<Dump<PostgresTruth>> {
  const { session, database } = await openServer(settings, context.signal);
  await using _session = session;
  const server = await serverFacts(session);
  const databases = await databasesOf(session, settings);
  const tools = await toolsFor(context, server.major);
  const folder = streamFolder(settings.name);
  const work: Work = { settings, context, server, tools, folder, truths: new Map() };
  const globalsPath = `${folder}/globals.sql`;
  await using opened = new AsyncDisposableStack();
  const streams: StreamSource[] = [
    {
      path: toByteString(globalsPath),
      bytes: (signal) => toolOutput(work, signal, globalsCall(tools, server, database)),
      profile: databaseProfile,
    },
  ];
  for (const entry of databases) {
    if (entry.sizeBytes > settings.parallelOverBytes) streams.push(...(await intoFolder(work, entry, opened)));
    else streams.push(asStream(work, entry));
  }
  const kept = opened.move();
  return {
    streams,
    truth: async () => ({
      server: { version: server.version, isReplica: server.isReplica, isEncrypted: server.isEncrypted },
      toolVersion: tools.version,
      globals: { path: globalsPath, hasPasswords: server.isSuperuser },
      isPart: settings.dumpArguments.length > 0,
      databases: databases.map(({ name }) => {
        const truth = work.truths.get(name);
        if (truth === undefined) throw new CoffreError('INTERNAL', 'the truth was asked for before the dump');
        return truth;
      }),
    }),
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

/** Small pieces find more that repeats, and every one of them takes room in the index: too many of a large database. */
const smallPiecesUpToBytes = 100e9;

function profileFor(sizeBytes: number): ChunkProfile {
  return sizeBytes > smallPiecesUpToBytes ? filesProfile : databaseProfile;
}

function asStream(work: Work, { name, sizeBytes }: DatabaseEntry): StreamSource {
  const path = `${work.folder}/databases/${fileNameOf(name)}.dump`;
  return {
    path: toByteString(path),
    bytes: (signal) => archiveOf(work, name, path, signal),
    profile: profileFor(sizeBytes),
  };
}

/** The archive of one database; it ends only when it is whole and everything in it is counted. */
async function* archiveOf(
  work: Work,
  name: string,
  path: string,
  streamSignal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const signal = AbortSignal.any([streamSignal, work.context.signal]);
  await using held = await holdSnapshot({ address: work.settings.address, database: name, signal });
  // Its reason is what went wrong with counting, not that pg_dump lost its snapshot then.
  const failed = new AbortController();
  let truth: Promise<DatabaseTruth> | undefined;
  // Both see the same rows, and pages are read from the disk once.
  const onHead = (head: ArchiveHead | undefined): void => {
    truth = countIn(work, held, { path, format: 'custom', head }, signal);
    truth.catch((error: unknown) => failed.abort(error));
  };
  const argv = dumpWords(work, held, name, ['-Fc']);
  const parts = toolOutput(work, AbortSignal.any([signal, failed.signal]), { argv });
  yield* followArchive(parts, { onHead });
  if (truth === undefined) throw new CoffreError('INTERNAL', 'the archive has no head');
  work.truths.set(name, await truth);
}

type Archive = Parameters<typeof truthOfDatabase>[1];

/** Counts the tables whose rows are in the archive, at its moment. */
async function countIn(
  { settings: { sumsContent } }: Work,
  { session }: HeldSnapshot,
  archive: Archive,
  signal: AbortSignal,
): Promise<DatabaseTruth> {
  const countsRows = archive.head === undefined ? true : tablesWithRows(archive.head);
  return truthOfDatabase(await lookAtDatabase(session, { countsRows, sumsContent, signal }), archive);
}

function dumpWords({ settings, tools }: Work, { id }: HeldSnapshot, name: string, more: readonly string[]): string[] {
  return [
    join(tools.folder, 'pg_dump'),
    ...more,
    '-Z0',
    `--snapshot=${id}`,
    '--no-password',
    `--lock-wait-timeout=${lockWaitMs}`,
    ...settings.dumpArguments,
    '-d',
    databaseWord(name),
  ];
}

async function* toolOutput(
  { context, settings }: Work,
  signal: AbortSignal,
  call: Pick<ProgramCall, 'argv'>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* context.programs.output({
      ...call,
      environment: toolEnvironment(settings.address),
      timeoutMs: dumpTimeoutMs,
      signal: AbortSignal.any([signal, context.signal]),
    });
  } catch (error) {
    throw toolInWords(error);
  }
}

/** Several processes write files, which are then saved one by one. */
async function intoFolder(
  work: Work,
  { name, sizeBytes }: DatabaseEntry,
  opened: AsyncDisposableStack,
): Promise<StreamSource[]> {
  const { context, settings } = work;
  const spool: PrivateFolder = createPrivateFolder(context.temporaryFolder, sizeBytes);
  opened.defer(() => spool[Symbol.dispose]());
  const target = join(spool.path, 'dump');
  const base = `${work.folder}/databases/${fileNameOf(name)}.dir`;
  await using held = await holdSnapshot({ address: settings.address, database: name, signal: context.signal });
  const argv = dumpWords(work, held, name, ['-Fd', `-j${settings.jobs ?? usualJobs}`, '-f', target]);
  for await (const _ of toolOutput(work, context.signal, { argv }));
  const toc = readFileSync(join(target, 'toc.dat'));
  settleTime(toc);
  const head = readHead(toc);
  const archive: Archive = { path: `${base}/toc.dat`, format: 'directory', head };
  work.truths.set(name, await countIn(work, held, archive, context.signal));
  return readdirSync(target)
    .toSorted()
    .map((file) => ({
      path: toByteString(`${base}/${file}`),
      bytes: file === 'toc.dat' ? toc : () => fileBytes(join(target, file)),
      profile: profileFor(sizeBytes),
    }));
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  for await (const bytes of createReadStream(path, { highWaterMark: 2 ** 20 })) yield bytes as Uint8Array;
}
