/**
 * Events on their way to channels: each is sent at least once, or given up after many tries and shown. The row of a letter
 * says what has become of it, its job in the queue who carries it and when. Both change in one transaction; should a job
 * be lost nevertheless, `mendLetters` puts in another one, and a job whose letter has gone ends when it is claimed.
 */
import { eventOf, letterJob, letterOf } from './events.ts';
import type { StoredEvent } from './events.ts';
import type { ClaimedJob } from './queue.ts';
import type { Rows, Store } from './store.ts';
import type { EventId, LetterId } from './tables.ts';

/** One event for one channel. */
export type Letter = {
  readonly id: LetterId;
  readonly channel: string;
  readonly job: ClaimedJob;
  readonly event: StoredEvent;
};

/**
 * The earliest that is due, for who asks alone until the lease ends; then somebody else sends it again.
 *
 * @param notFor channels that are taken care of
 */
export async function takeLetter(rows: Rows, notFor: readonly string[]): Promise<Letter | undefined> {
  for (;;) {
    const job = await rows.queue.claim(notFor);
    if (job === undefined) return undefined;
    const letter = await openLetter(rows, job);
    if (letter !== undefined) return letter;
    await rows.queue.complete(job);
  }
}

async function openLetter({ db }: Rows, job: ClaimedJob): Promise<Letter | undefined> {
  const row = await openOnes(db)
    .innerJoin('events', 'events.id', 'outbox.event_id')
    .selectAll('events')
    .select('outbox.channel')
    .where('outbox.id', '=', letterOf(job))
    .executeTakeFirst();
  return row === undefined ? undefined : { id: letterOf(job), channel: row.channel, job, event: eventOf(row) };
}

function openOnes(db: Rows['db']) {
  return db.selectFrom('outbox').where('sent_at', 'is', null).where('given_up_at', 'is', null);
}

/** @returns false when somebody else took it meanwhile */
export async function markSent(store: Store, letter: Letter): Promise<boolean> {
  return await store.transaction(
    async (rows) =>
      (await rows.queue.complete(letter.job)) &&
      (await settle(rows, letter, { sent_at: await rows.nowMs(), error: null })),
  );
}

/** @returns as `markSent` */
export async function sendLater(store: Store, letter: Letter, error: string, afterMs: number): Promise<boolean> {
  return await store.transaction(
    async (rows) => (await rows.queue.retry(letter.job, afterMs)) && (await settle(rows, letter, { error })),
  );
}

/** It stays, with what went wrong last. In a transaction. @returns as `markSent` */
export async function giveUp(rows: Rows, letter: Letter, error: string): Promise<boolean> {
  if (!(await rows.queue.complete(letter.job))) return false;
  return await settle(rows, letter, { given_up_at: await rows.nowMs(), error });
}

type Settlement = { readonly sent_at?: number; readonly given_up_at?: number; readonly error: string | null };

async function settle({ db }: Rows, { id }: Letter, settlement: Settlement): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('outbox')
    .set(settlement)
    .where('id', '=', id)
    .where('sent_at', 'is', null)
    .where('given_up_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

const mendedAtOnce = 500;

/** Puts in a job for each open letter that has none: one from before an update, or whose job was lost. */
export async function mendLetters({ db, queue }: Rows): Promise<void> {
  for (let after = 0 as LetterId; ;) {
    const letters = await openOnes(db)
      .select(['id', 'channel'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(mendedAtOnce)
      .execute();
    const last = letters.at(-1);
    if (last === undefined) return;
    await queue.enqueue(letters.map(letterJob));
    after = last.id;
  }
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

/** Channels with letters that were neither sent nor given up. */
export async function waitingChannels({ db }: Rows): Promise<string[]> {
  const found = await openOnes(db).select('channel').distinct().orderBy('channel').execute();
  return found.map(({ channel }) => channel);
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
