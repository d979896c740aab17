/** `--files-from` and its stricter relatives: the paths to back up, read from files or stdin. */
import { readFileSync } from 'node:fs';
import { byteStringOf, carriedBytes, matchesComponent, parseComponent, toByteString } from '@coffre/repository';
import type { ByteString, Files } from '@coffre/repository';
import { readBytesFile } from './text-file.ts';
import { usage } from './values.ts';

export type SourceLists = {
  readonly filesFrom: readonly string[];
  readonly filesFromVerbatim: readonly string[];
  readonly filesFromRaw: readonly string[];
};

/** In restic's order: patterns, verbatim lines, raw names, then the arguments. */
export function collectSources(
  lists: SourceLists,
  args: readonly string[],
  files: Files,
  warn: (line: string) => void,
): ByteString[] {
  return [
    ...lists.filesFrom.flatMap((file) => expandLines(file, files, warn)),
    ...lists.filesFromVerbatim.flatMap((file) => lines(file).filter((line) => line !== '')),
    ...lists.filesFromRaw.flatMap((file) => rawNames(readList(file))),
    ...args.map((argument) => carriedBytes(argument)),
  ];
}

function readList(file: string): Buffer {
  return file === '-' ? readFileSync(0) : readBytesFile(file);
}

/** Lines as bytes: a name in a list need not be UTF-8. A byte order mark is dropped, UTF-16 decoded. */
function lines(file: string): ByteString[] {
  const bytes = readList(file);
  const [first, second] = bytes;
  const isWide = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  const text = isWide
    ? toByteString(new TextDecoder(first === 0xff ? 'utf-16le' : 'utf-16be').decode(bytes))
    : byteStringOf(bytes).replace(/^\xef\xbb\xbf/, '');
  return text.split('\n').map((line) => line.replace(/\r$/, '') as ByteString);
}

function expandLines(file: string, files: Files, warn: (line: string) => void): ByteString[] {
  return lines(file).flatMap((raw) => {
    const line = raw.replace(/^[\t\n\v\f\r ]+|[\t\n\v\f\r ]+$/g, '');
    if (line === '' || line.startsWith('#')) return [];
    const found = expandPattern(line as ByteString, files);
    if (found.length === 0) warn(`pattern ${JSON.stringify(line)} does not match any files, skipping`);
    return found;
  });
}

/** @throws {CoffreError} USAGE for a name without an end, or without any byte */
export function rawNames(bytes: Buffer): ByteString[] {
  const names = byteStringOf(bytes).split('\0');
  if (names.pop() !== '') throw usage('--files-from-raw: trailing zero byte missing');
  if (names.includes('')) throw usage('--files-from-raw: empty filename in listing');
  return names as ByteString[];
}

/** Shell patterns in every component; names in byte order. A pattern without wildcards is itself when it exists. */
export function expandPattern(pattern: ByteString, files: Files): ByteString[] {
  const isRooted = pattern.startsWith('/');
  const components = pattern.split('/').filter((component) => component !== '');
  let found: string[] = [isRooted ? '/' : ''];
  for (const component of components) {
    const join = (folder: string, name: string): string =>
      folder === '' || folder === '/' ? folder + name : `${folder}/${name}`;
    if (!/[*?[\\]/.test(component)) {
      found = found.map((folder) => join(folder, component));
      continue;
    }
    const parsed = parseComponent(component);
    if (parsed === undefined) throw usage(`malformed pattern ${JSON.stringify(pattern)}`, 'Close every [ with a ].');
    found = found.flatMap((folder) =>
      namesIn(files, folder === '' ? '.' : folder)
        .filter((name) => matchesComponent(parsed, name))
        .toSorted()
        .map((name) => join(folder, name)),
    );
  }
  return found.filter((path) => path !== '' && exists(files, path)) as ByteString[];
}

function namesIn(files: Files, folder: string): string[] {
  try {
    return files.listNames(folder as ByteString);
  } catch {
    return [];
  }
}

function exists(files: Files, path: string): boolean {
  try {
    files.lstat(path as ByteString);
    return true;
  } catch {
    return false;
  }
}
