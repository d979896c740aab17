/** One daemon on one state folder. The lock is the kernel's: it ends with the process, whatever that dies of. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CoffreError, makeFolders } from '@coffre/repository';

/**
 * SQLite is asked for its lock on an empty file, because Node has none of its own.
 * @throws {CoffreError} DAEMON_RUNNING
 */
export function lockStateFolder(folder: string): Disposable {
  makeFolders(folder, 0o700);
  const file = join(folder, 'serve.lock');
  closeSync(openSync(file, 'a', 0o600));
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new CoffreError('DAEMON_RUNNING', `another \`coffre serve\` works on the state in ${folder}`, {
      hint: '`coffre jobs` shows what it does. Stop it first, or give this one another folder with COFFRE_STATE_DIR.',
      cause,
    });
  }
  return { [Symbol.dispose]: () => lock.close() };
}
