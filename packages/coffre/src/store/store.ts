/** The state of this program: opened, migrated, and closed at the end of the block. */
import type { Clock } from '@coffre/repository';
import { Kysely, sql } from 'kysely';
import type { Dialect } from 'kysely';
import { translateFailure } from './failures.ts';
import type { StorePlace } from './failures.ts';
import { storeName } from './location.ts';
import type { StoreLocation } from './location.ts';
import { migrate } from './migrate.ts';
import type { MigrationEvent } from './migrate.ts';
import type { Tables } from './tables.ts';
import { translatedDialect } from './translated-dialect.ts';

/** What the functions beside this file work on: the store, or a transaction in it. */
export type Rows = {
  readonly db: Kysely<Tables>;
  readonly engine: StorePlace['engine'];
  /** What leases and due times go by. */
  nowMs(): Promise<number>;
};

export type StoreOptions = {
  readonly clock: Pick<Clock, 'nowNs'>;
  /** On PostgreSQL: go by `clock` and not by the server's, which all its users share. */
  readonly ownClock?: boolean;
  readonly report?: (event: MigrationEvent) => void;
};

type AskMs = (db: Kysely<Tables>) => Promise<number>;

export class Store implements Rows, AsyncDisposable {
  readonly db: Kysely<Tables>;
  readonly place: StorePlace;
  readonly #askMs: AskMs;

  constructor(db: Kysely<Tables>, place: StorePlace, askMs: AskMs) {
    this.db = db;
    this.place = place;
    this.#askMs = askMs;
  }

  get engine(): StorePlace['engine'] {
    return this.place.engine;
  }

  async nowMs(): Promise<number> {
    return await this.#askMs(this.db);
  }

  /** All or nothing. Inside use what is handed in: on SQLite the store itself waits for the transaction to end. */
  async transaction<T>(work: (rows: Rows) => Promise<T>): Promise<T> {
    const { engine } = this;
    // The time is asked on the connection of the transaction: a second one could be waited for by everybody at once.
    return await this.db
      .transaction()
      .execute(async (db) => await work({ db, engine, nowMs: async () => await this.#askMs(db) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy();
  }
}

/** @throws {CoffreError} STORE_UNAVAILABLE, STORE_DAMAGED, STORE_NEWER, STORE_FULL, STORE_BUSY */
export async function openStore(location: StoreLocation, options: StoreOptions): Promise<Store> {
  const place: StorePlace = { engine: location.kind, name: storeName(location) };
  const ownMs = async (): Promise<number> => Number(options.clock.nowNs() / 1_000_000n);
  const translate = (error: unknown): unknown => translateFailure(error, place);
  let dialect: Dialect;
  try {
    dialect = await dialectOf(location);
  } catch (error) {
    throw translate(error);
  }
  const db = new Kysely<Tables>({ dialect: translatedDialect(dialect, translate) });
  const store = new Store(db, place, location.kind === 'sqlite' || options.ownClock === true ? ownMs : serverMs);
  try {
    await migrate(store, location, options.report ?? (() => undefined));
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw translate(error);
  }
}

async function dialectOf(location: StoreLocation): Promise<Dialect> {
  if (location.kind === 'postgres') {
    return (await import('./postgres-engine.ts')).postgresDialect(location.url);
  }
  const { openSqlite, sqliteDialect } = await import('./sqlite-engine.ts');
  return sqliteDialect(await openSqlite(location.file));
}

async function serverMs(db: Kysely<Tables>): Promise<number> {
  const asked = sql<{ now: number }>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`;
  const { rows } = await asked.execute(db);
  return rows[0]!.now;
}
