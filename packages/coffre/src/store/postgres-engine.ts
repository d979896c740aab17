/** PostgreSQL under Kysely. Everything of ours is in the schema `coffre` of the database that is named. */
import { CompiledQuery, PostgresDialect } from 'kysely';
import type { Dialect } from 'kysely';
import { Pool, types } from 'pg';
import type { CustomTypesConfig } from 'pg';
import { postgresSchemaName } from './postgres-schema.ts';

const connectionsMax = 5;
const connectTimeoutMs = 10_000;
const int8 = 20;

export function postgresDialect(url: string): Dialect {
  const pool = new Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    types: wholeNumbers(),
  });
  // A connection that breaks while nobody uses it; who asks next gets a new one, or the reason why not.
  pool.on('error', () => undefined);
  return new PostgresDialect({
    pool,
    onCreateConnection: async (connection) => {
      await connection.executeQuery(CompiledQuery.raw(`set search_path to ${postgresSchemaName}`));
      await connection.executeQuery(CompiledQuery.raw(`set lock_timeout to '30s'`));
    },
  });
}

/** Times and ids as numbers; for our own connections only, other users of the driver keep what they know. */
function wholeNumbers(): CustomTypesConfig {
  const getTypeParser = (oid: number, format: 'text' | 'binary' = 'text'): unknown =>
    oid === int8 && format === 'text' ? Number : types.getTypeParser(oid, format);
  return { getTypeParser: getTypeParser as CustomTypesConfig['getTypeParser'] };
}
