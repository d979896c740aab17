/**
 * Managers that share a state follow each other: each says that it is there, and what one that is gone had begun is
 * taken over by one that is left.
 */
import { holderText } from '../run/lease-keeper.ts';
import { closeLostRuns } from '../run/stale-runs.ts';
import type { Moment } from '../schedule/plan-entry.ts';
import type { Lease } from '../store/leases.ts';
import { endManager, keepManager, slotsWithoutManager } from '../store/managers.ts';
import type { DueLoop } from './loop.ts';
import type { StateParts } from './patient-state.ts';
import { loadProgress } from './progress.ts';

export type SuccessionParts = Pick<StateParts, 'store' | 'clock' | 'log' | 'machine' | 'alerts' | 'onLetters'> & {
  readonly loop: DueLoop;
  readonly leaseMs: number;
};

export class Succession {
  readonly #parts: SuccessionParts;
  #lease: Lease | undefined;
  #last: Moment | undefined;
  /** Since when every look has found the state; by the monotonic clock. */
  #steadySinceMs = 0;

  constructor(parts: SuccessionParts) {
    this.#parts = parts;
  }

  /** The longest that may be between two looks. */
  get everyMs(): number {
    return this.#parts.leaseMs / 4;
  }

  async look(): Promise<void> {
    const { store, machine, log, clock, leaseMs, alerts, loop, onLetters } = this.#parts;
    this.#lease = await keepManager(store, holderText(machine), { held: this.#lease, durationMs: leaseMs });
    const isOwn = (pid: number): boolean => [...loop.jobs.values()].some(({ process }) => process?.pid === pid);
    const lost = await closeLostRuns(store, machine, alerts(), isOwn);
    for (const { id, plan } of lost) log.warn('run.lost', { plan, runId: id });
    if (lost.length > 0) onLetters();
    if (this.#isSteady(clock.now())) await this.#takeOver();
  }

  /**
   * After the state was away, or this machine asleep, leases of the living may have run out as well: they get the time to
   * say that they are there.
   */
  #isSteady(now: Moment): boolean {
    const { leaseMs } = this.#parts;
    const last = this.#last;
    this.#last = now;
    const unseenMs =
      last === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(now.wallMs - last.wallMs, now.monotonicMs - last.monotonicMs);
    if (unseenMs > leaseMs / 2) this.#steadySinceMs = now.monotonicMs;
    return now.monotonicMs - this.#steadySinceMs >= leaseMs / 2;
  }

  async #takeOver(): Promise<void> {
    const { store, machine, loop, log } = this.#parts;
    const plans = await slotsWithoutManager(store, holderText(machine));
    const works = plans.flatMap((plan) => loop.works.get(plan) ?? []);
    const unknown = works.filter(({ entry }) => !loop.jobs.has(entry.plan) && !loop.waitsFor(entry.plan));
    if (unknown.length === 0) return;
    for (const { work, progress } of await loadProgress(store, unknown)) {
      const { abandoned, handledMs } = progress;
      if (abandoned === undefined) continue;
      const slots = { firstDueMs: Math.min(handledMs + 1, abandoned.dueMs), lastDueMs: abandoned.dueMs };
      const { plan } = work.entry;
      if (loop.takeOver(plan, slots, abandoned))
        log.warn('slot.taken_over', { plan, due: new Date(abandoned.dueMs).toISOString() });
    }
  }

  /** What is open may be taken over at once. */
  async end(): Promise<void> {
    const { store, log } = this.#parts;
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease === undefined) return;
    await endManager(store, lease).catch((error: unknown) => log.warn('state.unavailable', { error }));
  }
}
