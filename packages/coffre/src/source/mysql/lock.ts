/**
 * Keeps everybody else from writing for the moment in which several transactions begin. Three ways, the gentlest first:
 * MariaDB's backup stages, which only hold back commits; the global read lock; read locks of all tables that are saved,
 * for accounts that may lock no more. Each waits for its lock for a bounded time and lets go before it tries again, so
 * that nobody queues behind us for long.
 */
import { CoffreError, isCoffreError } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import { identifier } from './names.ts';
import type { ServerFacts } from './server-facts.ts';
import { errorNumberOf, lockTimeout, type Session } from './session.ts';

export type LockKind = 'backup stage' | 'read lock' | 'table locks' | 'none';

export type Patience = { readonly waitS: number; readonly tries: number; readonly pauseMs: number };

const usualPatience: Patience = { waitS: 10, tries: 4, pauseMs: 3000 };

type Lock = { readonly kind: LockKind; readonly take: readonly string[]; readonly leave: string };

export type Locked<T> = { readonly value: T; readonly kind: LockKind; readonly lockedMs: number };

/** @throws {CoffreError} SOURCE_BUSY, SOURCE_DENIED */
export async function underLock<T>(
  session: Session,
  facts: ServerFacts,
  tables: readonly (readonly [database: string, table: string])[],
  context: SourceContext,
  work: () => Promise<T>,
  patience: Patience = usualPatience,
): Promise<Locked<T>> {
  await session.run(`SET SESSION lock_wait_timeout = ${patience.waitS}`);
  for (const lock of locksFor(facts, tables)) {
    const taken = await takeLock(session, lock, context, patience);
    if (taken === 'denied') continue;
    try {
      const value = await work();
      return { value, kind: lock.kind, lockedMs: Math.round(context.clock.monotonicMs() - taken) };
    } finally {
      await session.run(lock.leave);
    }
  }
  throw new CoffreError('SOURCE_DENIED', 'the user may not hold back writers for the moment in which a dump begins', {
    hint: 'GRANT RELOAD ON *.* TO the user, or LOCK TABLES on the databases that are saved.',
  });
}

function locksFor(facts: ServerFacts, tables: readonly (readonly [string, string])[]): Lock[] {
  const stages = ['START', 'FLUSH', 'BLOCK_DDL', 'BLOCK_COMMIT'].map((stage) => `BACKUP STAGE ${stage}`);
  const names = tables.map(([database, table]) => `${identifier(database)}.${identifier(table)} READ`);
  return [
    ...(facts.family === 'mariadb' && facts.number >= 100_402
      ? [{ kind: 'backup stage' as const, take: stages, leave: 'BACKUP STAGE END' }]
      : []),
    { kind: 'read lock', take: ['FLUSH TABLES WITH READ LOCK'], leave: 'UNLOCK TABLES' },
    names.length === 0
      ? { kind: 'none', take: [], leave: 'DO 0' }
      : { kind: 'table locks', take: [`LOCK TABLES ${names.join(', ')}`], leave: 'UNLOCK TABLES' },
  ];
}

/** @returns since when it is held */
async function takeLock(
  session: Session,
  lock: Lock,
  { clock, signal }: SourceContext,
  { waitS, tries, pauseMs }: Patience,
): Promise<number | 'denied'> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    let since = clock.monotonicMs();
    try {
      for (const statement of lock.take) {
        // Writers are held back by the last one only.
        since = clock.monotonicMs();
        await session.run(statement);
      }
      return since;
    } catch (error) {
      if (isCoffreError(error, 'SOURCE_DENIED')) return 'denied';
      await session.run(lock.leave).catch(() => undefined);
      if (errorNumberOf(error) !== lockTimeout) throw error;
      if (attempt === tries) {
        throw new CoffreError('SOURCE_BUSY', `other statements kept their locks for ${tries} times ${waitS} s`, {
          hint: 'A long statement or an open transaction with changes holds them: SHOW FULL PROCESSLIST names it. Nothing was saved.',
          cause: error,
        });
      }
      await clock.sleep(pauseMs);
    }
  }
}
