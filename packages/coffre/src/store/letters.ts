/** Events on their way to channels: each is sent at least once, or given up after many tries and shown. */
import { eventOf } from './events.ts';
import type { StoredEvent } from './events.ts';
import type { Rows, Store } from './store.ts';
import type { EventId, LetterId } from './tables.ts';

/** One event for one channel. */
export type Letter = {
  readonly id: LetterId;
  readonly channel: string;
  readonly attempt: number;
  readonly event: StoredEvent;
};

export type TakeOptions = {
  readonly leaseMs: number;
  readonly countMax: number;
  /** Of all when absent. */
  readonly channel?: string;
};

/** The earliest that are due, for this worker alone until the lease ends; then somebody else sends them again. */
export async function takeLetters(
  store: Store,
  worker: string,
  { leaseMs, countMax, channel }: TakeOptions,
): Promise<Letter[]> {
  return await store.transaction(async (rows) => {
    const { db, engine } = rows;
    const now = await rows.nowMs();
    let due = db
      .selectFrom('outbox')
      .select('id')
      .where('sent_at', 'is', null)
      .where('given_up_at', 'is', null)
      .where('next_at', '<=', now);
    if (channel !== undefined) due = due.where('channel', '=', channel);
    due = due.orderBy('next_at').orderBy('id').limit(countMax);
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

/** It stays, with what went wrong last. @returns as `markSent` */
export async function giveUp(rows: Rows, letter: Letter, error: string): Promise<boolean> {
  return await settle(rows, letter, { given_up_at: await rows.nowMs(), error, worker: null });
}

type Settlement = {
  readonly sent_at?: number;
  readonly given_up_at?: number;
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
    .where('given_up_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Whom such events of a plan were written to, in their order, sent or not. */
export async function lettersAbout(
  { db }: Rows,
  plan: string,
  codes: readonly string[],
  afterEvent: EventId,
): Promise<{ readonly channel: string; readonly event: StoredEvent }[]> {
  const found = await db
    .selectFrom('events')
    .innerJoin('outbox', 'outbox.event_id', 'events.id')
    .selectAll('events')
    .select('outbox.channel')
    .where('events.plan', '=', plan)
    .where('events.code', 'in', codes)
    .where('events.id', '>', afterEvent)
    .orderBy('events.id')
    .execute();
  return found.map((row) => ({ channel: row.channel, event: eventOf(row) }));
}

/** Channels with letters that wait, and when the first of each may be sent. */
export async function waitingLetters({ db }: Rows): Promise<{ readonly channel: string; readonly nextAtMs: number }[]> {
  const found = await db
    .selectFrom('outbox')
    .select((eb) => ['channel', eb.fn.min('next_at').as('next')])
    .where('sent_at', 'is', null)
    .where('given_up_at', 'is', null)
    .groupBy('channel')
    .orderBy('channel')
    .execute();
  return found.map(({ channel, next }) => ({ channel, nextAtMs: next }));
}

/** How a channel does its work. */
export type ChannelFigures = {
  readonly channel: string;
  readonly waiting: number;
  /** Of the event of the first letter that waits. */
  readonly waitingSinceMs: number | undefined;
  /** Of letters that wait, the newest thing that went wrong. */
  readonly error: string | undefined;
  readonly givenUp: number;
  readonly givenUpError: string | undefined;
  readonly givenUpAtMs: number | undefined;
  readonly sentAtMs: number | undefined;
};

/** @param sinceMs what was given up before counts no more */
export async function channelFigures(
  rows: Rows,
  channels: readonly string[],
  sinceMs: number,
): Promise<ChannelFigures[]> {
  const found: ChannelFigures[] = [];
  for (const channel of channels) {
    const of = rows.db.selectFrom('outbox').where('channel', '=', channel);
    const open = of.where('sent_at', 'is', null).where('given_up_at', 'is', null);
    const waiting = await open
      .innerJoin('events', 'events.id', 'outbox.event_id')
      .select((eb) => [eb.fn.countAll().as('count'), eb.fn.min('events.at').as('since')])
      .executeTakeFirstOrThrow();
    const failing = await open
      .select('error')
      .where('error', 'is not', null)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    const lost = of.where('given_up_at', '>=', sinceMs);
    const { count } = await lost.select((eb) => eb.fn.countAll().as('count')).executeTakeFirstOrThrow();
    const last = await lost.select(['error', 'given_up_at']).orderBy('given_up_at', 'desc').limit(1).executeTakeFirst();
    const sent = await of.select((eb) => eb.fn.max('sent_at').as('at')).executeTakeFirst();
    found.push({
      channel,
      waiting: Number(waiting.count),
      waitingSinceMs: numberIn(waiting.since),
      error: failing?.error ?? undefined,
      givenUp: Number(count),
      givenUpError: last?.error ?? undefined,
      givenUpAtMs: numberIn(last?.given_up_at),
      sentAtMs: numberIn(sent?.at),
    });
  }
  return found;
}

function numberIn(value: number | string | bigint | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
