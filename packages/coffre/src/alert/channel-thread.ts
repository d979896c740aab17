/** The thread of a channel while there is something to send. */
import { messageOf } from '@coffre/repository';
import type { ExtensionThread, StartThread } from '../extension/extension-thread.ts';
import type { ExtensionPlaces } from '../extension/load.ts';
import type { Notice } from '../extension/notice.ts';
import type { ThreadFailure } from '../extension/thread-messages.ts';
import type { DeliveringChannel } from './routing.ts';

export type Answer =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'refused'; readonly failure: ThreadFailure }
  /** The thread is gone; another one may do better. */
  | { readonly kind: 'broken'; readonly failure: ThreadFailure }
  | { readonly kind: 'stopped' };

export type OpenChannel = {
  /** Never rejects. */
  deliver(notice: Notice, limits: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<Answer>;
  close(): Promise<void>;
};

type ChannelParts = {
  readonly places: ExtensionPlaces;
  readonly startThread: StartThread;
  readonly resolve: (settings: unknown) => Promise<unknown>;
  readonly log: { readonly info: (event: string, fields: Readonly<Record<string, unknown>>) => void };
};

/** A channel gets so much more time to come back after its signal aborted. */
const unheardMs = 2000;

/** Never rejects: what is wrong with it is the answer to each letter. */
export async function openChannel(channel: DeliveringChannel, parts: ChannelParts): Promise<OpenChannel> {
  const { name, use, settings } = channel;
  let resolved: unknown;
  try {
    resolved = await parts.resolve(settings);
  } catch (error) {
    const failure = { message: messageOf(error), hint: undefined, isRetryable: true };
    return { deliver: async () => ({ kind: 'broken', failure }), close: async () => undefined };
  }
  let answered: ((answer: Answer) => void) | undefined;
  const setup = { places: parts.places, use, settings: resolved, task: { kind: 'channel', channel: name } } as const;
  const thread = parts.startThread(setup, (message) => {
    if (message.type === 'said') parts.log.info('channel.said', { channel: name, text: message.text });
    else if (message.type === 'delivered') answered?.({ kind: 'delivered' });
    else if (message.type === 'refused') answered?.({ kind: 'refused', failure: message.failure });
  });
  const gone = thread.ended.then((failure): Answer => ({ kind: 'broken', failure: failure ?? endedByItself }));
  return {
    deliver: async (notice, { timeoutMs, signal }) => {
      const answer = new Promise<Answer>((resolve) => (answered = resolve));
      thread.send({ type: 'deliver', notice, timeoutMs });
      return await within(Promise.race([answer, gone]), timeoutMs + unheardMs, signal);
    },
    close: async () => await closed(thread),
  };
}

const endedByItself: ThreadFailure = { message: 'its thread ended', hint: undefined, isRetryable: true };

async function within(answer: Promise<Answer>, limitMs: number, signal: AbortSignal): Promise<Answer> {
  const late = Promise.withResolvers<Answer>();
  const failure = {
    message: `it did not answer in ${Math.round(limitMs / 1000)} s`,
    hint: undefined,
    isRetryable: true,
  };
  const timer = setTimeout(() => late.resolve({ kind: 'broken', failure }), limitMs);
  const onAbort = (): void => late.resolve({ kind: 'stopped' });
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

async function closed(thread: ExtensionThread): Promise<void> {
  thread.stop();
  await thread.ended;
}
