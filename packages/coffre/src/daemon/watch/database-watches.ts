/** Watches for every plan with SQLite databases that are saved as they are written. */
import { watchDatabases, type WatchedDatabase } from '../../source/sqlite/continuous.ts';
import type { DaemonClock } from '../daemon-clock.ts';
import type { DaemonLog } from '../daemon-log.ts';
import type { Work } from '../work.ts';

export type DatabaseWatchParts = {
  readonly clock: DaemonClock;
  readonly log: DaemonLog;
  /** A run of the plan is due. */
  readonly onChange: (plan: string) => void;
};

type PlanWatch = { readonly databases: readonly WatchedDatabase[]; readonly stop: AbortController };

export class DatabaseWatches implements Disposable {
  readonly #parts: DatabaseWatchParts;
  readonly #plans = new Map<string, PlanWatch>();

  constructor(parts: DatabaseWatchParts) {
    this.#parts = parts;
  }

  /** Exactly these plans from now on; those with the same databases go on. */
  watch(works: Iterable<Work>): void {
    const wanted = new Map<string, readonly WatchedDatabase[]>();
    for (const { entry, databases } of works) if (databases !== undefined) wanted.set(entry.plan, databases);
    for (const [plan, { databases, stop }] of this.#plans) {
      if (JSON.stringify(wanted.get(plan)) === JSON.stringify(databases)) continue;
      stop.abort();
      this.#plans.delete(plan);
    }
    for (const [plan, databases] of wanted)
      if (!this.#plans.has(plan)) this.#plans.set(plan, this.#open(plan, databases));
  }

  [Symbol.dispose](): void {
    this.watch([]);
  }

  #open(plan: string, databases: readonly WatchedDatabase[]): PlanWatch {
    const { clock, log, onChange } = this.#parts;
    const stop = new AbortController();
    watchDatabases({
      databases,
      signal: stop.signal,
      clock: {
        monotonicMs: () => clock.now().monotonicMs,
        sleep: async (durationMs, signal) => await sleep(clock, durationMs, signal),
      },
      save: async () => onChange(plan),
      warn: (sentence) => log.warn('watch.database', { plan, sentence }),
    }).catch((error: unknown) => log.warn('watch.failed', { plan, error }));
    return { databases, stop };
  }
}

async function sleep(clock: DaemonClock, durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  const over = Promise.withResolvers<void>();
  const end = (): void => over.resolve();
  signal?.addEventListener('abort', end, { once: true });
  using _timer = clock.after(durationMs, end);
  await over.promise;
  signal?.removeEventListener('abort', end);
}
