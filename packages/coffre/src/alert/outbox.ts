/** What the daemon does with letters: whenever one is due its channel gets it, and no channel waits for another. */
import { giveUpOn, deliverDue } from './delivery.ts';
import type { DeliveryParts } from './delivery.ts';
import { noteReminders } from './reminders.ts';
import { deliveringChannels } from './routing.ts';
import type { DeliveringChannel } from './routing.ts';
import { takeLetters, waitingLetters } from '../store/letters.ts';

export type OutboxClock = {
  now(): { readonly wallMs: number };
  after(delayMs: number, call: () => void): Disposable;
};

/** Runs are processes of their own, whose events nobody tells us of: so often is looked. */
const lookMs = 15_000;
/** So often is asked whom a trouble that lasts concerns now: routes speak of minutes and hours. */
const remindMs = 15_000;
/** A channel whose thread broke is left alone for so long. */
const brokenPauseMs = 10_000;

export class Outbox {
  readonly #parts: () => DeliveryParts;
  readonly #clock: OutboxClock;
  readonly #isPlan: (plan: string) => boolean;
  #remindedMs: number | undefined;
  readonly #stop = new AbortController();
  readonly #busy = new Map<string, Promise<void>>();
  readonly #restsUntilMs = new Map<string, number>();
  #timer: Disposable | undefined;
  #isWoken = false;
  #looking: Promise<void> = Promise.resolve();

  /**
   * @param parts as the configuration is now; asked at each look
   * @param isPlan of the configuration as it is now
   */
  constructor(parts: () => DeliveryParts, clock: OutboxClock, isPlan: (plan: string) => boolean) {
    this.#parts = parts;
    this.#clock = clock;
    this.#isPlan = isPlan;
  }

  /** Looks soon, however many things happened at this moment. */
  wake(): void {
    this.#isWoken = true;
    this.#arm(0);
  }

  /** What is being sent and is not answered in time is sent again by whoever comes next. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#timer?.[Symbol.dispose]();
    await this.#looking;
    await Promise.all(this.#busy.values());
  }

  #arm(delayMs: number): void {
    this.#timer?.[Symbol.dispose]();
    if (this.#stop.signal.aborted) return;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#looking = this.#looking
        .then(async () => await this.#look())
        .catch((error: unknown) => {
          this.#parts().log.error('state.unavailable', { error });
          return lookMs;
        })
        .then((nextMs) => this.#arm(this.#isWoken ? 0 : nextMs));
    });
  }

  /** @returns when to look again */
  async #look(): Promise<number> {
    this.#isWoken = false;
    const parts = this.#parts();
    const channels = new Map(deliveringChannels(parts.sender.alerts).map((channel) => [channel.name, channel]));
    await this.#remind(parts);
    const nowMs = await parts.store.nowMs();
    let nextMs = lookMs;
    for (const { channel: name, nextAtMs } of await waitingLetters(parts.store)) {
      if (this.#busy.has(name) || this.#stop.signal.aborted) continue;
      const rest = (this.#restsUntilMs.get(name) ?? 0) - this.#clock.now().wallMs;
      const waitMs = Math.max(nextAtMs - nowMs, rest);
      if (waitMs > 0) nextMs = Math.min(nextMs, waitMs);
      else this.#begin(name, channels.get(name), parts);
    }
    return nextMs;
  }

  async #remind({ store, sender }: DeliveryParts): Promise<void> {
    const { wallMs } = this.#clock.now();
    if (this.#remindedMs !== undefined && Math.abs(wallMs - this.#remindedMs) < remindMs) return;
    await noteReminders(store, sender.alerts, this.#isPlan);
    this.#remindedMs = wallMs;
  }

  #begin(name: string, channel: DeliveringChannel | undefined, parts: DeliveryParts): void {
    const work = channel === undefined ? this.#giveUpAll(name, parts) : this.#deliver(channel, parts);
    const kept = work
      .catch((error: unknown) => {
        this.#rest(name);
        parts.log.error('notice.failed', { channel: name, error });
      })
      .finally(() => {
        this.#busy.delete(name);
        this.wake();
      });
    this.#busy.set(name, kept);
  }

  async #deliver(channel: DeliveringChannel, parts: DeliveryParts): Promise<void> {
    const end = await deliverDue(channel, parts, this.#stop.signal);
    if (end === 'broken') this.#rest(channel.name);
  }

  #rest(name: string): void {
    this.#restsUntilMs.set(name, this.#clock.now().wallMs + brokenPauseMs);
  }

  /** The configuration was changed since. */
  async #giveUpAll(channel: string, parts: DeliveryParts): Promise<void> {
    const { store, worker } = parts;
    for (;;) {
      const [letter] = await takeLetters(store, worker, { leaseMs: 60_000, countMax: 1, channel });
      if (letter === undefined) return;
      await giveUpOn(parts, letter, `the configuration has no channel ${channel} that delivers`);
    }
  }
}
