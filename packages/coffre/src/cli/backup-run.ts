import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  absolutePath,
  backup,
  cacheMarker,
  CoffreError,
  createSelection,
  databaseProfile,
  filesProfile,
  messageOf,
  pagesProfile,
  parseTagList,
  shortId,
  SourcePrefetch,
  timestampOfNs,
  toByteString,
  toText,
  zeroCounters,
} from '@coffre/repository';
import type { ByteString, ChunkProfile, ExcludeMarker, Files, Repository, Selection, StreamSource, Timestamp } from '@coffre/repository';
import { chooseParent } from './backup-parent.ts';
import { scanSources } from './backup-scan.ts';
import { commandSource, stdinSource, streamPath } from './backup-stream.ts';
import type { BackupVerbOptions } from './backup.ts';
import { repositoryCache } from './cache-folder.ts';
import type { Cli } from './cli.ts';
import { BackupReport } from './output/backup-report.ts';
import { readExcludes } from './pattern-options.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';
import { collectSources } from './source-lists.ts';
import { parseChoice, parseLocalTime, parseSize, parseWholeNumber, usage } from './values.ts';
import { programVersion } from './version.ts';

/** What to save, checked before the repository is opened. */
type Request = {
  readonly options: BackupVerbOptions;
  readonly paths: readonly ByteString[];
  readonly stream: { kind: 'stdin' } | { kind: 'command'; words: readonly string[] } | undefined;
  /** Paths were named that do not exist. */
  readonly isIncomplete: boolean;
  readonly time: Timestamp | undefined;
  readonly tags: readonly string[];
  readonly host: string | undefined;
  readonly profile: ChunkProfile;
  readonly threads: number | undefined;
};

export async function runBackup(cli: Cli, args: readonly string[], options: BackupVerbOptions): Promise<void> {
  const printer = cli.printer();
  const { createFiles } = await import('@coffre/repository');
  const files = createFiles();
  const request = readRequest(cli, args, options, files, (line) => printer.error(line));
  const selection = selectionOf(cli, request, files);
  const prefetch = prefetchSources(request, selection, files);
  const dryRun = options.dryRun === true;
  if (!printer.json) printer.verbose('open repository');
  await using session = await openSession(cli, dryRun ? 'none' : 'shared', { besideLock: true, dryRun });
  const { repository } = session;
  using report = new BackupReport(printer, zeroCounters());

  const stream = await startStream(cli, request, session.signal);
  const [indexed, parent] = await Promise.all([
    repository.loadIndex(),
    chooseParent(repository, {
      force: options.force === true,
      name: options.parent,
      groupBy: options.groupBy,
      host: request.host ?? repository.host.identity.hostname,
      paths: stream === undefined ? request.paths.map((path) => toText(absolute(path))) : [toText(stream.path)],
      tags: request.tags,
      time: request.time ?? timestampOfNs(repository.host.clock.nowNs()),
    }),
  ]);
  if (options.stdin !== true) {
    printer.normal(
      parent === undefined ? 'no parent snapshot found, will read all files' : `using parent snapshot ${shortId(parent)}`,
    );
  }
  report.step('load index files');
  const scan = startScan(session, request, selection, report, stream !== undefined);
  report.step(stream === undefined ? `start backup on [${request.paths.map(toText).join(' ')}]` : 'read data from stdin');
  const globals = cli.globals();
  const journalPath = dryRun || stream !== undefined ? undefined : journalOf(cli, repository, request);
  await prefetch?.stop();
  const result = await backup(indexed, {
    ...defined({ files: prefetch?.files }),
    ...(stream === undefined ? { paths: request.paths } : { stream }),
    workingFolder: workingFolder(),
    selection,
    tags: request.tags,
    excludes: options.exclude ?? [],
    parent: parent ?? 'none',
    change: { ignoreCtime: options.ignoreCtime === true || options.ignoreInode === true, ignoreInode: options.ignoreInode === true },
    withAtime: options.withAtime === true,
    profile: request.profile,
    compression: globals.compression,
    skipIfUnchanged: options.skipIfUnchanged === true,
    dryRun,
    programVersion,
    mayWrite: session.locked,
    counters: report.counters,
    report: (event) => report.onEvent(event),
    signal: session.signal,
    ...defined({
      hostname: request.host,
      time: request.time,
      threads: request.threads,
      packTargetBytes: globals.packSizeMib === undefined ? undefined : globals.packSizeMib * 1024 * 1024,
      journalPath,
    }),
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

function defined<T extends Record<string, unknown>>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}

function workingFolder(): ByteString {
  return toByteString(process.cwd());
}

function absolute(path: ByteString): ByteString {
  return absolutePath(path, workingFolder());
}

function readRequest(cli: Cli, args: readonly string[], options: BackupVerbOptions, files: Files, warn: (line: string) => void): Request {
  refuseContradictions(cli, args, options);
  const stream: Request['stream'] =
    options.stdinFromCommand === true ? { kind: 'command', words: args } : options.stdin === true ? { kind: 'stdin' } : undefined;
  const { paths, isIncomplete } = stream === undefined ? existingSources(args, options, files, warn) : { paths: [], isIncomplete: false };
  const concurrency = options.readConcurrency ?? cli.environment['RESTIC_READ_CONCURRENCY'] ?? '';
  const name = options.readConcurrency === undefined ? 'RESTIC_READ_CONCURRENCY' : '--read-concurrency';
  const host = options.host ?? cli.environment['RESTIC_HOST'] ?? '';
  return {
    options,
    paths,
    stream,
    isIncomplete,
    time: options.time === undefined ? undefined : timestampOfNs(BigInt(parseLocalTime(options.time, '--time').getTime()) * 1_000_000n),
    tags: [...new Set((options.tag ?? []).flatMap((text) => parseTagList(text)).filter((tag) => tag !== ''))],
    host: host === '' ? undefined : host,
    profile: profileOf(options.chunker),
    threads: concurrency === '' ? undefined : Math.max(1, Math.min(parseWholeNumber(concurrency, name), availableParallelism())),
  };
}

function profileOf(text: string): ChunkProfile {
  const profiles = { files: filesProfile, database: databaseProfile, pages: pagesProfile };
  return profiles[parseChoice(text, '--chunker', ['files', 'database', 'pages'] as const)];
}

function refuseContradictions(cli: Cli, args: readonly string[], options: BackupVerbOptions): void {
  const lists = [
    ['--files-from', options.filesFrom ?? []],
    ['--files-from-verbatim', options.filesFromVerbatim ?? []],
    ['--files-from-raw', options.filesFromRaw ?? []],
  ] as const;
  const { file, command, environment, insecureNone } = cli.globals().password;
  const asksStdin = !insecureNone && [file, command, environment].every((source) => source === undefined || source === '');
  const hint = 'Use --password-file, --password-command or RESTIC_PASSWORD.';
  if (asksStdin && options.stdin === true) throw usage('cannot read both password and data from stdin', hint);
  if (asksStdin && lists.some(([, files]) => files.includes('-'))) {
    throw usage('unable to read password from stdin when data is to be read from stdin', hint);
  }
  if (options.stdin !== true && options.stdinFromCommand !== true) return;
  for (const [option, files] of lists) {
    if (files.length > 0) throw usage(`--stdin and ${option} cannot be used together`);
  }
  if (args.length > 0 && options.stdinFromCommand !== true) {
    throw usage('--stdin was specified and files/dirs were listed as arguments');
  }
}

function existingSources(
  args: readonly string[],
  options: BackupVerbOptions,
  files: Files,
  warn: (line: string) => void,
): { paths: ByteString[]; isIncomplete: boolean } {
  const { filesFrom = [], filesFromVerbatim = [], filesFromRaw = [] } = options;
  const named = collectSources({ filesFrom, filesFromVerbatim, filesFromRaw }, args, files, warn);
  if (named.length === 0) throw usage('nothing to backup, please specify source files/dirs');
  const paths = named.filter((path) => {
    try {
      files.lstat(path);
      return true;
    } catch (error) {
      const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      warn(`${toText(path)} ${isGone ? 'does not exist' : 'cannot be accessed'}, skipping`);
      return false;
    }
  });
  if (paths.length === 0) {
    throw new CoffreError('SOURCE_MISSING', 'all source directories/files do not exist', {
      hint: 'Check the spelling, and whether the disk is mounted; nothing was saved.',
    });
  }
  return { paths, isIncomplete: paths.length < named.length };
}

async function startStream(cli: Cli, request: Request, signal: AbortSignal): Promise<StreamSource | undefined> {
  const { stream, options } = request;
  if (stream === undefined) return undefined;
  const path = streamPath(options.stdinFilename);
  return stream.kind === 'stdin' ? stdinSource(path, cli.stdin) : await commandSource(path, stream.words, signal);
}

function selectionOf(cli: Cli, request: Request, files: Files): Selection {
  const { options } = request;
  const markers: ExcludeMarker[] = (options.excludeIfPresent ?? []).map((text) => markerOf(text));
  return createSelection(files, {
    exclude: readExcludes(options, cli.environment),
    markers: options.excludeCaches === true ? [...markers, cacheMarker] : markers,
    ...defined({
      largerThanBytes:
        options.excludeLargerThan === undefined ? undefined : parseSize(options.excludeLargerThan, '--exclude-larger-than'),
      oneFileSystemOf: options.oneFileSystem === true ? request.paths.map((path) => absolute(path)) : undefined,
    }),
  });
}

function markerOf(text: string): ExcludeMarker {
  const colon = text.indexOf(':');
  const fileName = colon < 0 ? text : text.slice(0, colon);
  if (fileName === '') throw usage('--exclude-if-present needs the name of a file');
  return colon < 0 ? { fileName } : { fileName, header: text.slice(colon + 1) };
}

/** The walk begins while the key is derived: half a second on the other core, in which small sources are listed whole. */
function prefetchSources(request: Request, selection: Selection, files: Files): SourcePrefetch | undefined {
  if (request.stream !== undefined) return undefined;
  const { paths } = request;
  const prefetch = new SourcePrefetch({
    files,
    paths,
    workingFolder: workingFolder(),
    selection,
    monotonicMs: () => performance.now(),
  });
  prefetch.start();
  return prefetch;
}

/** Counting what there is to do is for whoever watches: a terminal, a program that reads JSON, `-v`. */
function startScan(
  { repository, printer, signal }: Session,
  request: Request,
  selection: Selection,
  report: BackupReport,
  isStream: boolean,
): { stop: () => Promise<void> } {
  const isWatched = printer.json || printer.terminal.canUpdateStatus || printer.verbosity >= 2;
  if (isStream || request.options.scan === false || !isWatched || printer.verbosity === 0) return { stop: async () => undefined };
  report.step(`start scan on [${request.paths.map(toText).join(' ')}]`);
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
function journalOf(cli: Cli, repository: Repository, request: Request): string | undefined {
  const folder = repositoryCache(cli.globals(), cli.environment, repository.config.id);
  if (folder === undefined) return undefined;
  const sources = request.paths.map((path) => absolute(path)).toSorted();
  const name = createHash('sha256').update(JSON.stringify([request.host ?? '', sources])).digest('hex');
  return join(folder, `resume-${name.slice(0, 16)}`);
}
