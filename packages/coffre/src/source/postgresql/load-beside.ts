/**
 * A database beside the one that is meant: made under a name of its own, filled and proved, and given its name at the end,
 * in one transaction with the old one losing it. Killed at any moment, there is the old one or the new one of that name.
 */
import { isCoffreError, messageOf } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import { markOf } from './abandoned.ts';
import { leaveNames, markWords, takeNames, type LoadNames } from './load-names.ts';
import { identifier, literal } from './names.ts';
import { openServer, serverAt } from './server.ts';
import type { Session } from './session.ts';
import type { PostgresAddress } from './settings.ts';
import { createDatabase, databaseIsThere } from './target-server.ts';
import type { DatabaseTruth } from './truth.ts';

export type Beside = {
  readonly session: Session;
  readonly address: PostgresAddress;
  readonly major: number;
  readonly context: SourceContext;
};

export type NewDatabase = {
  readonly truth: DatabaseTruth;
  /** That it is to have. */
  readonly name: string;
  readonly comment: string | null;
};

/** @param fill everything that must be right before it has its name */
export async function loadBeside(
  beside: Beside,
  wanted: NewDatabase,
  fill: (fresh: string) => Promise<void>,
): Promise<void> {
  const { session, major, context } = beside;
  const names = await takeNames(session);
  const atMs = Number(context.clock.nowNs() / 1_000_000n);
  try {
    await createDatabase(session, names.fresh, wanted.truth, { major, anyLocale: false });
    await session.rows(markWords(names.fresh, markOf('loading', wanted.name, atMs, null)));
    await fill(names.fresh);
    await swap(beside, wanted, names, atMs);
  } catch (error) {
    await dropQuietly(beside, names.fresh);
    throw error;
  }
  await leaveNames(session, names);
}

/** The old one goes when the new one is in its place. */
async function swap(
  { session, context }: Beside,
  { name, comment }: NewDatabase,
  { fresh, aside }: LoadNames,
  atMs: number,
): Promise<void> {
  const isThere = await databaseIsThere(session, name);
  const text = identifier(name);
  await session.rows('BEGIN');
  try {
    if (isThere) {
      const before = await commentOf(session, name);
      await session.rows(`ALTER DATABASE ${text} RENAME TO ${identifier(aside)}`);
      await session.rows(markWords(aside, markOf('replaced', name, atMs, before)));
    }
    await session.rows(`ALTER DATABASE ${identifier(fresh)} RENAME TO ${text}`);
    await session.rows(`COMMENT ON DATABASE ${text} IS ${comment === null ? 'NULL' : literal(comment)}`);
    await session.rows('COMMIT');
  } catch (error) {
    await session.rows('ROLLBACK').catch(() => undefined);
    throw error;
  }
  if (!isThere) return;
  try {
    await session.rows(`DROP DATABASE ${identifier(aside)}`);
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    context.warn(`loaded, but what was there before is still there as ${aside}; drop it: ${messageOf(error)}`);
  }
}

async function commentOf(session: Session, name: string): Promise<string | null> {
  const [row] = await session.rows(
    "SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1",
    [name],
  );
  return row?.['comment'] ?? null;
}

/** The connection may be what failed, so a new one is tried. */
async function dropQuietly({ address, context }: Beside, name: string): Promise<void> {
  try {
    const { session } = await openServer(serverAt(address), AbortSignal.timeout(30_000));
    await using _session = session;
    await session.rows(`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`);
  } catch {
    context.warn(`database ${name} could not be removed again; the next load removes it`);
  }
}
