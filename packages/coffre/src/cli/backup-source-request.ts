/** The sources that a command line names, as checked values. */
import { basename, resolve } from 'node:path';
import { commandWords, parseTagList, toByteString } from '@coffre/repository';
import type { ByteString, Files, Selection, Timestamp } from '@coffre/repository';
import { usualGuards } from '../source/files/guards.ts';
import type { Validation } from '../source/files/validate.ts';
import type { SourceSpec } from '../source/source-types.ts';
import { absolute, readRequest, selectionOf } from './backup-request.ts';
import type { BackupVerbOptions } from './backup.ts';
import type { Cli } from './cli.ts';
import { collectSources } from './source-lists.ts';
import { parseChoice, parseDurationMs, usage } from './values.ts';

export type SourceRequest = {
  readonly sources: readonly SourceSpec[];
  readonly tags: readonly string[];
  readonly host: string | undefined;
  readonly time: Timestamp | undefined;
  readonly threads: number | undefined;
};

/** @throws {CoffreError} USAGE */
export async function readSourceRequest(
  cli: Cli,
  args: readonly string[],
  options: BackupVerbOptions,
  files: Files,
): Promise<SourceRequest> {
  if (options.stdin === true || options.stdinFromCommand === true) {
    throw usage('--stdin saves one stream alone', 'Use --command-source NAME=COMMAND beside other sources.');
  }
  // The root stands for paths: it is always there, and the guards judge the real ones.
  const request = readRequest(
    cli,
    ['/'],
    { ...options, filesFrom: [], filesFromVerbatim: [], filesFromRaw: [] },
    files,
    () => undefined,
  );
  const databases = (options.sqlite ?? []).map((path) => resolve(path));
  const paths = namedPaths(args, options, files);
  const sources: SourceSpec[] = [
    ...sqliteSpecs(databases),
    ...commandSpecs(cli, options),
    ...filesSpecs(paths, options, exceptDatabases(selectionOf(cli, { ...request, paths }, files), databases)),
  ];
  if (sources.length === 0)
    throw usage('nothing to back up', 'Name paths, --sqlite FILE or --command-source NAME=COMMAND.');
  return {
    sources,
    tags: (options.tag ?? []).flatMap((text) => parseTagList(text)).filter((tag) => tag !== ''),
    host: request.host,
    time: request.time,
    threads: request.threads,
  };
}

function namedPaths(args: readonly string[], options: BackupVerbOptions, files: Files): ByteString[] {
  const { filesFrom = [], filesFromVerbatim = [], filesFromRaw = [] } = options;
  const lists = { filesFrom, filesFromVerbatim, filesFromRaw };
  return collectSources(lists, args, files, () => undefined).map((path) => absolute(path));
}

/** Names do not depend on the order of the flags. */
function sqliteSpecs(databases: readonly string[]): SourceSpec[] {
  return databases.map((path) => {
    const isAlone = databases.filter((other) => basename(other) === basename(path)).length === 1;
    const name = isAlone ? basename(path) : path.slice(1).replaceAll('/', '-');
    return { kind: 'sqlite', settings: { name, path } };
  });
}

function commandSpecs(cli: Cli, options: BackupVerbOptions): SourceSpec[] {
  const loads = new Map((options.loadWith ?? []).map((text) => namedWords(text, '--load-with')));
  const environment: Record<string, string> = {};
  for (const name of options.commandEnv ?? []) {
    const value = cli.environment[name];
    if (value === undefined) throw usage(`the variable ${JSON.stringify(name)} of --command-env is not set`);
    environment[name] = value;
  }
  const timeoutMs = parseDurationMs(options.commandTimeout, '--command-timeout');
  const specs = (options.commandSource ?? []).map((text): SourceSpec => {
    const [name, argv] = namedWords(text, '--command-source');
    const load = loads.get(name);
    loads.delete(name);
    const settings = { name, argv, timeoutMs, environment, ...(load === undefined ? {} : { load }) };
    return { kind: 'command', settings };
  });
  const [stray] = loads.keys();
  if (stray !== undefined) throw usage(`--load-with names ${JSON.stringify(stray)}, which no --command-source has`);
  return specs;
}

function namedWords(text: string, option: string): [string, string[]] {
  const at = text.indexOf('=');
  const words = at < 1 ? [] : commandWords(text.slice(at + 1), `the command of ${option}`);
  if (words.length === 0) {
    throw usage(
      `${option} needs NAME=COMMAND, not ${JSON.stringify(text)}`,
      "Write it as shop='pg_dump -Fc -Z0 shop'.",
    );
  }
  return [text.slice(0, at), words];
}

function filesSpecs(paths: readonly ByteString[], options: BackupVerbOptions, selection: Selection): SourceSpec[] {
  if (paths.length === 0) {
    if (options.validate !== undefined) throw usage('--validate needs paths of files');
    return [];
  }
  const guard = parseChoice(options.guard, '--guard', ['on', 'off'] as const);
  const validation = options.validate === undefined ? undefined : validationOf(options.validate);
  return [
    {
      kind: 'files',
      settings: {
        name: 'files',
        paths,
        selection,
        guards: guard === 'on' ? usualGuards : undefined,
        ...(validation === undefined ? {} : { validation }),
        ...(options.moduleFrom === undefined ? {} : { moduleFrom: moduleFrom(options.moduleFrom) }),
      },
    },
  ];
}

function validationOf(text: string): Validation {
  if (text.startsWith('command:')) {
    const argv = commandWords(text.slice('command:'.length), 'the command of --validate');
    if (argv.length === 0) throw usage('the command of --validate is empty');
    return { kind: 'command', argv };
  }
  return { kind: parseChoice(text, '--validate', ['toml', 'json', 'yaml', 'sqlite'] as const) };
}

function moduleFrom(text: string): string {
  if (text.split('{module}').length === 2) return text;
  throw usage('--module-from must hold {module} once', 'Write it as modules/{module}/state/.');
}

/** The live files of a database that is saved as it should be would only be a torn second copy. */
function exceptDatabases(selection: Selection, databases: readonly string[]): Selection {
  if (databases.length === 0) return selection;
  const live = new Set<string>(
    databases.flatMap((path) => ['', '-wal', '-shm', '-journal'].map((end) => toByteString(path + end))),
  );
  return { ...selection, byName: (path) => !live.has(path) && selection.byName(path) };
}
