/**
 * Notices what no run tells: slots that nobody ran, and objectives that break or will. A plan is looked at when its next
 * deadline passes, so that thousands of them cost no more than their slots.
 */
import type { PlanConfig } from '../config/config.ts';
import type { Machine } from '../run/run-surroundings.ts';
import type { Store } from '../store/store.ts';
import type { DaemonClock } from './daemon-clock.ts';
import type { DaemonLog } from './daemon-log.ts';
import { lookForOverdue } from './overdue.ts';
import type { OverdueConfig } from './overdue.ts';

export type OverdueWatchParts = {
  readonly store: Store;
  readonly clock: DaemonClock;
  readonly machine: Machine;
  readonly log: DaemonLog;
  readonly onLetters: () => void;
};

const lookMs = 60_000;
/** Runs that fail and settings that change move what is expected; so often is looked in any case. */
const netMs = 15 * 60_000;
/** What was missed while nobody was here is done first, before anybody hears of it. */
const quietMs = 5 * 60_000;
const jumpMs = 5 * 60_000;
/** At once, so that the loop is not kept waiting. */
const plansMax = 100;
const restMs = 250;

export class OverdueWatch {
  readonly #parts: OverdueWatchParts;
  readonly #nextMs = new Map<string, number>();
  #config: OverdueConfig | undefined;
  #quietUntilMs: number | undefined;
  /** Between the two clocks. */
  #differenceMs: number | undefined;
  #timer: Disposable | undefined;
  #looking: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(parts: OverdueWatchParts) {
    this.#parts = parts;
  }

  /** The configuration is this from now on. */
  take(config: OverdueConfig): void {
    this.#config = config;
    this.#nextMs.clear();
    if (this.#timer === undefined) this.#arm(lookMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
    await this.#looking;
  }

  #arm(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#looking = this.#look()
        .catch((error: unknown) => {
          this.#parts.log.error('state.unavailable', { error });
          return lookMs;
        })
        .then((nextMs) => this.#arm(nextMs));
    });
  }

  /** @returns when to look again */
  async #look(): Promise<number> {
    const { store, clock, machine, log, onLetters } = this.#parts;
    const { wallMs: nowMs } = clock.now();
    if (this.#config === undefined || this.#isQuiet()) return lookMs;
    const due = this.#due(this.#config, nowMs);
    const looks = await lookForOverdue(this.#config, due, { store, machine, nowMs });
    for (const { plan, isTold, standing, copies, nextMs = Number.POSITIVE_INFINITY } of looks) {
      // What is overdue may be over, and what runs may be done.
      const all = [standing, ...copies.values()];
      const isWell = all.every(({ kind }) => kind === 'well');
      this.#nextMs.set(plan, isWell ? Math.min(nextMs, nowMs + netMs) : nowMs + lookMs);
      const causes = all.flatMap((one) => (one.kind === 'overdue' ? one.causes : []));
      if (isTold && causes.length > 0) log.warn('plan.overdue', { plan, causes: [...new Set(causes)] });
    }
    if (looks.some(({ isTold }) => isTold)) onLetters();
    return looks.length < plansMax ? lookMs : restMs;
  }

  #due({ plans }: OverdueConfig, nowMs: number): PlanConfig[] {
    const due: PlanConfig[] = [];
    for (const plan of plans.values()) {
      const nextMs = this.#nextMs.get(plan.name);
      // What lies far ahead was set by a clock that was wrong.
      if (nextMs !== undefined && nextMs > nowMs && nextMs <= nowMs + netMs) continue;
      due.push(plan);
      if (due.length === plansMax) break;
    }
    return due;
  }

  /** After the start, and after the machine woke or its clock was set: what is due then runs first. */
  #isQuiet(): boolean {
    const { wallMs, monotonicMs } = this.#parts.clock.now();
    const differenceMs = wallMs - monotonicMs;
    const movedMs = Math.abs(differenceMs - (this.#differenceMs ?? Number.NEGATIVE_INFINITY));
    this.#differenceMs = differenceMs;
    if (movedMs > jumpMs) this.#quietUntilMs = monotonicMs + quietMs - lookMs;
    return this.#quietUntilMs !== undefined && monotonicMs < this.#quietUntilMs;
  }
}
