/**
 * The agenda with everything that it lacks: clocks, one timer, the store and processes. A slot is won in the store before
 * its run starts, so that of several managers one runs it, and nothing that was begun is forgotten by a crash.
 */
import type { Machine } from '../run/run-surroundings.ts';
import { Agenda } from '../schedule/agenda.ts';
import { lastDue } from '../schedule/due.ts';
import type {
  Caps,
  Decision,
  Limits,
  Notice,
  PlanEntry,
  Progress,
  Skip,
  SkipReason,
  Slots,
  Start,
  Surroundings,
} from '../schedule/plan-entry.ts';
import type { Pending } from '../schedule/decide.ts';
import type { ScheduleSpec } from '../schedule/schedule-spec.ts';
import type { Zones } from '../schedule/zone.ts';
import { recordEvent } from '../store/events.ts';
import { claimSlots, closeSlotsUpTo, coveredRowsMax, passOverSlots } from '../store/slot-claims.ts';
import type { Store } from '../store/store.ts';
import type { DaemonClock } from './daemon-clock.ts';
import type { DaemonLog } from './daemon-log.ts';
import { Job } from './job.ts';
import type { CancelReason } from './job.ts';
import { endingOf, outcomeFor, settleRun } from './run-end.ts';
import type { ProcessEnd, StartRunProcess } from './run-process.ts';
import { runEnvironment } from './run-environment.ts';
import type { Work } from './work.ts';

export type LoopParts = {
  readonly store: Store;
  readonly clock: DaemonClock;
  readonly zones: Zones;
  readonly limits: Limits;
  readonly log: DaemonLog;
  readonly machine: Machine;
  readonly startProcess: StartRunProcess;
  /** Before the words of a run: which configuration it is about. */
  readonly programWords: readonly string[];
};

/** Timers stand still while the machine sleeps, so nobody waits for one longer than this. */
const heartbeatMs = 60_000;
/** Nothing tells when another process gives a plan or a repository back. */
export const heldPauseMs = 5000;
const storePauseMaxMs = 30_000;

const skipEndings = {
  paused: { outcome: 'skipped', reason: 'it was paused' },
  missed: { outcome: 'missed', reason: 'nobody was there to run it' },
  cancelled: { outcome: 'skipped', reason: 'somebody cancelled it' },
} as const satisfies Readonly<Record<SkipReason, object>>;

export class DueLoop {
  readonly #parts: LoopParts;
  readonly #agenda: Agenda;
  readonly #works = new Map<string, Work>();
  readonly #jobs = new Map<string, Job>();
  /** Slots of plans whose run failed and is tried again, or was lost with an earlier daemon. */
  readonly #owed = new Map<string, Slots>();
  /** When slots were opened by a daemon that is gone. */
  readonly #abandoned = new Map<string, { readonly dueMs: number; readonly openedAtMs: number }>();
  readonly #settling = new Set<Promise<void>>();
  #surroundings: Surroundings = {};
  #timer: Disposable | undefined;
  #pauses: ReadonlyMap<string, number> = new Map();
  readonly #onJob = new Set<(job: Job) => void>();
  readonly #onStep = new Set<() => void>();
  #isStopping = false;

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#agenda = new Agenda(parts.limits, parts.zones);
  }

  get jobs(): ReadonlyMap<string, Job> {
    return this.#jobs;
  }

  get works(): ReadonlyMap<string, Work> {
    return this.#works;
  }

  get waiting(): readonly Pending[] {
    return this.#agenda.waiting;
  }

  limit(caps: Caps): void {
    this.#agenda.limit(caps);
    this.wake();
  }

  put(work: Work, progress: StoredProgress): void {
    const { plan } = work.entry;
    this.#works.set(plan, work);
    if (progress.abandoned !== undefined) this.#abandoned.set(plan, progress.abandoned);
    this.#agenda.put(this.#paused(work.entry), progress, this.#parts.clock.now());
    this.wake();
  }

  /** Which plans start nothing before an instant; of the others every pause is over. */
  pause(untilMs: ReadonlyMap<string, number>): void {
    const changed = [...untilMs.keys(), ...this.#pauses.keys()].filter(
      (plan) => untilMs.get(plan) !== this.#pauses.get(plan),
    );
    this.#pauses = untilMs;
    for (const plan of new Set(changed)) {
      const work = this.#works.get(plan);
      // It is known already, and what it has handled is more than nothing.
      if (work !== undefined) this.put(work, { handledMs: 0 });
    }
  }

  pausedUntilMs(plan: string): number | undefined {
    return this.#pauses.get(plan);
  }

  #paused(entry: PlanEntry): PlanEntry {
    const pausedUntilMs = this.#pauses.get(entry.plan);
    return pausedUntilMs === undefined ? entry : { ...entry, spec: { ...entry.spec, pausedUntilMs } };
  }

  /** What runs of it goes on to its end. */
  remove(plan: string): void {
    this.#works.delete(plan);
    this.#agenda.remove(plan);
    this.wake();
  }

  changed(plan: string): void {
    this.#agenda.changed(plan, this.#parts.clock.now());
    this.wake();
  }

  /** @returns false when there is no such plan */
  ask(plan: string, by: 'webhook' | 'command'): boolean {
    const isKnown = this.#agenda.ask(plan, by, this.#parts.clock.now());
    if (isKnown) this.wake();
    return isKnown;
  }

  /** @returns false when nothing of it runs */
  cancel(plan: string, reason: CancelReason = 'asked'): boolean {
    const job = this.#jobs.get(plan);
    job?.cancel(reason);
    return job !== undefined;
  }

  /** Takes back what waits to run, with its slots. @returns false when nothing of it does */
  forgo(plan: string): boolean {
    const forgone = this.#agenda.forgo(plan, this.#parts.clock.now());
    if (forgone === undefined) return false;
    const owed = this.#owed.get(plan);
    this.#owed.delete(plan);
    if (forgone.skip !== undefined) this.#keep(this.#passOver(forgone.skip));
    if (owed !== undefined) this.#keep(this.#closeOwed(plan, owed));
    this.wake();
    return true;
  }

  /** Told of each run before it begins. */
  onJob(listener: (job: Job) => void): Disposable {
    return listening(this.#onJob, listener);
  }

  /** Told after each look at what is due. */
  onStep(listener: () => void): Disposable {
    return listening(this.#onStep, listener);
  }

  surround(surroundings: Surroundings): void {
    this.#surroundings = surroundings;
    this.wake();
  }

  /** Looks what is due, once, soon: however many things happened at this moment. */
  wake(): void {
    this.#arm(0);
  }

  /** Starts nothing any more, and comes back when the last run has ended. */
  async stop({ drain }: { readonly drain: boolean }): Promise<void> {
    this.#isStopping = true;
    this.#timer?.[Symbol.dispose]();
    if (!drain) for (const job of this.#jobs.values()) job.cancel('stop');
    while (this.#settling.size > 0) await Promise.all(this.#settling);
  }

  #arm(delayMs: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#isStopping ? undefined : this.#parts.clock.after(delayMs, () => this.#step());
  }

  #step(): void {
    if (this.#isStopping) return;
    const now = this.#parts.clock.now();
    const decision = this.#agenda.decide(now, this.#surroundings);
    if (decision.clock === 'woke' || decision.clock === 'set_back') {
      this.#parts.log.warn(`clock.${decision.clock}`, {});
    }
    for (const skip of decision.skips) this.#keep(this.#passOver(skip));
    for (const start of decision.starts) this.#keep(this.#run(start, now.wallMs));
    for (const plan of decision.cancels) this.cancel(plan, 'max_runtime');
    for (const notice of decision.notices) this.#keep(this.#tell(notice));
    for (const listener of this.#onStep) listener();
    this.#arm(this.#delayOf(decision, now.wallMs));
  }

  async #tell({ plan, why }: Notice): Promise<void> {
    const { store, log } = this.#parts;
    const code = why === 'overrun' ? 'run.overrun' : `plan.${why}`;
    const runId = this.#jobs.get(plan)?.runId;
    log.warn(code, { plan, runId });
    await this.#patiently(() =>
      store.transaction((rows) =>
        recordEvent(rows, { code, plan, detail: {}, ...(runId !== undefined && { runId }) }, []),
      ),
    );
  }

  #delayOf({ nextEvalMs }: Decision, nowMs: number): number {
    return nextEvalMs === undefined ? heartbeatMs : Math.min(Math.max(nextEvalMs - nowMs, 1), heartbeatMs);
  }

  #keep(work: Promise<void>): void {
    const kept = work
      .catch((error: unknown) => this.#parts.log.error('daemon.fault', { error }))
      .finally(() => this.#settling.delete(kept));
    this.#settling.add(kept);
  }

  async #run(start: Start, nowMs: number): Promise<void> {
    const { plan } = start;
    const work = this.#works.get(plan)!;
    const slots = joined(this.#owed.get(plan), start.slots);
    const job = new Job(start, slots, nowMs);
    this.#jobs.set(plan, job);
    for (const listener of this.#onJob) listener(job);
    try {
      if (start.slots !== undefined && !(await this.#win(start.slots, work, job))) {
        this.#agenda.ended(plan, 'cancelled', this.#parts.clock.now());
        return;
      }
      const end = await this.#process(job, work);
      await this.#settle(job, end);
    } finally {
      if (this.#jobs.get(plan) === job) this.#jobs.delete(plan);
      job.end();
      this.wake();
    }
  }

  async #win({ firstDueMs, lastDueMs }: Slots, { entry }: Work, { plan }: Job): Promise<boolean> {
    const { store, zones, log } = this.#parts;
    const abandoned = this.#abandoned.get(plan);
    const coveredMs = newestBefore(entry.spec, firstDueMs, lastDueMs, zones);
    const isReopened = abandoned?.dueMs === lastDueMs;
    const claim = { plan, lastDueMs, coveredMs, ...(isReopened && { abandonedAtMs: abandoned.openedAtMs }) };
    const isWon = await this.#patiently(() => claimSlots(store, claim));
    this.#abandoned.delete(plan);
    if (!isWon) log.info('slot.taken', { plan, due: new Date(lastDueMs).toISOString() });
    return isWon ?? false;
  }

  async #process(job: Job, work: Work): Promise<ProcessEnd> {
    const { startProcess, programWords, log } = this.#parts;
    if (this.#isStopping) job.cancelReason ??= 'stop';
    if (job.cancelReason !== undefined) return { message: undefined, how: 'it did not begin', lastWords: '' };
    const { plan, cause, attempt } = job;
    const call = {
      words: [...programWords, ...work.words],
      environment: runEnvironment(job),
      priority: work.entry.priority,
    };
    for (;;) {
      job.process = startProcess(call, (message) => job.take(message));
      log.info('run.began', { plan, cause, attempt, pid: job.process.pid });
      const end = await job.process.ended;
      if (end.message?.code !== 'PLAN_RUNNING' || job.cancelReason !== undefined) return end;
      // Somebody runs it by hand, or another manager does; its turn has come and it waits.
      log.info('run.waits', { plan, reason: end.message.reason });
      await job.pause(this.#parts.clock, heldPauseMs);
    }
  }

  async #settle(job: Job, end: ProcessEnd): Promise<void> {
    const { store, machine, clock, log } = this.#parts;
    const { plan, cancelReason } = job;
    const ending = endingOf(end, cancelReason);
    const outcome = outcomeFor(ending, cancelReason);
    this.#agenda.ended(plan, outcome, clock.now());
    const isTriedAgain = outcome === 'failed' && this.waitsFor(plan);
    const slotsStayOpen = cancelReason === 'stop' || isTriedAgain;
    if (isTriedAgain && job.slots !== undefined) this.#owed.set(plan, job.slots);
    else this.#owed.delete(plan);
    const words = { plan, outcome: ending.outcome, runId: job.runId, reason: ending.reason };
    if (outcome === 'failed') log.warn('run.ended', words);
    else log.info('run.ended', words);
    await this.#patiently(() => settleRun(store, machine, job, { ending, slotsStayOpen }));
  }

  /** True when a run of it is to come without anything else happening. */
  waitsFor(plan: string): boolean {
    return this.#agenda.waiting.some(({ entry }) => entry.plan === plan);
  }

  async #passOver(skip: Skip): Promise<void> {
    const { store, zones } = this.#parts;
    const work = this.#works.get(skip.plan);
    if (work === undefined) return;
    const { firstDueMs, lastDueMs, reason } = skip;
    const dueMs = [...newestBefore(work.entry.spec, firstDueMs, lastDueMs, zones), lastDueMs];
    await this.#patiently(() => passOverSlots(store, skip.plan, dueMs, skipEndings[reason]));
  }

  async #closeOwed(plan: string, { lastDueMs }: Slots): Promise<void> {
    const ending = { outcome: 'skipped', reason: skipEndings.cancelled.reason } as const;
    await this.#patiently(() => closeSlotsUpTo(this.#parts.store, plan, lastDueMs, ending));
  }

  /** The state may be away for a while; what was decided waits for it. @returns undefined when we stop before */
  async #patiently<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { clock, log } = this.#parts;
    for (let pauseMs = 500; ; pauseMs = Math.min(pauseMs * 2, storePauseMaxMs)) {
      try {
        return await work();
      } catch (error) {
        log.error('state.unavailable', { error, tryAgainMs: pauseMs });
      }
      if (this.#isStopping && pauseMs > 4000) return undefined;
      await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  }
}

function listening<Listener>(listeners: Set<Listener>, listener: Listener): Disposable {
  listeners.add(listener);
  return { [Symbol.dispose]: () => void listeners.delete(listener) };
}

export type StoredProgress = Progress & {
  readonly abandoned?: { readonly dueMs: number; readonly openedAtMs: number };
};

function joined(owed: Slots | undefined, now: Slots | undefined): Slots | undefined {
  if (owed === undefined || now === undefined) return now ?? owed;
  return { firstDueMs: Math.min(owed.firstDueMs, now.firstDueMs), lastDueMs: now.lastDueMs };
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
