/** What the daemon does with letters: whenever one is due its channel gets it, and no channel waits for another. */
import type { QueueListener } from '../store/queue.ts';
import type { Store } from '../store/store.ts';
import { mendLetters } from '../store/letters.ts';
import type { Delivered, DeliveryParts } from './delivery.ts';
import { giveUpStranger, Lanes } from './lanes.ts';
import { noteReminders } from './reminders.ts';

export type OutboxClock = {
  now(): { readonly wallMs: number };
  after(delayMs: number, call: () => void): Disposable;
};

/** Runs are processes of their own. Where nobody tells of their letters, and should that have been missed, this often is looked. */
const lookMs = 15_000;
/** So often is asked whom a trouble that lasts concerns now: routes speak of minutes and hours. */
const remindMs = 15_000;
/** Letters without a job are a mishap, or came from an older state. */
const mendMs = 600_000;
/** A channel whose thread broke is left alone for so long. */
const brokenPauseMs = 10_000;

export class Outbox {
  readonly #parts: () => DeliveryParts;
  readonly #clock: OutboxClock;
  readonly #isPlan: (plan: string) => boolean;
  readonly #stop = new AbortController();
  readonly #lanes: Lanes;
  readonly #restsUntilMs = new Map<string, number>();
  /** When letters that did not get through are due again. */
  #triesMs: number[] = [];
  #remindedMs: number | undefined;
  #mendedMs: number | undefined;
  #listener: QueueListener | undefined;
  #isDeaf = false;
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
    this.#lanes = new Lanes({
      signal: this.#stop.signal,
      onFree: (name, end) => this.#onFree(name, end),
      onStranger: giveUpStranger,
    });
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
    await this.#lanes.close();
    await this.#listener?.[Symbol.asyncDispose]();
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
    await this.#listen(parts);
    await this.#remind(parts);
    await this.#keep(parts.store);
    const { wallMs } = this.#clock.now();
    for (const [name, untilMs] of this.#restsUntilMs) if (untilMs <= wallMs) this.#restsUntilMs.delete(name);
    this.#triesMs = this.#triesMs.filter((atMs) => atMs > wallMs);
    await this.#lanes.handOut(parts, [...this.#restsUntilMs.keys()]);
    return Math.min(lookMs, ...[...this.#restsUntilMs.values(), ...this.#triesMs].map((atMs) => atMs - wallMs));
  }

  /** Again after each break of the connection: what was written meanwhile is found by this look. */
  async #listen({ store, log }: DeliveryParts): Promise<void> {
    if (store.queue.listen === undefined || this.#listener?.isBroken === false) return;
    await this.#listener?.[Symbol.asyncDispose]();
    this.#listener = undefined;
    try {
      this.#listener = await store.queue.listen(() => this.wake());
      this.#isDeaf = false;
    } catch (error) {
      if (!this.#isDeaf) log.warn('notices.unheard', { error });
      this.#isDeaf = true;
    }
  }

  async #remind({ store, sender }: DeliveryParts): Promise<void> {
    const { wallMs } = this.#clock.now();
    if (this.#remindedMs !== undefined && Math.abs(wallMs - this.#remindedMs) < remindMs) return;
    await noteReminders(store, sender.alerts, this.#isPlan);
    this.#remindedMs = wallMs;
  }

  async #keep(store: Store): Promise<void> {
    const { wallMs } = this.#clock.now();
    await store.queue.tend();
    if (this.#mendedMs !== undefined && Math.abs(wallMs - this.#mendedMs) < mendMs) return;
    await mendLetters(store);
    this.#mendedMs = wallMs;
  }

  #onFree(name: string, end: Delivered): void {
    const { wallMs } = this.#clock.now();
    if (end.kind === 'broken') this.#restsUntilMs.set(name, wallMs + brokenPauseMs);
    if (end.kind !== 'done' && end.tryAgainMs !== undefined) this.#triesMs.push(wallMs + end.tryAgainMs);
    this.wake();
  }
}
