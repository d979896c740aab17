/** Files that others read while they are written anew: they see the old one or the new one, whole. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CoffreError } from '@coffre/repository/opening';

/** @throws {CoffreError} USAGE when it cannot be written there */
export function replaceFile(path: string, content: string | Uint8Array, mode = 0o644): void {
  // A name that begins with a dot: whoever gathers files by their ending passes it over.
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    const file = openSync(beside, 'wx', mode);
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new CoffreError('USAGE', `${path} cannot be written: ${why}`, { hint: 'Choose another file.', cause: error });
  }
}
