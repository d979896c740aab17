/**
 * The files behind --exclude-file, --include-file and their case-insensitive twins: one pattern a line, spaces around it
 * dropped, empty lines and lines that begin with `#` skipped, `$NAME` and `${NAME}` filled in, `$$` for a dollar sign.
 */
import { byteStringOf, carriedText } from '../format/bytestring.ts';

export type Environment = { readonly [name: string]: string | undefined };

/** One pattern a line, trimmed; empty lines and comments are left out, `$NAME` and `${NAME}` are replaced. */
export function parsePatternFile(bytes: Uint8Array, environment: Environment): string[] {
  const patterns: string[] = [];
  for (const raw of decodeText(bytes).split('\n')) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    patterns.push(expandVariables(line, environment));
  }
  return patterns;
}

/** UTF-16 when a byte order mark says so, else UTF-8; other bytes are carried. */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  return carriedText(byteStringOf(bytes)).replace(/^\ufeff/, '');
}

/** A name that is not set becomes nothing; a dollar sign that no name follows stays. */
export function expandVariables(line: string, environment: Environment): string {
  const replace = (_: string, braced?: string, special?: string, name?: string): string => {
    const wanted = braced ?? special ?? name ?? '';
    return wanted === '$' ? '$' : (environment[wanted] ?? '');
  };
  return line.replace(/\$(?:\{([^}]*)\}|\{|([*#$@!?\-0-9])|([A-Za-z0-9_]+))/g, replace);
}
