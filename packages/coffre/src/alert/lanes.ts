/** Letters on their way: in the lane of a channel one after the other, and no lane waits for another. */
import { messageOf } from '@coffre/repository';
import { sendLater, takeLetter, waitingChannels } from '../store/letters.ts';
import type { Letter } from '../store/letters.ts';
import { openChannel } from './channel-thread.ts';
import type { OpenChannel } from './channel-thread.ts';
import { deliver, giveUpOn, pauseAfterMs } from './delivery.ts';
import type { Delivered, DeliveryParts } from './delivery.ts';
import { deliveringChannels } from './routing.ts';
import type { DeliveringChannel } from './routing.ts';

export type LanesParts = {
  readonly signal: AbortSignal;
  /** Nothing is under way in this lane any more; it was `broken` too when the state could not be asked. */
  readonly onFree: (channel: string, end: Delivered) => void;
  /** A letter for a channel that the configuration does not have. */
  readonly onStranger: (letter: Letter, parts: DeliveryParts) => Promise<void>;
};

export class Lanes {
  readonly #parts: LanesParts;
  readonly #busy = new Map<string, Promise<void>>();
  readonly #open = new Map<string, OpenChannel>();

  constructor(parts: LanesParts) {
    this.#parts = parts;
  }

  /** Begins with all that is due in lanes that are free. One call at a time. */
  async handOut(parts: DeliveryParts, notFor: readonly string[]): Promise<void> {
    const channels = new Map(deliveringChannels(parts.sender.alerts).map((channel) => [channel.name, channel]));
    while (!this.#parts.signal.aborted) {
      const letter = await takeLetter(parts.store, [...this.#busy.keys(), ...notFor]);
      if (letter === undefined) break;
      this.#begin(letter, channels.get(letter.channel), parts);
    }
    for (const name of this.#open.keys()) if (!this.#busy.has(name)) await this.#close(name);
  }

  /** @returns false when none is under way */
  async oneIsFree(): Promise<boolean> {
    if (this.#busy.size === 0) return false;
    await Promise.race(this.#busy.values());
    return true;
  }

  /** What is under way has an answer, or goes again later. */
  async close(): Promise<void> {
    await Promise.all(this.#busy.values());
    for (const name of this.#open.keys()) await this.#close(name);
  }

  #begin(letter: Letter, channel: DeliveringChannel | undefined, parts: DeliveryParts): void {
    const { channel: name } = letter;
    const work = channel === undefined ? this.#leave(letter, parts) : this.#carry(letter, channel, parts);
    const ended = work
      .catch((error: unknown): Delivered => {
        parts.log.error('notice.failed', { channel: name, reason: messageOf(error) });
        return { kind: 'broken', tryAgainMs: undefined };
      })
      .then((end) => {
        this.#busy.delete(name);
        this.#parts.onFree(name, end);
      });
    this.#busy.set(name, ended);
  }

  async #carry(letter: Letter, channel: DeliveringChannel, parts: DeliveryParts): Promise<Delivered> {
    const open = this.#open.get(channel.name) ?? (await openChannel(channel, parts));
    this.#open.set(channel.name, open);
    const end = await deliver(letter, open, parts, this.#parts.signal);
    if (end.kind === 'broken') await this.#close(channel.name);
    return end;
  }

  async #leave(letter: Letter, parts: DeliveryParts): Promise<Delivered> {
    await this.#parts.onStranger(letter, parts);
    return { kind: 'done' };
  }

  async #close(name: string): Promise<void> {
    const open = this.#open.get(name);
    this.#open.delete(name);
    await open?.close();
  }
}

/** The configuration was changed since. */
export async function giveUpStranger(letter: Letter, parts: DeliveryParts): Promise<void> {
  await giveUpOn(parts, letter, `the configuration has no channel ${letter.channel} that delivers`);
}

/** For who cannot wait for long: what is due now, all channels beside each other. What is left goes another time. */
export async function deliverOnce(
  channels: readonly DeliveringChannel[],
  parts: DeliveryParts,
  limit: AbortSignal,
): Promise<void> {
  const names = new Set(channels.map(({ name }) => name));
  const away = new Set<string>();
  const lanes = new Lanes({
    signal: limit,
    onFree: (name, end) => {
      if (end.kind === 'broken') away.add(name);
    },
    // Somebody with another configuration has it.
    onStranger: async (letter, { store }) => {
      away.add(letter.channel);
      await sendLater(store, letter, `no program that ran had a channel ${letter.channel}`, pauseAfterMs(1));
    },
  });
  try {
    do {
      const others = (await waitingChannels(parts.store)).filter((name) => !names.has(name));
      await lanes.handOut(parts, [...others, ...away]);
    } while (await lanes.oneIsFree());
  } finally {
    await lanes.close();
  }
}
