/** Looks at how long runs take, by the clock that nobody sets. */
import type { Moment, PlanEntry } from './plan-entry.ts';

/** A run that takes so many times as long as usual is spoken of. */
const overrunFactor = 3;

type Run = { readonly entry: PlanEntry; readonly startedMs: number; isTold: boolean; isCancelled: boolean };

export type Look = {
  readonly overruns: readonly string[];
  readonly cancels: readonly string[];
  readonly wakeMs: number;
};

export class Watchdog {
  readonly #runs = new Map<string, Run>();

  isRunning(plan: string): boolean {
    return this.#runs.has(plan);
  }

  watch(entry: PlanEntry, now: Moment): void {
    this.#runs.set(entry.plan, { entry, startedMs: now.monotonicMs, isTold: false, isCancelled: false });
  }

  /** @returns what the plan was when the run began */
  forget(plan: string): PlanEntry | undefined {
    const run = this.#runs.get(plan);
    this.#runs.delete(plan);
    return run?.entry;
  }

  /** Each run is named once as too long, and once as to be cancelled. `wakeMs` is an instant of the wall clock. */
  look(now: Moment): Look {
    const overruns: string[] = [];
    const cancels: string[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [plan, run] of this.#runs) {
      const elapsedMs = now.monotonicMs - run.startedMs;
      const toldAfterMs =
        run.entry.usualMs === undefined ? Number.POSITIVE_INFINITY : run.entry.usualMs * overrunFactor;
      const cancelledAfterMs = run.entry.maxRuntimeMs ?? Number.POSITIVE_INFINITY;
      if (run.isCancelled) continue;
      if (elapsedMs >= cancelledAfterMs) {
        run.isCancelled = true;
        cancels.push(plan);
        continue;
      }
      if (!run.isTold && elapsedMs >= toldAfterMs) {
        run.isTold = true;
        overruns.push(plan);
      }
      nextMs = Math.min(
        nextMs,
        cancelledAfterMs - elapsedMs,
        run.isTold ? Number.POSITIVE_INFINITY : toldAfterMs - elapsedMs,
      );
    }
    return { overruns, cancels, wakeMs: now.wallMs + nextMs };
  }
}
