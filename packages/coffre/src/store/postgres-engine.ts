/** PostgreSQL under Kysely. Everything of ours is in the schema `coffre` of the database that is named. */
import { PostgresDialect } from 'kysely';
import { Pool, types } from 'pg';
import type { CustomTypesConfig } from 'pg';
import { BossHome, installBoss } from './boss.ts';
import { bossQueue } from './boss-queue.ts';
import { postgresSchemaName } from './postgres-schema.ts';
import type { Engine } from './store.ts';

const connectionsMax = 5;
const connectTimeoutMs = 10_000;
const int8 = 20;

/** Rows and queue share one pool. */
export function openPostgres(url: string, translate: (error: unknown) => unknown): Engine {
  const pool = openPool(url);
  const home = new BossHome(pool, url);
  return {
    dialect: new PostgresDialect({ pool }),
    queueOf: ({ db }) => bossQueue({ home, db, translate }),
    installQueue: async () => await installBoss(pool),
  };
}

function openPool(url: string): Pool {
  const pool = new Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    types: wholeNumbers(),
    keepAlive: true,
    // By the pool and not by Kysely: what breaks in this moment is given back to it, or five of them would be all there are.
    verify: (client, done) => {
      client.query(`set search_path to ${postgresSchemaName}; set lock_timeout to '30s'`, (error) => done(error));
    },
  });
  // A connection that breaks while nobody uses it; who asks next gets a new one, or the reason why not.
  pool.on('error', () => undefined);
  // One that breaks between two statements of a transaction: the next of them fails, and nobody else may be told.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}

/** Times and ids as numbers; for our own connections only, other users of the driver keep what they know. */
function wholeNumbers(): CustomTypesConfig {
  const getTypeParser = (oid: number, format: 'text' | 'binary' = 'text'): unknown =>
    oid === int8 && format === 'text' ? Number : types.getTypeParser(oid, format);
  return { getTypeParser: getTypeParser as CustomTypesConfig['getTypeParser'] };
}
