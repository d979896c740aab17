/**
 * Carries letters from the outbox to one channel, one after the other, until none is due. Each is taken with a lease, so
 * that whoever is killed between sending and writing down leaves it to the next one, who sends it again.
 */
import { messageOf } from '@coffre/repository';
import type { StartThread } from '../extension/extension-thread.ts';
import type { ExtensionPlaces } from '../extension/load.ts';
import { recordEvent } from '../store/events.ts';
import { giveUp, markSent, sendLater, takeLetters } from '../store/letters.ts';
import type { Letter } from '../store/letters.ts';
import type { Store } from '../store/store.ts';
import { openChannel } from './channel-thread.ts';
import type { Answer, OpenChannel } from './channel-thread.ts';
import { noticeOf } from './notice-of.ts';
import type { NoticeSender } from './notice-of.ts';
import { channelsFor } from './routing.ts';
import type { DeliveringChannel } from './routing.ts';

export type NoticeLog = (event: string, fields: Readonly<Record<string, unknown>>) => void;

export type DeliveryParts = {
  readonly store: Store;
  readonly sender: NoticeSender;
  readonly places: ExtensionPlaces;
  readonly startThread: StartThread;
  readonly resolve: (settings: unknown) => Promise<unknown>;
  /** Among all who send from this state. */
  readonly worker: string;
  readonly log: { readonly info: NoticeLog; readonly warn: NoticeLog; readonly error: NoticeLog };
  readonly deliveryTimeoutMs?: number;
};

/** From asking a channel to deliver to giving up hope for this try. */
const deliveryTimeoutDefaultMs = 30_000;
const leaseMarginMs = 30_000;
const firstPauseMs = 10_000;
const pauseMaxMs = 3_600_000;
/** With pauses of 10 s, doubled up to an hour: half a day. */
const attemptsMax = 20;

export function pauseAfterMs(attempt: number): number {
  return Math.min(firstPauseMs * 2 ** (attempt - 1), pauseMaxMs);
}

/** Comes back when nothing of this channel is due any more, or the channel itself broke. */
export async function deliverDue(
  channel: DeliveringChannel,
  parts: DeliveryParts,
  signal: AbortSignal,
): Promise<'done' | 'broken'> {
  const { store, worker, deliveryTimeoutMs = deliveryTimeoutDefaultMs } = parts;
  const leaseMs = deliveryTimeoutMs + leaseMarginMs;
  let open: OpenChannel | undefined;
  try {
    while (!signal.aborted) {
      const [letter] = await takeLetters(store, worker, { leaseMs, countMax: 1, channel: channel.name });
      if (letter === undefined) return 'done';
      open ??= await openChannel(channel, parts);
      const answer = await open.deliver(noticeOf(letter, parts.sender), { timeoutMs: deliveryTimeoutMs, signal });
      if (answer.kind === 'stopped') return await putBack(parts, letter);
      await settle(parts, letter, answer);
      if (answer.kind === 'broken') return 'broken';
    }
    return 'done';
  } finally {
    await open?.close();
  }
}

/** It was not its fault; the try does not count against it for long. */
async function putBack({ store }: DeliveryParts, letter: Letter): Promise<'done'> {
  await sendLater(store, letter, 'the program was stopped', await store.nowMs());
  return 'done';
}

async function settle(
  parts: DeliveryParts,
  letter: Letter,
  answer: Exclude<Answer, { kind: 'stopped' }>,
): Promise<void> {
  const { store, log } = parts;
  const about = {
    channel: letter.channel,
    notice: letter.event.code,
    plan: letter.event.plan,
    attempt: letter.attempt,
  };
  if (answer.kind === 'delivered') {
    await markSent(store, letter);
    log.info('notice.sent', about);
    return;
  }
  const { message, isRetryable } = answer.failure;
  if (isRetryable && letter.attempt < attemptsMax) {
    const pauseMs = pauseAfterMs(letter.attempt);
    await sendLater(store, letter, message, (await store.nowMs()) + pauseMs);
    log.warn('notice.failed', { ...about, reason: message, tryAgainMs: pauseMs });
    return;
  }
  await giveUpOn(parts, letter, message);
}

/** Other channels are told, this one would not hear it. */
export async function giveUpOn(
  { store, sender, log }: Pick<DeliveryParts, 'store' | 'sender' | 'log'>,
  letter: Letter,
  reason: string,
): Promise<void> {
  const { channel, event } = letter;
  await store.transaction(async (rows) => {
    if (!(await giveUp(rows, letter, reason))) return;
    const detail = { channel, notice: event.code, reason, causes: ['unknown'] };
    const others = channelsFor(sender.alerts, ['unknown']).filter((name) => name !== channel);
    const told = event.code === 'notice.given_up' ? [] : others;
    await recordEvent(
      rows,
      { code: 'notice.given_up', detail, ...(event.plan !== undefined && { plan: event.plan }) },
      told,
    );
  });
  log.error('notice.given_up', { channel, notice: event.code, plan: event.plan, reason });
}

/** For who cannot wait for long: what is due now, all channels beside each other. What is left goes another time. */
export async function deliverOnce(
  channels: readonly DeliveringChannel[],
  parts: DeliveryParts,
  limit: AbortSignal,
): Promise<void> {
  await Promise.all(
    channels.map(async (channel) => {
      try {
        await deliverDue(channel, parts, limit);
      } catch (error) {
        parts.log.warn('notice.failed', { channel: channel.name, reason: messageOf(error) });
      }
    }),
  );
}
