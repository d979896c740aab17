/**
 * The list of files of a multi-part AOF (Redis 7): one line each, `file <name> seq <n> type <b|i|h>`, for the base, what
 * was appended since, and files that are about to be deleted. Redis 8 adds where a file stands in what replicas are sent,
 * `startoffset <n>` and `endoffset <n>`. Pure.
 */
import { CoffreError } from '@coffre/repository';

export type AofFile = { readonly name: string; readonly kind: 'base' | 'increment' };

export type AofManifest = {
  /** In the order in which they are loaded. */
  readonly files: readonly AofFile[];
  /** Without the files that are about to be deleted. */
  readonly text: string;
};

/**
 * The same list with names that are not taken, by higher numbers where a server counts them.
 * @returns the list, and the new name of every file of it
 */
export function withFreshNames(list: string, taken: readonly string[]): { text: string; names: Map<string, string> } {
  const numbers = taken.map((name) => Number(numbered.exec(name)?.[1] ?? 0));
  const shift = Math.max(0, ...numbers);
  const names = new Map<string, string>();
  const text = list.replaceAll(/^file (\S+) seq (\d+)/gm, (_, name: string, number: string) => {
    const higher = name.replace(numbered, (_dots, own: string) => `.${Number(own) + shift}.`);
    const fresh = taken.includes(higher) ? `loaded-${shift}-${name}` : higher;
    names.set(name, fresh);
    return `file ${fresh} seq ${Number(number) + shift}`;
  });
  return { text, names };
}

const numbered = /\.(\d+)\.(?=(?:base|incr)\.)/;

/** @throws {CoffreError} SOURCE_INVALID */
export function parseAofManifest(text: string): AofManifest {
  const files: AofFile[] = [];
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, kind] = /^file (\S+) seq \d+ type ([bih])(?: \w+ -?\d+)*\s*$/.exec(line) ?? [];
    if (name === undefined || !/^[^"'\\/]+$/.test(name) || name.startsWith('.')) {
      throw new CoffreError(
        'SOURCE_INVALID',
        `the list of AOF files has a line that is none: ${JSON.stringify(line)}`,
        {
          hint: 'Names with quotes, backslashes or slashes are not understood. Use `method: rdb`.',
        },
      );
    }
    if (kind === 'h') continue;
    files.push({ name, kind: kind === 'b' ? 'base' : 'increment' });
    lines.push(`${line}\n`);
  }
  if (files.length === 0) throw new CoffreError('SOURCE_INVALID', 'the list of AOF files is empty');
  const ordered = files.toSorted((a, b) => Number(a.kind === 'increment') - Number(b.kind === 'increment'));
  return { files: ordered, text: lines.join('') };
}
