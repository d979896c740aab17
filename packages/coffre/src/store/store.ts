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
import type { Queue } from './queue.ts';
import type { Tables } from './tables.ts';
import { translatedDialect } from './translated-dialect.ts';

/** What the functions beside this file work on: the store, or a transaction in it. */
export type Rows = {
  readonly db: Kysely<Tables>;
  readonly engine: StorePlace['engine'];
  readonly queue: Queue;
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
type QueueOf = (rows: Pick<Rows, 'db' | 'nowMs'>) => Queue;
type StoreParts = { readonly place: StorePlace; readonly askMs: AskMs; readonly queueOf: QueueOf };

export class Store implements Rows, AsyncDisposable {
  readonly db: Kysely<Tables>;
  readonly place: StorePlace;
  readonly queue: Queue;
  readonly #askMs: AskMs;
  readonly #queueOf: QueueOf;

  constructor(db: Kysely<Tables>, { place, askMs, queueOf }: StoreParts) {
    this.db = db;
    this.place = place;
    this.#askMs = askMs;
    this.#queueOf = queueOf;
    this.queue = queueOf(this);
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
    return await this.db.transaction().execute(async (db) => {
      const nowMs = async (): Promise<number> => await this.#askMs(db);
      return await work({ db, engine, nowMs, queue: this.#queueOf({ db, nowMs }) });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.db.destroy();
  }
}

/** @throws {CoffreError} STORE_UNAVAILABLE, STORE_RIGHTS, STORE_DAMAGED, STORE_NEWER, STORE_FULL, STORE_BUSY */
export async function openStore(location: StoreLocation, options: StoreOptions): Promise<Store> {
  const place: StorePlace = { engine: location.kind, name: storeName(location) };
  const ownMs = async (): Promise<number> => Number(options.clock.nowNs() / 1_000_000n);
  const translate = (error: unknown): unknown => translateFailure(error, place);
  let engine: Engine;
  try {
    engine = await engineOf(location, translate);
  } catch (error) {
    throw translate(error);
  }
  const db = new Kysely<Tables>({ dialect: translatedDialect(engine.dialect, translate) });
  const askMs = location.kind === 'sqlite' || options.ownClock === true ? ownMs : serverMs;
  const store = new Store(db, { place, askMs, queueOf: engine.queueOf });
  try {
    await migrate(store, location, { installQueue: engine.installQueue, report: options.report ?? (() => undefined) });
    return store;
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw translate(error);
  }
}

/** What differs between the two. */
export type Engine = {
  readonly dialect: Dialect;
  readonly queueOf: QueueOf;
  readonly installQueue: () => Promise<void>;
};

async function engineOf(location: StoreLocation, translate: (error: unknown) => unknown): Promise<Engine> {
  if (location.kind === 'postgres') {
    const { openPostgres } = await import('./postgres-engine.ts');
    return openPostgres(location.url, translate);
  }
  const { openSqlite, sqliteDialect } = await import('./sqlite-engine.ts');
  const { leasedQueue } = await import('./leased-queue.ts');
  const dialect = sqliteDialect(await openSqlite(location.file));
  return { dialect, queueOf: leasedQueue, installQueue: async () => undefined };
}

async function serverMs(db: Kysely<Tables>): Promise<number> {
  const asked = sql<{ now: number }>`select (extract(epoch from clock_timestamp()) * 1000)::bigint as now`;
  const { rows } = await asked.execute(db);
  return rows[0]!.now;
}
