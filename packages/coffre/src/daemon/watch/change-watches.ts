/** Watches for every plan that runs when its sources change. Plans with the same paths keep theirs when others change. */
import { compilePatterns, toByteString } from '@coffre/repository';
import type { DaemonClock } from '../daemon-clock.ts';
import type { DaemonLog } from '../daemon-log.ts';
import type { WatchedSource, Work } from '../work.ts';
import { PathWatch } from './path-watch.ts';

export type WatchParts = {
  readonly clock: DaemonClock;
  readonly log: DaemonLog;
  readonly onChange: (plan: string) => void;
  readonly scanEveryMs?: number;
};

type PlanWatch = { readonly sources: readonly WatchedSource[]; readonly watches: readonly PathWatch[] };

export class ChangeWatches implements Disposable {
  readonly #parts: WatchParts;
  readonly #plans = new Map<string, PlanWatch>();

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** Exactly these plans from now on. */
  watch(works: Iterable<Work>): void {
    const wanted = new Map<string, readonly WatchedSource[]>();
    for (const { entry, watched } of works) if (watched !== undefined) wanted.set(entry.plan, watched);
    for (const [plan, { sources, watches }] of this.#plans) {
      if (JSON.stringify(wanted.get(plan)) === JSON.stringify(sources)) continue;
      for (const one of watches) one[Symbol.dispose]();
      this.#plans.delete(plan);
    }
    for (const [plan, sources] of wanted) {
      if (this.#plans.has(plan)) continue;
      this.#plans.set(plan, { sources, watches: sources.map((source) => this.#open(plan, source)) });
    }
  }

  [Symbol.dispose](): void {
    this.watch([]);
  }

  #open(plan: string, { path, exclude }: WatchedSource): PathWatch {
    const { clock, log, onChange, scanEveryMs } = this.#parts;
    const excluded = compilePatterns(exclude);
    return new PathWatch(path, {
      clock,
      isIgnored: (changed) => excluded.matches(toByteString(changed)),
      onChange: () => onChange(plan),
      onTrouble: (error) => log.warn('watch.failed', { plan, path, error }),
      ...(scanEveryMs !== undefined && { scanEveryMs }),
    });
  }
}
