/** One letter handed to its channel, and what becomes of it then. */
import type { StartThread } from '../extension/extension-thread.ts';
import type { ExtensionPlaces } from '../extension/load.ts';
import { recordEvent } from '../store/events.ts';
import { giveUp, markSent, sendLater } from '../store/letters.ts';
import type { Letter } from '../store/letters.ts';
import { jobLeaseMs } from '../store/queue.ts';
import type { Store } from '../store/store.ts';
import type { Answer, OpenChannel } from './channel-thread.ts';
import { noticeOf } from './notice-of.ts';
import type { NoticeSender } from './notice-of.ts';
import { channelsFor } from './routing.ts';

export type NoticeLog = (event: string, fields: Readonly<Record<string, unknown>>) => void;

export type DeliveryParts = {
  readonly store: Store;
  readonly sender: NoticeSender;
  readonly places: ExtensionPlaces;
  readonly startThread: StartThread;
  readonly resolve: (settings: unknown) => Promise<unknown>;
  readonly log: { readonly info: NoticeLog; readonly warn: NoticeLog; readonly error: NoticeLog };
  readonly deliveryTimeoutMs?: number;
};

/** From asking a channel to deliver to giving up hope for this try: well before somebody else sends it. */
const deliveryTimeoutDefaultMs = jobLeaseMs / 2;
const firstPauseMs = 10_000;
const pauseMaxMs = 3_600_000;
/** With pauses of 10 s, doubled up to an hour: half a day. */
const attemptsMax = 20;

export function pauseAfterMs(attempt: number): number {
  return Math.min(firstPauseMs * 2 ** (attempt - 1), pauseMaxMs);
}

/** `later` when it is to be tried again; `broken` when the channel itself was. */
export type Delivered =
  | { readonly kind: 'done' }
  | { readonly kind: 'later' | 'broken'; readonly tryAgainMs: number | undefined };

export async function deliver(
  letter: Letter,
  channel: OpenChannel,
  parts: DeliveryParts,
  signal: AbortSignal,
): Promise<Delivered> {
  const timeoutMs = parts.deliveryTimeoutMs ?? deliveryTimeoutDefaultMs;
  const answer = await channel.deliver(noticeOf(letter, parts.sender), { timeoutMs, signal });
  if (answer.kind === 'stopped') {
    // It was not its fault.
    await sendLater(parts.store, letter, 'the program was stopped', 0);
    return { kind: 'later', tryAgainMs: 0 };
  }
  const tryAgainMs = await settle(parts, letter, answer);
  if (answer.kind === 'broken') return { kind: 'broken', tryAgainMs };
  return tryAgainMs === undefined ? { kind: 'done' } : { kind: 'later', tryAgainMs };
}

async function settle(
  parts: DeliveryParts,
  letter: Letter,
  answer: Exclude<Answer, { kind: 'stopped' }>,
): Promise<number | undefined> {
  const { store, log } = parts;
  const { attempt } = letter.job;
  const about = { channel: letter.channel, notice: letter.event.code, plan: letter.event.plan, attempt };
  if (answer.kind === 'delivered') {
    await markSent(store, letter);
    log.info('notice.sent', about);
    return undefined;
  }
  const { message, isRetryable } = answer.failure;
  if (!isRetryable || attempt >= attemptsMax) {
    await giveUpOn(parts, letter, message);
    return undefined;
  }
  const tryAgainMs = pauseAfterMs(attempt);
  await sendLater(store, letter, message, tryAgainMs);
  log.warn('notice.failed', { ...about, reason: message, tryAgainMs });
  return tryAgainMs;
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
