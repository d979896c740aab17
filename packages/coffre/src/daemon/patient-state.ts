/**
 * What the loop reads and writes in the state. The state may be away for a while, as when its server is updated; what was
 * decided then waits for it, and backups that run go on.
 */
import { lastDue } from '../schedule/due.ts';
import type { Notice, PlanEntry, Skip, SkipReason, Slots } from '../schedule/plan-entry.ts';
import type { ScheduleSpec } from '../schedule/schedule-spec.ts';
import type { Zones } from '../schedule/zone.ts';
import { holderText } from '../run/lease-keeper.ts';
import type { Machine } from '../run/run-surroundings.ts';
import { noteNotice, noteRunEnd } from '../alert/note-run.ts';
import type { Config } from '../config/config.ts';
import { leasesNow } from '../store/leases.ts';
import {
  claimSlots,
  closeSlotsUpTo,
  coveredRowsMax,
  holdsSlot,
  openFiring,
  passOverSlots,
} from '../store/slot-claims.ts';
import { planFigures } from '../store/status-figures.ts';
import type { Store } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import type { DaemonClock } from './daemon-clock.ts';
import type { DaemonLog } from './daemon-log.ts';
import { isElsewhere } from './held-elsewhere.ts';
import type { Job } from './job.ts';
import { usualMsOf } from './progress.ts';
import { settleRun } from './run-end.ts';
import type { RunSettlement } from './run-end.ts';
import { slotWorkOf } from './work.ts';
import type { Work } from './work.ts';

export type StateParts = {
  readonly store: Store;
  readonly clock: DaemonClock;
  readonly zones: Zones;
  readonly log: DaemonLog;
  readonly machine: Machine;
  /** How often is looked whether another process has given a plan or a repository back: nothing tells. */
  readonly heldPauseMs: number;
  /** Whom events concern, as the configuration is now. */
  readonly alerts: () => Config['alerts'];
  /** There may be something to send. */
  readonly onLetters: () => void;
};

/** A slot that was opened and has not come to its end. */
export type OpenedSlot = { readonly dueMs: number; readonly openedAtMs: number };

const pauseMaxMs = 30_000;
/** Who is asked to stop does not wait longer than this for a state that is away. */
const stoppingPauseMaxMs = 4000;

const skipEndings = {
  paused: { outcome: 'skipped', reason: 'it was paused' },
  missed: { outcome: 'missed', reason: 'nobody was there to run it' },
  cancelled: { outcome: 'skipped', reason: 'somebody cancelled it' },
} as const satisfies Readonly<Record<SkipReason, object>>;

export class PatientState {
  isStopping = false;
  readonly #parts: StateParts;

  constructor(parts: StateParts) {
    this.#parts = parts;
  }

  /**
   * @param opened the slot that was opened before, for an earlier try or by a daemon that is gone
   * @returns undefined when another manager has them, and when we stop before anybody can have them
   */
  async win(
    work: Work,
    { firstDueMs, lastDueMs }: Slots,
    opened: OpenedSlot | undefined,
  ): Promise<OpenedSlot | undefined> {
    const { store, zones, log, machine } = this.#parts;
    const { plan, spec } = work.entry;
    const coveredMs = newestBefore(spec, firstDueMs, lastDueMs, zones);
    const isReopened = opened?.dueMs === lastDueMs;
    const claim = {
      plan,
      work: slotWorkOf(work),
      manager: holderText(machine),
      lastDueMs,
      coveredMs,
      ...(isReopened && { openedAtMs: opened.openedAtMs }),
    };
    const answer = await this.#patiently(async () => ({ openedAtMs: await claimSlots(store, claim) }));
    const openedAtMs = answer?.openedAtMs;
    if (openedAtMs !== undefined) return { dueMs: lastDueMs, openedAtMs };
    log.info('slot.taken', { plan, due: new Date(lastDueMs).toISOString() });
    return undefined;
  }

  /** Who stood still for long may have been taken for dead, and somebody else has the slot. */
  async stillHas(plan: string, { dueMs: lastDueMs, openedAtMs }: OpenedSlot): Promise<boolean> {
    const { store } = this.#parts;
    return (await this.#patiently(() => holdsSlot(store, { plan, lastDueMs, openedAtMs }))) ?? false;
  }

  /** Of a trigger that fired just now. */
  async openFiring(plan: string): Promise<OpenedSlot | undefined> {
    const { store, clock, machine } = this.#parts;
    const atMs = clock.now().wallMs;
    return await this.#patiently(() => openFiring(store, plan, atMs, holderText(machine)));
  }

  async passOver({ plan, spec }: PlanEntry, { firstDueMs, lastDueMs, reason }: Skip): Promise<void> {
    const { store, zones } = this.#parts;
    const dueMs = [...newestBefore(spec, firstDueMs, lastDueMs, zones), lastDueMs];
    await this.#patiently(() => passOverSlots(store, plan, dueMs, skipEndings[reason]));
  }

  /** Slots whose next try somebody took back. */
  async forgo(plan: string, { lastDueMs }: Slots): Promise<void> {
    await this.#patiently(() => closeSlotsUpTo(this.#parts.store, plan, lastDueMs, skipEndings.cancelled));
  }

  async settle(job: Job, settlement: RunSettlement): Promise<void> {
    const { store, machine, alerts, onLetters } = this.#parts;
    const { ending, isFailure, isTriedAgain } = settlement;
    const { plan, kind, repository } = job.history;
    // The process of a run says itself how it ended, unless it died or was cancelled.
    const outcome = isFailure && ending.outcome === 'cancelled' ? 'failed' : ending.outcome;
    const note = { plan, kind, repository, outcome, reason: ending.reason, code: ending.code, isTriedAgain };
    await this.#patiently(() =>
      settleRun(store, machine, job, settlement, async (rows, runId) => {
        await noteRunEnd(rows, alerts(), { ...note, runId });
      }),
    );
    onLetters();
  }

  /** How long its runs usually take, now that one more has ended. */
  async usualMs(plan: string): Promise<number | undefined> {
    const { store } = this.#parts;
    const figures = await this.#patiently(() => planFigures(store, [plan], 'backup'));
    return figures?.[0] === undefined ? undefined : usualMsOf(figures[0]);
  }

  async tell({ plan, why }: Notice, history: Work['history'], runId: RunId | undefined): Promise<void> {
    const { store, log, alerts, onLetters } = this.#parts;
    const code = why === 'overrun' ? 'run.overrun' : `plan.${why}`;
    log.warn(code, { plan, runId });
    await this.#patiently(() => store.transaction((rows) => noteNotice(rows, alerts(), { ...history, code, runId })));
    onLetters();
  }

  /** Somebody may run it by hand, or another manager: its turn has come, and it waits. */
  async untilFree(job: Job, entry: PlanEntry): Promise<void> {
    const { store, clock, machine, log, heldPauseMs } = this.#parts;
    const alone = new Set(entry.leases.filter(({ mode }) => mode === 'exclusive').map(({ repository }) => repository));
    for (let isSaid = false; job.cancelReason === undefined; isSaid = true) {
      const held = (await this.#patiently(() => leasesNow(store))) ?? [];
      const by = held.find(
        ({ repository, holder }) => alone.has(repository) && isElsewhere(holder, machine, new Set()),
      );
      if (by === undefined) return;
      if (!isSaid) log.info('run.waits', { plan: job.plan, for: by.repository, heldBy: by.holder });
      await job.pause(clock, heldPauseMs);
    }
  }

  /** @returns undefined when we stop before the state is back */
  async #patiently<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { clock, log } = this.#parts;
    for (let pauseMs = 500; ; pauseMs = Math.min(pauseMs * 2, pauseMaxMs)) {
      try {
        return await work();
      } catch (error) {
        log.error('state.unavailable', { error, tryAgainMs: pauseMs });
      }
      if (this.isStopping && pauseMs > stoppingPauseMaxMs) return undefined;
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  }
}

/** The newest slots from the first up to, without, the last. */
function newestBefore(spec: ScheduleSpec, firstDueMs: number, lastDueMs: number, zones: Zones): number[] {
  const found: number[] = [];
  let beforeMs = lastDueMs - 1;
  while (found.length < coveredRowsMax && beforeMs >= firstDueMs) {
    const slot = lastDue(spec, firstDueMs - 1, beforeMs, zones);
    if (slot === undefined) break;
    found.push(slot.dueMs);
    beforeMs = slot.dueMs - 1;
  }
  return found.toReversed();
}
