import type { Clock } from '@coffre/repository';

/** Typing errors are forgiven. */
const freeFailures = 5;
const firstDelayMs = 250;
const delayMsMax = 10_000;
const forgottenAfterMs = 15 * 60_000;
const addressesMax = 10_000;

/** Who guesses passwords waits before each further guess, twice as long every time. */
export class SlowDown {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { count: number; lastMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the next guess from there has to wait. */
  delayMs(address: string): number {
    const known = this.#failures.get(address);
    if (known === undefined) return 0;
    if (this.#clock.monotonicMs() - known.lastMs > forgottenAfterMs) {
      this.#failures.delete(address);
      return 0;
    }
    if (known.count < freeFailures) return 0;
    return Math.min(delayMsMax, firstDelayMs * 2 ** Math.min(16, known.count - freeFailures));
  }

  failed(address: string): void {
    const count = (this.#failures.get(address)?.count ?? 0) + 1;
    this.#failures.delete(address);
    this.#failures.set(address, { count, lastMs: this.#clock.monotonicMs() });
    // The one that was quiet for longest.
    const oldest = this.#failures.keys().next().value;
    if (this.#failures.size > addressesMax && oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(address: string): void {
    this.#failures.delete(address);
  }
}
