/**
 * What happened, and who is to be told. Both are written in the transaction that changes the state, so nothing is told
 * that did not happen, and nothing that happened is forgotten when the program ends before it is sent.
 */
import type { NewJob } from './queue.ts';
import type { Rows } from './store.ts';
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
  if (channels.length > 0) {
    const letters = channels.map((channel) => ({ event_id: id, channel }));
    const written = await rows.db.insertInto('outbox').values(letters).returning(['id', 'channel']).execute();
    await rows.queue.enqueue(written.map(letterJob));
  }
  return id;
}

const letterKeyPrefix = 'letter/';

/** What somebody has to carry. The later letter of a channel goes after the earlier one. */
export function letterJob({ id, channel }: { readonly id: LetterId; readonly channel: string }): NewJob {
  return { key: `${letterKeyPrefix}${id}`, lane: channel, place: id };
}

export function letterOf({ key }: Pick<NewJob, 'key'>): LetterId {
  return Number(key.slice(letterKeyPrefix.length)) as LetterId;
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

/** The last one that has one of these codes. */
export async function newestEvent(
  { db }: Rows,
  plan: string,
  codes: readonly string[],
): Promise<StoredEvent | undefined> {
  const row = await db
    .selectFrom('events')
    .selectAll()
    .where('id', '=', (eb) =>
      eb
        .selectFrom('events')
        .select((of) => of.fn.max('id').as('id'))
        .where('plan', '=', plan)
        .where('code', 'in', codes),
    )
    .executeTakeFirst();
  return row === undefined ? undefined : eventOf(row);
}

/** Of every plan that has one, the last one that has one of these codes. */
export async function newestEvents({ db }: Rows, codes: readonly string[]): Promise<StoredEvent[]> {
  const found = await db
    .selectFrom('events')
    .selectAll()
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('events')
        .select((of) => of.fn.max('id').as('id'))
        .where('code', 'in', codes)
        .where('plan', 'is not', null)
        .groupBy('plan'),
    )
    .orderBy('id')
    .execute();
  return found.map(eventOf);
}

type EventRow = {
  readonly id: EventId;
  readonly at: number;
  readonly code: string;
  readonly plan: string | null;
  readonly run_id: RunId | null;
  readonly detail: string;
};

/** What stands in these columns was written above. */
export function eventOf(row: EventRow): StoredEvent {
  return {
    id: row.id,
    atMs: row.at,
    code: row.code,
    ...(row.plan !== null && { plan: row.plan }),
    ...(row.run_id !== null && { runId: row.run_id }),
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  };
}
