import { globSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** Reads a file of the user or the machine; undefined when it is not there. */
export type ReadText = (path: string) => string | undefined;

export type SshSettings = {
  /** The first value that was given; names in lower case. */
  first(name: string): string | undefined;
  /** All values of a setting that adds up, such as `IdentityFile`. */
  all(name: string): readonly string[];
};

export type SshConfigSource = {
  readonly path: string;
  /** Where an `Include` with a relative path looks. */
  readonly includeFolder: string;
};

export type SshConfigQuery = {
  /** As the user wrote it. */
  readonly host: string;
  readonly user: string | undefined;
  /** Settings that stand before every file, as `-o Name=value` does. */
  readonly given: readonly (readonly [name: string, value: string])[];
  readonly sources: readonly SshConfigSource[];
  readonly home: string;
  readonly localUser: string;
  readonly readText: ReadText;
};

const includeDepthMax = 16;

/** What ssh would take from its configuration for a host: for each setting, the first value wins (ssh_config(5)). */
export function resolveSshConfig(query: SshConfigQuery): SshSettings {
  const values = new Map<string, string[]>();
  const add = (name: string, value: string): void => {
    const key = name.toLowerCase();
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
  };
  for (const [name, value] of query.given) add(name, value);

  function readSource(source: SshConfigSource, active: boolean, depth: number): void {
    let applies = active;
    for (const line of (query.readText(source.path) ?? '').split('\n')) {
      const [name, words] = parseLine(line);
      if (name === 'host') applies = active && matchesPatterns(query.host, words);
      else if (name === 'match') applies = active && matchesAll(query, words, values);
      else if (name === 'include' && applies && depth < includeDepthMax) {
        for (const path of words.flatMap((word) => included(word, source.includeFolder, query.home))) {
          readSource({ ...source, path }, applies, depth + 1);
        }
      } else if (name !== '' && applies) add(name, accumulated.has(name) ? words.join(' ') : (words[0] ?? ''));
    }
  }
  for (const source of query.sources) readSource(source, true, 0);

  return { first: (name) => values.get(name.toLowerCase())?.[0], all: (name) => values.get(name.toLowerCase()) ?? [] };
}

/** Settings whose line is a list or a command; of the others the first word is the value. */
const accumulated = new Set(['userknownhostsfile', 'globalknownhostsfile', 'proxycommand', 'identityfile']);

/** `Name value…` or `Name=value`, values in double quotes where they contain spaces. */
function parseLine(line: string): [name: string, words: string[]] {
  const match = /^\s*([A-Za-z0-9]+)\s*(?:=|\s)\s*(.*?)\s*$/.exec(line);
  if (match === null) return ['', []];
  const [, name = '', rest = ''] = match;
  const words = Array.from(rest.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? '');
  const comment = words.findIndex((word) => word.startsWith('#'));
  return [name.toLowerCase(), comment < 0 ? words : words.slice(0, comment)];
}

function included(word: string, folder: string, home: string): string[] {
  const path = word.startsWith('~/') ? join(home, word.slice(2)) : isAbsolute(word) ? word : join(folder, word);
  return /[*?[]/.test(path) ? globSync(path).toSorted() : [path];
}

/** Criteria that would run a program or need a second pass never match. */
function matchesAll(query: SshConfigQuery, words: readonly string[], values: ReadonlyMap<string, string[]>): boolean {
  const criteria = [...words];
  while (criteria.length > 0) {
    const name = criteria.shift()?.toLowerCase() ?? '';
    if (name === 'all') continue;
    const subject = subjectOf(name, query, values);
    const patterns = criteria.shift()?.split(',') ?? [];
    if (subject === undefined || !matchesPatterns(subject, patterns)) return false;
  }
  return words.length > 0;
}

function subjectOf(
  criterion: string,
  query: SshConfigQuery,
  values: ReadonlyMap<string, string[]>,
): string | undefined {
  switch (criterion) {
    case 'host':
      return values.get('hostname')?.[0] ?? query.host;
    case 'originalhost':
      return query.host;
    case 'user':
      return query.user ?? values.get('user')?.[0] ?? query.localUser;
    case 'localuser':
      return query.localUser;
    default:
      return undefined;
  }
}

/** One pattern must match and none with `!` before it. */
export function matchesPatterns(text: string, patterns: readonly string[]): boolean {
  const negated = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  if (negated.some((pattern) => matchesWildcards(text, pattern))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && matchesWildcards(text, pattern));
}

/** `*` and `?`, of any case. */
function matchesWildcards(text: string, pattern: string): boolean {
  const source = pattern
    .toLowerCase()
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text.toLowerCase());
}

/** @throws when it is there and cannot be read */
export function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined;
    }
    throw error;
  }
}
