/** The command line of a backup as one checked value, before the repository is opened. */
import { availableParallelism } from 'node:os';
import {
  absolutePath,
  cacheMarker,
  CoffreError,
  createSelection,
  databaseProfile,
  pagesProfile,
  parseTagList,
  timestampOfNs,
  toByteString,
  toText,
} from '@coffre/repository';
import type { ByteString, ChunkProfile, ExcludeMarker, Files, Selection, Timestamp } from '@coffre/repository';
import type { BackupVerbOptions } from './backup.ts';
import type { Cli } from './cli.ts';
import { readExcludes } from './pattern-options.ts';
import { collectSources } from './source-lists.ts';
import { parseChoice, parseLocalTime, parseSize, parseWholeNumber, usage } from './values.ts';

export type BackupRequest = {
  readonly options: BackupVerbOptions;
  readonly paths: readonly ByteString[];
  readonly stream: { kind: 'stdin' } | { kind: 'command'; words: readonly string[] } | undefined;
  /** Paths were named that do not exist. */
  readonly isIncomplete: boolean;
  readonly time: Timestamp | undefined;
  readonly tags: readonly string[];
  readonly host: string | undefined;
  /** Undefined: what the repository asks for. */
  readonly profile: ChunkProfile | undefined;
  readonly threads: number | undefined;
};

/** @throws {CoffreError} USAGE, SOURCE_MISSING */
export function readRequest(
  cli: Cli,
  args: readonly string[],
  options: BackupVerbOptions,
  files: Files,
  warn: (line: string) => void,
): BackupRequest {
  refuseContradictions(cli, args, options);
  const stream: BackupRequest['stream'] =
    options.stdinFromCommand === true
      ? { kind: 'command', words: args }
      : options.stdin === true
        ? { kind: 'stdin' }
        : undefined;
  const { paths, isIncomplete } =
    stream === undefined ? existingSources(args, options, files, warn) : { paths: [], isIncomplete: false };
  const concurrency = options.readConcurrency ?? cli.environment['RESTIC_READ_CONCURRENCY'] ?? '';
  const name = options.readConcurrency === undefined ? 'RESTIC_READ_CONCURRENCY' : '--read-concurrency';
  const host = options.host ?? cli.environment['RESTIC_HOST'] ?? '';
  return {
    options,
    paths,
    stream,
    isIncomplete,
    time:
      options.time === undefined
        ? undefined
        : timestampOfNs(BigInt(parseLocalTime(options.time, '--time').getTime()) * 1_000_000n),
    tags: [...new Set((options.tag ?? []).flatMap((text) => parseTagList(text)).filter((tag) => tag !== ''))],
    host: host === '' ? undefined : host,
    profile: profileOf(options.chunker),
    threads:
      concurrency === ''
        ? undefined
        : Math.max(1, Math.min(parseWholeNumber(concurrency, name), availableParallelism())),
  };
}

/** Undefined for what the repository itself asks for. */
function profileOf(text: string): ChunkProfile | undefined {
  const profiles = { files: undefined, database: databaseProfile, pages: pagesProfile };
  return profiles[parseChoice(text, '--chunker', ['files', 'database', 'pages'] as const)];
}

function refuseContradictions(cli: Cli, args: readonly string[], options: BackupVerbOptions): void {
  const lists = [
    ['--files-from', options.filesFrom ?? []],
    ['--files-from-verbatim', options.filesFromVerbatim ?? []],
    ['--files-from-raw', options.filesFromRaw ?? []],
  ] as const;
  const { file, command, environment, insecureNone } = cli.globals().password;
  const asksStdin =
    !insecureNone && [file, command, environment].every((source) => source === undefined || source === '');
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

export function selectionOf(cli: Cli, request: BackupRequest, files: Files): Selection {
  const { options } = request;
  const markers: ExcludeMarker[] = (options.excludeIfPresent ?? []).map((text) => markerOf(text));
  return createSelection(files, {
    exclude: readExcludes(options, cli.environment),
    markers: options.excludeCaches === true ? [...markers, cacheMarker] : markers,
    ...defined({
      largerThanBytes:
        options.excludeLargerThan === undefined || options.excludeLargerThan === ''
          ? undefined
          : parseSize(options.excludeLargerThan, '--exclude-larger-than'),
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

export function workingFolder(): ByteString {
  return toByteString(process.cwd());
}

export function absolute(path: ByteString): ByteString {
  return absolutePath(path, workingFolder());
}

/** Without what was not given; the library takes absence for the usual. */
export function defined<T extends Record<string, unknown>>(
  fields: T,
): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };
}
