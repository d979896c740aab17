/**
 * pg-boss, as far as it is used: it makes and keeps its tables, hands jobs out and takes them back. It gets no pool, no
 * timer and no connection of its own: what it would do in the background is done when `tend` asks for it.
 */
import type { Clock, ConstructorOptions, Db, PgBoss } from 'pg-boss';
import { Client } from 'pg';
import type { Pool } from 'pg';
import { queueSchemaName } from './postgres-schema.ts';
import { jobLeaseMs } from './queue.ts';
import type { QueueListener } from './queue.ts';

export const bossQueueName = 'letters';

export type Executor = Db['executeSql'];

/** Between two looks for leases that have ended, of all who share the database. */
const supervisionSeconds = 15;
const daySeconds = 86_400;

const stillClock: Clock = {
  now: () => Date.now(),
  setTimeout: () => undefined,
  clearTimeout: () => undefined,
  setInterval: () => undefined,
  clearInterval: () => undefined,
};

const common = {
  schema: queueSchemaName,
  clock: stillClock,
  supervise: false,
  schedule: false,
  reindex: false,
  monitorVacuum: false,
  monitorIntervalSeconds: supervisionSeconds,
} satisfies ConstructorOptions;

/** What belongs to one store. */
export class BossHome {
  readonly #pool: Pool;
  readonly #url: string;
  #boss: Promise<PgBoss> | undefined;
  #channel: string | undefined;

  constructor(pool: Pool, url: string) {
    this.#pool = pool;
    this.#url = url;
  }

  /**
   * The first who asks lends his connection for the few questions of the start: who is in a transaction holds one
   * already, and five of them that wait for a sixth would wait for ever.
   */
  async boss(first: Executor = onPool(this.#pool)): Promise<PgBoss> {
    this.#boss ??= this.#start(first);
    try {
      return await this.#boss;
    } catch (error) {
      this.#boss = undefined;
      throw error;
    }
  }

  async #start(first: Executor): Promise<PgBoss> {
    let run = first;
    const db: Db = {
      executeSql: async (text, values) => await run(text, values),
      // What it would listen to is wanted, the listening is done by whoever has something to do then.
      listen: async (channel) => {
        this.#channel = channel;
        return { close: async () => undefined };
      },
    };
    const boss = await newBoss({ db, migrate: false, useListenNotify: true });
    await boss.start();
    run = onPool(this.#pool);
    return boss;
  }

  async listen(heard: () => void): Promise<QueueListener> {
    await this.boss();
    return await listenTo(this.#url, this.#channel ?? '', heard);
  }
}

/**
 * The tables of pg-boss, whatever is there already; several may do it at once. A newer pg-boss brings its tables up here
 * too, so it comes with a migration of ours, which calls this.
 */
export async function installBoss(pool: Pool): Promise<void> {
  const executeSql = onPool(pool);
  // Asked for by name even where it exists, making a schema takes a right that is needed only once.
  const { rows } = await executeSql('select 1 from pg_namespace where nspname = $1', [queueSchemaName]);
  const boss = await newBoss({ db: { executeSql }, migrate: true, createSchema: rows.length === 0 });
  await boss.start();
  await boss.createQueue(bossQueueName, {
    policy: 'exclusive',
    notify: true,
    expireInSeconds: jobLeaseMs / 1000,
    // Whether a job is given up is decided by whoever works on it.
    retryLimit: 2_000_000_000,
    retryDelay: 0,
    retentionSeconds: 400 * daySeconds,
    deleteAfterSeconds: daySeconds,
  });
  await boss.stop({ graceful: false, close: false });
}

async function newBoss(options: ConstructorOptions): Promise<PgBoss> {
  const library = await import('pg-boss');
  const boss = new library.PgBoss({ ...common, ...options });
  // What fails is thrown to who asked for it as well.
  boss.on('error', () => undefined);
  return boss;
}

/** By the pool and not by Kysely: several statements go as one text, and a connection on which they fail is not used again. */
function onPool(pool: Pool): Executor {
  return async (text, values) => await pool.query(text, values);
}

async function listenTo(url: string, channel: string, heard: () => void): Promise<QueueListener> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000, keepAlive: true });
  let isBroken = false;
  const breaks = (): void => void (isBroken = true);
  client.on('error', breaks);
  client.on('end', breaks);
  client.on('notification', heard);
  try {
    await client.connect();
    await client.query(`listen ${client.escapeIdentifier(channel)}`);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return {
    get isBroken() {
      return isBroken;
    },
    [Symbol.asyncDispose]: async () => await client.end().catch(() => undefined),
  };
}
