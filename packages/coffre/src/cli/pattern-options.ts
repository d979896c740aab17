/** `--exclude`, `--include` and their four relatives, read into one matcher each. */
import { anyOf, compilePatterns, isCoffreError, parsePatternFile } from '@coffre/repository';
import type { PathMatcher } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Environment } from './global-options.ts';
import { readBytesFile } from './text-file.ts';
import { collect, usage } from './values.ts';

export function addExcludes<Args extends unknown[], Options, Globals>(
  command: Command<Args, Options & {}, Globals & {}>,
) {
  return command
    .option('-e, --exclude <pattern>', 'leave out what matches (repeatable)', collect)
    .option('--iexclude <pattern>', 'the same, whatever the case of letters (repeatable)', collect)
    .option('--exclude-file <file>', 'read such patterns from a file (repeatable)', collect)
    .option('--iexclude-file <file>', 'the same, whatever the case of letters (repeatable)', collect);
}

export function addIncludes<Args extends unknown[], Options, Globals>(
  command: Command<Args, Options & {}, Globals & {}>,
) {
  return command
    .option('-i, --include <pattern>', 'take only what matches (repeatable)', collect)
    .option('--iinclude <pattern>', 'the same, whatever the case of letters (repeatable)', collect)
    .option('--include-file <file>', 'read such patterns from a file (repeatable)', collect)
    .option('--iinclude-file <file>', 'the same, whatever the case of letters (repeatable)', collect);
}

type Texts = readonly string[] | undefined;

export type ExcludeOptions = {
  readonly exclude?: Texts;
  readonly iexclude?: Texts;
  readonly excludeFile?: Texts;
  readonly iexcludeFile?: Texts;
};

export type IncludeOptions = {
  readonly include?: Texts;
  readonly iinclude?: Texts;
  readonly includeFile?: Texts;
  readonly iincludeFile?: Texts;
};

/** Options first, then files, in one list each: a later `!pattern` takes back what an earlier one matched. */
export function readExcludes(options: ExcludeOptions, environment: Environment): PathMatcher {
  return anyOf([
    compile('--exclude', [...(options.exclude ?? []), ...fromFiles(options.excludeFile, environment)], false),
    compile('--iexclude', [...(options.iexclude ?? []), ...fromFiles(options.iexcludeFile, environment)], true),
  ]);
}

export function readIncludes(options: IncludeOptions, environment: Environment): PathMatcher {
  return anyOf([
    compile('--include', [...(options.include ?? []), ...fromFiles(options.includeFile, environment)], false),
    compile('--iinclude', [...(options.iinclude ?? []), ...fromFiles(options.iincludeFile, environment)], true),
  ]);
}

/** Both at once would contradict each other. */
export function refuseBoth(excludes: PathMatcher, includes: PathMatcher): void {
  if (!excludes.isEmpty && !includes.isEmpty) throw usage('exclude and include patterns are mutually exclusive');
}

function fromFiles(files: Texts, environment: Environment): string[] {
  return (files ?? []).flatMap((file) => parsePatternFile(readBytesFile(file), environment));
}

function compile(option: string, patterns: readonly string[], ignoreCase: boolean): PathMatcher {
  try {
    return compilePatterns(patterns, { ignoreCase });
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    throw usage(
      `${option}: invalid pattern(s) provided: ${error.message.replace(/^malformed pattern: /, '')}`,
      error.hint,
    );
  }
}
