/** Small text files of the user, in whatever encoding an editor left them. */
import { readFileSync } from 'node:fs';
import { decodeText } from '../platform/text.ts';
import { usage } from './values.ts';

export { decodeText, trimSpace } from '../platform/text.ts';

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
