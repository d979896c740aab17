/**
 * What happened, and who is to be told. Both are written in the transaction that changes the state, so nothing is told
 * that did not happen, and nothing that happened is forgotten when the program ends before it is sent.
 */
import type { Rows, Store } from './store.ts';
import type { EventId, LetterId, RunId } from './tables.ts';

export type NewEvent = {
  /** Stable, such as `backup.run.failed`. */
  readonly code: string;
  readonly plan?: string;
  readonly runId?: RunId;
  readonly detail: Readonly<Record<string, unknown>>;
};
export type StoredEvent = NewEvent & { readonly id: EventId; readonly atMs: number };

/** Call it in the transaction that makes it true. */
export async function recordEvent(rows: Rows, event: NewEvent, channels: readonly string[]): Promise<EventId> {
  const nowMs = await rows.nowMs();
  const { id } = await rows.db
    .insertInto('events')
    .values({
      at: nowMs,
      code: event.code,
      plan: event.plan ?? null,
      run_id: event.runId ?? null,
      detail: JSON.stringify(event.detail),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const letters = channels.map((channel) => ({ event_id: id, channel, attempts: 0, next_at: nowMs }));
  if (letters.length > 0) await rows.db.insertInto('outbox').values(letters).execute();
  return id;
}

/** One event for one channel. */
export type Letter = {
  readonly id: LetterId;
  readonly channel: string;
  readonly attempt: number;
  readonly event: StoredEvent;
};

/** The earliest that are due, for this worker alone until the lease ends; then somebody else sends them again. */
export async function takeLetters(
  store: Store,
  worker: string,
  { leaseMs, countMax }: { readonly leaseMs: number; readonly countMax: number },
): Promise<Letter[]> {
  return await store.transaction(async (rows) => {
    const { db, engine } = rows;
    const now = await rows.nowMs();
    const due = db
      .selectFrom('outbox')
      .select('id')
      .where('sent_at', 'is', null)
      .where('next_at', '<=', now)
      .orderBy('next_at')
      .orderBy('id')
      .limit(countMax);
    const ids = await (engine === 'postgres' ? due.forUpdate().skipLocked() : due).execute();
    const letters: Letter[] = [];
    for (const { id } of ids) {
      const letter = await db
        .updateTable('outbox')
        .set((eb) => ({ attempts: eb('attempts', '+', 1), worker, next_at: now + leaseMs }))
        .where('id', '=', id)
        .returning(['event_id', 'channel', 'attempts'])
        .executeTakeFirstOrThrow();
      const row = await db.selectFrom('events').selectAll().where('id', '=', letter.event_id).executeTakeFirstOrThrow();
      letters.push({ id, channel: letter.channel, attempt: letter.attempts, event: eventOf(row) });
    }
    return letters;
  });
}

/** @returns false when somebody else took it meanwhile */
export async function markSent(rows: Rows, letter: Letter): Promise<boolean> {
  return await settle(rows, letter, { sent_at: await rows.nowMs(), error: null });
}

/** @returns as `markSent` */
export async function sendLater(rows: Rows, letter: Letter, error: string, nextAtMs: number): Promise<boolean> {
  return await settle(rows, letter, { next_at: nextAtMs, error, worker: null });
}

type Settlement = {
  readonly sent_at?: number;
  readonly next_at?: number;
  readonly error: string | null;
  readonly worker?: null;
};

async function settle({ db }: Rows, letter: Letter, settlement: Settlement): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('outbox')
    .set(settlement)
    .where('id', '=', letter.id)
    .where('attempts', '=', letter.attempt)
    .where('sent_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Newest first. */
export async function listEvents(
  { db }: Rows,
  filter: { readonly plan?: string; readonly sinceMs?: number },
  countMax: number,
): Promise<StoredEvent[]> {
  let query = db.selectFrom('events').selectAll();
  if (filter.plan !== undefined) query = query.where('plan', '=', filter.plan);
  if (filter.sinceMs !== undefined) query = query.where('at', '>=', filter.sinceMs);
  return (await query.orderBy('at', 'desc').orderBy('id', 'desc').limit(countMax).execute()).map(eventOf);
}

type EventRow = {
  readonly id: EventId;
  readonly at: number;
  readonly code: string;
  readonly plan: string | null;
  readonly run_id: RunId | null;
  readonly detail: string;
};

function eventOf(row: EventRow): StoredEvent {
  return {
    id: row.id,
    atMs: row.at,
    code: row.code,
    ...(row.plan !== null && { plan: row.plan }),
    ...(row.run_id !== null && { runId: row.run_id }),
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  };
}
