/**
 * Notices sleep and clocks that were set: the wall clock then goes further, or less far, than the monotonic one. The two
 * cannot be told apart from here and need not be: after both, slots may have passed and the network may not be there.
 */
import type { Decision, Moment } from './plan-entry.ts';

/** Less is a clock that is being corrected. */
const jumpMs = 300_000;

export class ClockWatch {
  readonly #settleMs: number;
  #last: Moment | undefined;
  #settledAtMs = 0;
  #awakeMs = 0;

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** Slots that should have started before this instant of the wall clock were missed. */
  get awakeMs(): number {
    return this.#awakeMs;
  }

  /** How far the wall clock was moved against the other. */
  see(now: Moment): { readonly clock: Decision['clock']; readonly movedMs: number } {
    const last = this.#last;
    this.#last = now;
    const movedMs = last === undefined ? 0 : now.wallMs - last.wallMs - (now.monotonicMs - last.monotonicMs);
    if (last !== undefined && Math.abs(movedMs) <= jumpMs) return { clock: 'steady', movedMs };
    this.#awakeMs = now.wallMs;
    this.#settledAtMs = now.monotonicMs + this.#settleMs;
    return { clock: last === undefined ? 'started' : movedMs > 0 ? 'woke' : 'set_back', movedMs };
  }

  /** In the time of the wall clock; in the past once everything has settled. */
  settledAtMs(now: Moment): number {
    return now.wallMs + this.#settledAtMs - now.monotonicMs;
  }
}
