/** One moment of a database, held open for as long as several programs read it. */
import { openSession, type Session, type SessionRequest } from './session.ts';

export type HeldSnapshot = AsyncDisposable & {
  /** For `pg_dump --snapshot`. */
  readonly id: string;
  /** Reads what pg_dump reads. */
  readonly session: Session;
};

export async function holdSnapshot(request: SessionRequest): Promise<HeldSnapshot> {
  const session = await openSession(request);
  try {
    await session.rows('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const [row] = await session.rows('SELECT pg_export_snapshot() AS id');
    // Ends with the connection, in every way it can end.
    return { id: row!['id']!, session, [Symbol.asyncDispose]: async () => await session[Symbol.asyncDispose]() };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}
