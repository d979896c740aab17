/** What the engines say, in our words. Only what a person can act on is told apart; the rest goes up as it is. */
import { CoffreError, isCoffreError } from '@coffre/repository/opening';
import { postgresSchemaName, queueSchemaName } from './postgres-schema.ts';

/** Where the state is, for sentences; never with a password. */
export type StorePlace = { readonly engine: 'sqlite' | 'postgres'; readonly name: string };

const losesNothing = 'The state holds no backups: everything needed to restore is in the repositories.';

export function translateFailure(error: unknown, place: StorePlace): unknown {
  if (isCoffreError(error) || !(error instanceof Error)) return error;
  return place.engine === 'sqlite' ? ofSqlite(error, place.name) : ofPostgres(error, place.name);
}

/** The low byte of SQLite's extended result codes. */
const noFailure = 0;
const sqlite = {
  perm: 3,
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
};

/** On a full disk not even the memory that SQLite shares between processes finds room. */
const ioErrorShmSize = 4874;

function ofSqlite(error: Error, file: string): unknown {
  const whole = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
  const isFull = whole === ioErrorShmSize;
  const errcode = isFull ? sqlite.full : whole === undefined ? ofFiles(error) : whole & 0xff;
  switch (errcode) {
    case sqlite.corrupt:
    case sqlite.notADatabase:
      return damaged(error, file);
    case sqlite.full:
      return new CoffreError('STORE_FULL', `there is no room for the state in ${file}`, {
        hint: `Make room and run the command again. ${losesNothing}`,
        retryable: true,
        cause: error,
      });
    case sqlite.busy:
    case sqlite.locked:
      return new CoffreError('STORE_BUSY', `another process kept the state in ${file} for too long`, {
        hint: 'Run the command again; if it stays so, see who has the file open with `fuser`.',
        retryable: true,
        cause: error,
      });
    case sqlite.perm:
    case sqlite.readOnly:
    case sqlite.ioError:
    case sqlite.cannotOpen:
      return new CoffreError('STORE_UNAVAILABLE', `the state in ${file} cannot be used: ${error.message}`, {
        hint: 'Check the disk, and owner and permissions of the folder; COFFRE_STATE_DIR names another one.',
        cause: error,
      });
    default:
      return error;
  }
}

/** Making the folder and the file is not SQLite's work yet. */
function ofFiles(error: Error): number {
  if (!('syscall' in error && 'code' in error)) return noFailure;
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' ? sqlite.full : sqlite.cannotOpen;
}

export function damaged(error: Error, file: string): CoffreError {
  return new CoffreError('STORE_DAMAGED', `the state in ${file} is damaged: ${error.message}`, {
    hint: `Move the file away, with those beside it that end in -wal and -shm, and audit.checkpoint; the next start makes a new one. ${losesNothing}`,
    cause: error,
  });
}

function ofPostgres(error: Error, name: string): unknown {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === '53100') {
    return new CoffreError('STORE_FULL', `there is no room for the state in ${name}`, {
      hint: `Make room on the server and run the command again. ${losesNothing}`,
      retryable: true,
      cause: error,
    });
  }
  if (code === 'XX001' || code === 'XX002') {
    return new CoffreError('STORE_DAMAGED', `the state in ${name} is damaged: ${error.message}`, {
      hint: `Bring the database back from its own backup, or drop its schemas ${ownSchemas.join(' and ')}. ${losesNothing}`,
      cause: error,
    });
  }
  if (code === noRights) {
    const hint = ownSchemas.map((schema) => `create schema ${schema} authorization ROLE;`).join(' ');
    return new CoffreError('STORE_RIGHTS', `the state in ${name} cannot be used: ${error.message}`, {
      hint: `Have an administrator run in that database, with the role of the address: ${hint}`,
      cause: error,
    });
  }
  if (code === undefined && /^pg-boss (is not installed|database requires)/.test(error.message)) {
    return new CoffreError('STORE_DAMAGED', `the state in ${name} is damaged: its schema ${queueSchemaName} is gone`, {
      hint: `The next start makes it anew, and sends what was waiting. ${losesNothing}`,
      cause: error,
    });
  }
  if (code === '55P03' || code === '40P01' || code === '40001') {
    return new CoffreError('STORE_BUSY', `another process kept the state in ${name} for too long`, {
      hint: 'Run the command again.',
      retryable: true,
      cause: error,
    });
  }
  if (isUnreachable(error, code)) {
    return new CoffreError('STORE_UNAVAILABLE', `the state in ${name} cannot be used: ${sentenceOf(error)}`, {
      hint: 'Check that the server runs, and the address, user and password in `store:` or COFFRE_STORE.',
      retryable: true,
      cause: error,
    });
  }
  return error;
}

const noRights = '42501';
const ownSchemas = [postgresSchemaName, queueSchemaName];

/** Classes 08 (connection), 28 (login), 3D (no such database), 53 (resources), 57 (shut down). */
function isUnreachable(error: Error, code: string | undefined): boolean {
  if (code === undefined) return /connection|timeout|password/i.test(error.message);
  return /^(08|28|3D|53|57|E[A-Z]+$)/.test(code);
}

/** Node gathers the failures of several addresses under an empty message. */
function sentenceOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message;
  return error.message;
}
