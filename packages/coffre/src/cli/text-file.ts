/** Small text files of the user, in whatever encoding an editor left them. */
import { readFileSync } from 'node:fs';
import { usage } from './values.ts';

/** UTF-8 with or without a byte order mark, or UTF-16 with one. Undefined when the bytes are neither. */
export function decodeText(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export function readTextFile(path: string): string {
  const text = decodeText(readBytesFile(path));
  if (text === undefined) throw usage(`${path} is not text in UTF-8`, 'Save it as UTF-8.');
  return text;
}

export function readBytesFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw fileError(path, error);
  }
}

function fileError(path: string, error: unknown): Error {
  if (!(error instanceof Error && 'code' in error)) throw error;
  if (error.code === 'ENOENT') return usage(`${path} does not exist`);
  return usage(`${path} cannot be read: ${String(error.code)}`);
}

/** Go's TrimSpace: white space of Unicode at both ends. A byte order mark is not white space there. */
export function trimSpace(text: string): string {
  return text.replace(/^[\t\n\v\f\r \u0085\p{Z}]+|[\t\n\v\f\r \u0085\p{Z}]+$/gu, '');
}
