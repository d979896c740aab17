import { closeSync, openSync, readSync } from 'node:fs';
import { CoffreError, messageOf } from '@coffre/repository';

const magic = 'SQLite format 3\0';

/** @throws {CoffreError} SOURCE_INVALID when it may not be read */
export function beginsAsDatabase(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw new CoffreError('SOURCE_INVALID', `${path} cannot be opened: ${messageOf(error)}`, {
      hint: 'Run it as a user who may read the database. Nothing was saved.',
      cause: error,
    });
  }
  try {
    const start = Buffer.alloc(magic.length);
    return readSync(file, start, 0, start.byteLength, 0) === start.byteLength && start.toString('latin1') === magic;
  } finally {
    closeSync(file);
  }
}
