/** `node:sqlite` under Kysely. One connection to a file, so that waiting for others happens inside SQLite. */
import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { makeFolders } from '@coffre/repository/opening';
import { CompiledQuery, SqliteAdapter, SqliteDriver, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { DatabaseConnection, Dialect, SqliteDatabase, SqliteStatement } from 'kysely';

const statementsMax = 200;

/** Makes the file, and the folder for it, when they are not there: for their owner only. */
export async function openSqlite(file: string): Promise<DatabaseSync> {
  makeFolders(dirname(file), 0o700);
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file, { timeout: heldUpMs });
  try {
    await whenFree(() => enterWal(database));
    database.exec('PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Readers and a writer beside each other. It stays in the file, and asking again would take locks for nothing. */
function enterWal(database: DatabaseSync): void {
  const mode = database.prepare('PRAGMA journal_mode').get();
  if (mode?.['journal_mode'] !== 'wal') database.exec('PRAGMA journal_mode=WAL');
}

/** How long SQLite itself waits for another writer: nothing else in this process runs meanwhile. */
const heldUpMs = 20;
const pauseMsMax = 50;
const waitMs = 15_000;

/**
 * Tries again while another writer is at work, and lets this process go on in between: the other one may be in it, and
 * needs a turn to come to its end.
 */
export async function whenFree<T>(work: () => T | Promise<T>): Promise<T> {
  for (let pauseMs = 1, waitedMs = 0; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || waitedMs > waitMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    waitedMs += pauseMs + heldUpMs;
  }
}

function isBusy(error: unknown): boolean {
  const busy = 5;
  return (
    error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === busy
  );
}

export function sqliteDialect(database: DatabaseSync): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new ImmediateDriver(database),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/**
 * Takes the right to write when a transaction begins. Taken at the first write instead, it is refused at once, whatever
 * the timeout, when somebody else has written since the first read.
 */
class ImmediateDriver extends SqliteDriver {
  readonly #database: DatabaseSync;
  #isPatient = false;

  constructor(database: DatabaseSync) {
    super({ database: new StatementCache(database) });
    this.#database = database;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection();
    if (this.#isPatient) return connection;
    this.#isPatient = true;
    const execute = connection.executeQuery.bind(connection);
    connection.executeQuery = (query, options) =>
      this.#database.isTransaction ? execute(query, options) : whenFree(() => execute(query, options));
    return connection;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** After a full disk SQLite has rolled back by itself, and asking for it would hide why. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.isTransaction) await super.rollbackTransaction(connection);
  }
}

class StatementCache implements SqliteDatabase {
  readonly #database: DatabaseSync;
  readonly #known = new Map<string, SqliteStatement>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(text: string): SqliteStatement {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= statementsMax) this.#known.clear();
    const statement = adapted(this.#database.prepare(text));
    this.#known.set(text, statement);
    return statement;
  }

  close(): void {
    this.#known.clear();
    this.#database.close();
  }
}

function adapted(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...(parameters as SQLInputValue[])),
    run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
    iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
  };
}
