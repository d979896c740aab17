import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  backup,
  CoffreError,
  createFiles,
  isCoffreError,
  messageOf,
  shortId,
  SourcePrefetch,
  timestampOfNs,
  toText,
  zeroCounters,
} from '@coffre/repository';
import type {
  BackupEvent,
  BackupOptions,
  BackupResult,
  IndexedRepository,
  Repository,
  Selection,
  SnapshotId,
  SourceTotals,
  StreamSource,
} from '@coffre/repository';
import { chooseParent } from './backup-parent.ts';
import { absolute, defined, readRequest, selectionOf, workingFolder } from './backup-request.ts';
import type { BackupRequest } from './backup-request.ts';
import { scanSources } from './backup-scan.ts';
import { commandSource, stdinSource, streamPath } from './backup-stream.ts';
import type { BackupVerbOptions } from './backup.ts';
import { repositoryCache } from '../access/cache-folder.ts';
import type { Cli } from './cli.ts';
import { BackupReport } from './output/backup-report.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { programVersion } from './version.ts';

export async function runBackup(cli: Cli, args: readonly string[], options: BackupVerbOptions): Promise<void> {
  const printer = cli.printer();
  const files = createFiles();
  const request = readRequest(cli, args, options, files, (line) => printer.error(line));
  const dryRun = options.dryRun === true;
  const selection = selectionOf(cli, request, files);
  if (!printer.json) printer.verbose('open repository');
  const { paths } = request;
  const ahead = new SourcePrefetch({
    files,
    paths,
    workingFolder: workingFolder(),
    selection,
    monotonicMs: () => performance.now(),
  });
  if (request.stream === undefined) ahead.start();
  await using session = await openSession(cli, dryRun ? 'none' : 'shared', { besideLock: true, dryRun });
  const { repository } = session;
  using report = new BackupReport(printer, zeroCounters());

  const stream = await startStream(cli, request, session.signal);
  const findParent = (): Promise<SnapshotId | undefined> =>
    chooseParent(repository, {
      force: options.force === true,
      name: options.parent,
      groupBy: options.groupBy,
      host: request.host ?? repository.host.identity.hostname,
      paths: stream === undefined ? paths.map((path) => toText(absolute(path))) : [toText(stream.path)],
      tags: request.tags,
      time: request.time ?? timestampOfNs(repository.host.clock.nowNs()),
    });
  // A stream cannot be read twice, so nothing of it is read before the index is sure.
  if (stream !== undefined) await session.locked;
  const [indexed, parent] = await Promise.all([repository.loadIndex(), findParent()]);
  if (options.stdin !== true) {
    printer.normal(
      parent === undefined
        ? 'no parent snapshot found, will read all files'
        : `using parent snapshot ${shortId(parent)}`,
    );
  }
  report.step('load index files');
  await ahead.stop();
  const scan = stream === undefined ? startScan(session, request, { selection, seen: ahead.totals }, report) : noScan;
  report.step(stream === undefined ? `start backup on [${paths.map(toText).join(' ')}]` : 'read data from stdin');
  const shared = {
    ...backupOptions(cli, repository, request),
    selection,
    counters: report.counters,
    report: (event: BackupEvent) => report.onEvent(event),
    signal: session.signal,
  };
  const startAgain = async (): Promise<BackupResult> => {
    printer.verbose('the index was rewritten by another program meanwhile, starting again');
    Object.assign(report.counters, zeroCounters());
    const parentNow = (await findParent()) ?? 'none';
    return await backup(await repository.loadIndex(), { ...shared, paths, parent: parentNow });
  };
  const result = await besideLock(session, {
    index: indexed,
    first: (mayWrite) =>
      backup(indexed, {
        ...shared,
        ...(stream === undefined ? { paths, files: ahead.files } : { stream }),
        parent: parent ?? 'none',
        mayWrite,
      }),
    again: stream === undefined ? startAgain : undefined,
  });
  await scan.stop();
  await session.locked;
  const nothingRead = stream !== undefined && result.counters.bytesRead === 0;
  if (nothingRead) report.error(stream.path, new Error('no data read'), 'archival');
  report.finish(result, dryRun);
  const { errors, changedWhileRead } = result.counters;
  if (request.isIncomplete || errors > 0 || nothingRead || (options.strict === true && changedWhileRead > 0)) {
    throw new CoffreError('SOURCE_INCOMPLETE', 'at least one source file could not be read', {
      hint: 'The rest is saved; the lines above say which.',
    });
  }
}

type Attempts = {
  readonly index: IndexedRepository;
  readonly first: (mayWrite: Promise<void>) => Promise<BackupResult>;
  /** Absent where the source cannot be read twice. */
  readonly again: (() => Promise<BackupResult>) | undefined;
};

/**
 * The index is read and files are compared while the lock is still waited for. A prune that ended in that time has made
 * the work void, which is seen before anything is written; with the lock held it cannot happen again.
 */
async function besideLock(session: Session, { index, first, again }: Attempts): Promise<BackupResult> {
  const mayWrite = session.locked.then(() => index.requireCurrent());
  // Whoever writes first meets it; until then it is not a stray rejection.
  mayWrite.catch(() => undefined);
  try {
    return await first(mayWrite);
  } catch (error) {
    if (again === undefined || !isCoffreError(error, 'REPO_CHANGED')) throw error;
    await session.locked;
    return await again();
  }
}

/** What does not change while the backup runs. */
function backupOptions(cli: Cli, repository: Repository, request: BackupRequest): BackupOptions {
  const { options } = request;
  const { compression, packSizeMib } = cli.globals();
  const dryRun = options.dryRun === true;
  const ignoreInode = options.ignoreInode === true;
  return {
    workingFolder: workingFolder(),
    tags: request.tags,
    excludes: options.exclude ?? [],
    change: { ignoreCtime: options.ignoreCtime === true || ignoreInode, ignoreInode },
    withAtime: options.withAtime === true,
    ...(request.profile === undefined ? {} : { profile: request.profile }),
    compression,
    skipIfUnchanged: options.skipIfUnchanged === true,
    dryRun,
    programVersion,
    ...defined({
      hostname: request.host,
      time: request.time,
      threads: request.threads,
      packTargetBytes: packSizeMib === undefined ? undefined : packSizeMib * 1024 * 1024,
      journalPath: dryRun || request.stream !== undefined ? undefined : journalOf(cli, repository, request),
    }),
  };
}

async function startStream(cli: Cli, request: BackupRequest, signal: AbortSignal): Promise<StreamSource | undefined> {
  const { stream, options } = request;
  if (stream === undefined) return undefined;
  const path = streamPath(options.stdinFilename);
  if (stream.kind === 'stdin') return stdinSource(path, cli.stdin);
  return await commandSource(path, stream.words, { signal, said: (line) => cli.terminal.error(line) });
}

type Scan = { readonly stop: () => Promise<void> };
const noScan: Scan = { stop: async () => undefined };

/**
 * Counting what there is to do is for whoever watches: a terminal, a program that reads JSON, `-v`. Mostly it was done
 * while the key was derived.
 */
function startScan(
  { repository, printer, signal }: Session,
  request: BackupRequest,
  { selection, seen }: { readonly selection: Selection; readonly seen: SourceTotals },
  report: BackupReport,
): Scan {
  const isWatched = printer.json || printer.terminal.canUpdateStatus || printer.verbosity >= 2;
  if (!request.options.scan || !isWatched || printer.verbosity === 0) return noScan;
  report.step(`start scan on [${request.paths.map(toText).join(' ')}]`);
  if (seen.complete) {
    report.totals.files = seen.files;
    report.totals.bytes = seen.bytes;
    report.scanFinished();
    return noScan;
  }
  const enough = new AbortController();
  const scan = scanSources(
    {
      files: repository.host.files,
      sources: request.paths.map((path) => absolute(path)),
      selection,
      signal: AbortSignal.any([signal, enough.signal]),
      onError: (path, error) => report.error(path, error, 'scan'),
    },
    report.totals,
  ).then(
    (isComplete) => void (isComplete && report.scanFinished()),
    (error: unknown) => printer.error(`the scan failed: ${messageOf(error)}`),
  );
  return {
    stop: async () => {
      // A scan that is slower than the backup has nothing more to tell, unless its last line was asked for.
      if (printer.verbosity < 2) enough.abort();
      await scan;
    },
  };
}

/** One journal for each set of sources: an interrupted backup of one folder says nothing about another. */
function journalOf(cli: Cli, repository: Repository, request: BackupRequest): string | undefined {
  const folder = repositoryCache(cli.globals(), cli.environment, repository.config.id);
  if (folder === undefined) return undefined;
  const sources = request.paths.map((path) => absolute(path)).toSorted();
  const name = createHash('sha256')
    .update(JSON.stringify([request.host ?? '', sources]))
    .digest('hex');
  return join(folder, `resume-${name.slice(0, 16)}`);
}
