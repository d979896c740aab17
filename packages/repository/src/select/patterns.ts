/**
 * Path patterns as restic understands them, for excludes, includes, find and ls.
 *
 * - A pattern is cut at slashes; each part is a shell pattern (glob.ts), `**` stands for any number of folders.
 * - `/a/b` begins at the root; `a/b` may begin anywhere. Either way everything below a match matches too.
 * - `!pattern` takes back what an earlier pattern matched; the last one that has a say wins.
 */
import { carriedBytes, type ByteString } from '../format/bytestring.ts';
import { CoffreError } from '../errors.ts';
import { cleanPath } from './clean-path.ts';
import { longestText, matchesComponent, parseComponent, type ComponentPattern } from './glob.ts';
import { lowerCaseBytes } from './lower-case.ts';

export type PathMatcher = {
  /** No pattern was given: nothing matches. */
  readonly isEmpty: boolean;
  matches(path: ByteString): boolean;
  /** Something below this folder may match, so it is worth descending. */
  mayMatchBelow(path: ByteString): boolean;
};

export type PatternOptions = { readonly ignoreCase?: boolean };

type Part = ComponentPattern | { readonly kind: 'deep' };
type PathPattern = {
  readonly negated: boolean;
  readonly rooted: boolean;
  /** Without the root; a rooted pattern matches from the first name on. */
  readonly parts: readonly Part[];
  /** No path without this text matches: most paths are turned away by it. */
  readonly needle: string;
  /** A pattern of literals only is decided by where its needle stands. */
  readonly isLiteral: boolean;
  readonly deepAt: number;
  readonly namesMin: number;
};

/** @param patterns bytes that are not UTF-8 as in `carriedText`
 *  @throws {CoffreError} USAGE naming every malformed pattern */
export function compilePatterns(patterns: readonly string[], options: PatternOptions = {}): PathMatcher {
  const ignoreCase = options.ignoreCase ?? false;
  const malformed: string[] = [];
  const compiled: PathPattern[] = [];
  for (const pattern of patterns) {
    if (pattern === '') continue;
    const bytes = carriedBytes(pattern);
    const parsed = parsePattern(ignoreCase ? lowerCaseBytes(bytes) : bytes);
    if (parsed === undefined) malformed.push(pattern);
    else compiled.push(parsed);
  }
  if (malformed.length > 0) {
    throw new CoffreError('USAGE', `malformed pattern: ${malformed.join(', ')}`, {
      hint: 'Close every [ with a ], and write \\[ for the character itself.',
    });
  }
  const matcher = compiled.some((pattern) => pattern.negated) ? orderedMatcher(compiled) : plainMatcher(compiled);
  return ignoreCase ? ignoringCase(matcher) : matcher;
}

/** The union of several matchers, as when case-sensitive and case-insensitive patterns are given together. */
export function anyOf(matchers: readonly PathMatcher[]): PathMatcher {
  const useful = matchers.filter((matcher) => !matcher.isEmpty);
  if (useful.length === 1) return useful[0]!;
  return {
    isEmpty: useful.length === 0,
    matches: (path) => useful.some((matcher) => matcher.matches(path)),
    mayMatchBelow: (path) => useful.some((matcher) => matcher.mayMatchBelow(path)),
  };
}

function parsePattern(source: string): PathPattern | undefined {
  const negated = source.startsWith('!');
  const clean = cleanPath(negated ? source.slice(1) : source);
  const rooted = clean.startsWith('/');
  const parts: Part[] = [];
  for (const text of (rooted ? clean.slice(1) : clean).split('/')) {
    // The pattern `/` has one empty part, and means everything below the root.
    const part: Part | undefined = text === '**' || text === '' ? { kind: 'deep' } : parseComponent(text);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return {
    negated,
    rooted,
    parts,
    needle: needleOf(parts, rooted),
    isLiteral: parts.every((part) => part.kind === 'literal'),
    deepAt: parts.findIndex((part) => part.kind === 'deep'),
    namesMin: Math.max(1, parts.filter((part) => part.kind !== 'deep').length),
  };
}

/** The longest text that every matching path contains, with the slashes around it where they are certain. */
function needleOf(parts: readonly Part[], rooted: boolean): string {
  let needle = '';
  let run = rooted ? '/' : '';
  for (const part of parts) {
    const text =
      part.kind === 'deep' || part.kind === 'any' ? '' : part.kind === 'glob' ? longestText(part) : part.text;
    if (part.kind === 'literal') {
      run += `${run === '' || run === '/' ? '' : '/'}${text}`;
      if (run.length >= needle.length) needle = run;
    } else {
      if (text.length >= needle.length) needle = text;
      run = part.kind === 'deep' ? '' : '/';
    }
  }
  return needle;
}

/** Without negation the first match decides. */
function plainMatcher(patterns: readonly PathPattern[]): PathMatcher {
  const anywhere = patterns.some((pattern) => !pattern.rooted);
  return {
    isEmpty: patterns.length === 0,
    matches(path) {
      for (const pattern of patterns) if (matchesPath(pattern, path)) return true;
      return false;
    },
    mayMatchBelow(path) {
      if (anywhere) return true;
      for (const pattern of patterns) if (mayMatchBelow(pattern, path.split('/'))) return true;
      return false;
    },
  };
}

function orderedMatcher(patterns: readonly PathPattern[]): PathMatcher {
  return {
    isEmpty: patterns.length === 0,
    matches(path) {
      let matched = false;
      for (const pattern of patterns) {
        if (matched === pattern.negated && matchesPath(pattern, path)) matched = !pattern.negated;
      }
      return matched;
    },
    mayMatchBelow(path) {
      const names = path.split('/');
      let may = false;
      for (const pattern of patterns) {
        if (may !== pattern.negated) continue;
        if (pattern.negated) may = !matchesPath(pattern, path);
        else may = mayMatchBelow(pattern, names);
      }
      return may;
    },
  };
}

function ignoringCase(matcher: PathMatcher): PathMatcher {
  return {
    isEmpty: matcher.isEmpty,
    matches: (path) => matcher.matches(lowerCaseBytes(path)),
    mayMatchBelow: (path) => matcher.mayMatchBelow(lowerCaseBytes(path)),
  };
}

function matchesPath(pattern: PathPattern, path: string): boolean {
  if (!path.includes(pattern.needle)) return false;
  if (pattern.isLiteral) return holdsNames(path, pattern.needle, pattern.rooted);
  return matchesPattern(pattern, path.split('/'));
}

/** The text stands in the path as whole names. */
function holdsNames(path: string, text: string, rooted: boolean): boolean {
  if (rooted) return path.startsWith(text) && endsName(path, text.length);
  for (let at = path.indexOf(text); at >= 0; at = path.indexOf(text, at + 1)) {
    if ((at === 0 || path.charCodeAt(at - 1) === slash) && endsName(path, at + text.length)) return true;
  }
  return false;
}

function endsName(path: string, at: number): boolean {
  return at === path.length || path.charCodeAt(at) === slash;
}

const slash = 0x2f;

/** `names` is the path cut at slashes; the first name is empty when the path begins at the root. */
function matchesPattern(pattern: PathPattern, names: readonly string[]): boolean {
  const isAbsolute = names[0] === '';
  if (pattern.rooted) return isAbsolute && matchesFrom(pattern.parts, names, { part: 0, at: 1, origin: 0 });
  for (let start = names.length - pattern.namesMin; start >= (isAbsolute ? 1 : 0); start -= 1) {
    if (matchesFrom(pattern.parts, names, { part: 0, at: start, origin: start })) return true;
  }
  return false;
}

/**
 * The parts from `part` on match the names from `at` on; names left over are below the match.
 * While one `**` is tried, restic lets every later one take at least one name; `origin` is where it counts from.
 */
function matchesFrom(
  parts: readonly Part[],
  names: readonly string[],
  from: { part: number; at: number; origin: number },
): boolean {
  let at = from.at;
  for (let part = from.part; part < parts.length; part += 1, at += 1) {
    const wanted = parts[part]!;
    if (wanted.kind === 'deep') {
      const takenMax = names.length - (at - from.origin) - (parts.length - part) + 1;
      for (let taken = 0; taken <= takenMax && at + taken <= names.length; taken += 1) {
        if (matchesFrom(parts, names, { part: part + 1, at: at + taken, origin: from.origin })) return true;
      }
      return false;
    }
    if (at >= names.length || !matchesComponent(wanted, names[at]!)) return false;
  }
  return true;
}

function mayMatchBelow(pattern: PathPattern, names: readonly string[]): boolean {
  if (!pattern.rooted) return true;
  if (names[0] !== '') return false;
  const known = pattern.deepAt < 0 ? pattern.parts.length : pattern.deepAt;
  for (let index = 0; index < Math.min(known, names.length - 1); index += 1) {
    const part = pattern.parts[index]!;
    if (part.kind !== 'deep' && !matchesComponent(part, names[index + 1]!)) return false;
  }
  return true;
}
