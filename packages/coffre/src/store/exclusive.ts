import { sql } from 'kysely';
import type { Rows } from './store.ts';

/**
 * In a transaction: until it ends, nobody else decides about the thing of this name. SQLite's transactions exclude each
 * other anyway.
 */
export async function decideAlone({ db, engine }: Rows, name: string): Promise<void> {
  if (engine === 'postgres') await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(db);
}
