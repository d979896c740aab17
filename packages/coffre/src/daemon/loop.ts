/**
 * The agenda with everything that it lacks: clocks, one timer, the store and processes. A slot is won in the store before
 * its run starts, so that of several managers one runs it, and nothing that was begun is forgotten by a crash.
 */
import { Agenda } from '../schedule/agenda.ts';
import type {
  Caps,
  Cause,
  Decision,
  Limits,
  Notice,
  PlanEntry,
  Progress,
  Skip,
  Slots,
  Start,
  Surroundings,
} from '../schedule/plan-entry.ts';
import type { Pending } from '../schedule/decide.ts';
import { missingFromMs } from '../status/expectation.ts';
import { Firings, spanOf } from './firings.ts';
import { Job } from './job.ts';
import type { CancelReason } from './job.ts';
import type { Leftovers } from './leftovers.ts';
import { PatientState } from './patient-state.ts';
import type { OpenedSlot, StateParts } from './patient-state.ts';
import { endingOf, outcomeFor } from './run-end.ts';
import type { Ending } from './run-end.ts';
import type { ProcessEnd, StartRunProcess } from './run-process.ts';
import { runEnvironment } from './run-environment.ts';
import type { Work } from './work.ts';

export type LoopParts = StateParts & {
  readonly limits: Limits;
  readonly leftovers: Leftovers;
  readonly startProcess: StartRunProcess;
  /** After the words of a run: which configuration it is about. */
  readonly configWords: readonly string[];
};

/** Timers stand still while the machine sleeps, so nobody waits for one longer than this. */
const heartbeatMs = 60_000;
const dueCauses: ReadonlySet<Cause> = new Set<Cause>(['slot', 'catch_up', 'retry']);

/** Where another manager does it, it is done. */
function isDue(cause: Cause): boolean {
  return dueCauses.has(cause) || cause.startsWith('trigger:');
}

export class DueLoop {
  readonly #parts: LoopParts;
  readonly #state: PatientState;
  readonly #agenda: Agenda;
  readonly #works = new Map<string, Work>();
  readonly #jobs = new Map<string, Job>();
  /** Slots of plans whose run failed and is tried again, or was lost with an earlier daemon. */
  readonly #owed = new Map<string, Slots>();
  /** How the last try of a plan ended that is tried again. */
  readonly failures = new Map<string, Ending>();
  /** The last slot of each plan that was opened: by us for a try before, or by a daemon that is gone. */
  readonly #opened = new Map<string, OpenedSlot>();
  readonly #firings: Firings;
  readonly #settling = new Set<Promise<void>>();
  #surroundings: Surroundings = {};
  #timer: Disposable | undefined;
  #isLookNear = false;
  #pauses: ReadonlyMap<string, number> = new Map();
  readonly #onJob = new Set<(job: Job) => void>();
  readonly #onStep = new Set<() => void>();

  constructor(parts: LoopParts) {
    this.#parts = parts;
    this.#state = new PatientState(parts);
    this.#firings = new Firings(async (plan) => await this.#state.openFiring(plan));
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
    if (progress.abandoned !== undefined) this.#opened.set(plan, progress.abandoned);
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

  /** What a manager that is gone left open is done as if it had been missed. @returns false when it is known already */
  takeOver(plan: string, slots: Slots, opened: OpenedSlot): boolean {
    if (this.#jobs.has(plan) || this.waitsFor(plan) || !this.#works.has(plan)) return false;
    this.#opened.set(plan, opened);
    this.#owed.set(plan, slots);
    this.#agenda.owe(plan, this.#parts.clock.now());
    this.wake();
    return true;
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

  /** A trigger of an extension fired. @returns false when the plan does not listen to it */
  fired(plan: string, use: string): boolean {
    if (!this.#works.has(plan) || !this.#agenda.fired(plan, use, this.#parts.clock.now())) return false;
    const opening = this.#firings.note(plan);
    if (opening !== undefined) this.#keep(opening.then(() => undefined));
    this.wake();
    return true;
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
    if (owed !== undefined) this.#keep(this.#state.forgo(plan, owed));
    if (this.#firings.has(plan)) this.#keep(this.#forgoFiring(plan));
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
    this.#state.isStopping = true;
    this.#timer?.[Symbol.dispose]();
    if (!drain) for (const job of this.#jobs.values()) job.cancel('stop');
    while (this.#settling.size > 0) await Promise.all(this.#settling);
  }

  #arm(delayMs: number): void {
    // Ten thousand plans are put in before the first look.
    if (delayMs === 0 && this.#isLookNear) return;
    this.#isLookNear = delayMs === 0;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#state.isStopping ? undefined : this.#parts.clock.after(delayMs, () => this.#step());
  }

  #step(): void {
    this.#isLookNear = false;
    if (this.#state.isStopping) return;
    const now = this.#parts.clock.now();
    const decision = this.#agenda.decide(now, this.#surroundings);
    if (decision.clock === 'woke' || decision.clock === 'set_back') {
      this.#parts.log.warn(`clock.${decision.clock}`, {});
    }
    for (const skip of decision.skips) this.#keep(this.#passOver(skip));
    for (const start of decision.starts) this.#keep(this.#run(start, now.wallMs));
    for (const plan of decision.cancels) this.cancel(plan, 'max_runtime');
    for (const notice of decision.notices) this.#tell(notice);
    for (const listener of this.#onStep) listener();
    this.#arm(this.#delayOf(decision, now.wallMs));
  }

  #tell(notice: Notice): void {
    const work = this.#works.get(notice.plan);
    if (work === undefined) return;
    this.#keep(this.#state.tell(notice, work.history, this.#jobs.get(notice.plan)?.runId));
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
    const job = new Job(start, work, joined(this.#owed.get(plan), start.slots), nowMs);
    this.#jobs.set(plan, job);
    for (const listener of this.#onJob) listener(job);
    try {
      if (this.#firings.has(plan)) await this.#coverFiring(job);
      const { slots } = job;
      if (slots !== undefined && !(await this.#win(slots, work))) {
        this.#owed.delete(plan);
        job.slots = undefined;
        // Somebody does what was due; what was asked for is done all the same.
        if (isDue(start.cause)) {
          this.#agenda.ended(plan, 'cancelled', this.#parts.clock.now());
          return;
        }
      }
      const end = await this.#process(job, work);
      if (end === undefined) this.#agenda.ended(plan, 'cancelled', this.#parts.clock.now());
      else await this.#settle(job, end);
    } finally {
      if (this.#jobs.get(plan) === job) this.#jobs.delete(plan);
      job.end();
      this.wake();
    }
  }

  /** Whatever the run begins for, it stands for what fired before it. */
  async #coverFiring(job: Job): Promise<void> {
    const firing = await this.#firings.take(job.plan);
    if (firing === undefined) return;
    job.slots = spanOf(job.slots, { firstDueMs: firing.dueMs, lastDueMs: firing.dueMs });
    if (job.slots?.lastDueMs === firing.dueMs) this.#opened.set(job.plan, firing);
  }

  async #forgoFiring(plan: string): Promise<void> {
    const firing = await this.#firings.take(plan);
    if (firing === undefined) return;
    await this.#state.forgo(plan, { firstDueMs: firing.dueMs, lastDueMs: firing.dueMs });
  }

  /** For a retry too: while it waited, another manager may have taken its slot for a lost one and done it. */
  async #win(slots: Slots, work: Work): Promise<boolean> {
    const { entry } = work;
    const opened = await this.#state.win(work, slots, this.#opened.get(entry.plan));
    if (opened === undefined) this.#opened.delete(entry.plan);
    else this.#opened.set(entry.plan, opened);
    return opened !== undefined;
  }

  async #stillHas(job: Job): Promise<boolean> {
    const opened = this.#opened.get(job.plan);
    if (job.slots === undefined || opened === undefined) return true;
    if (await this.#state.stillHas(job.plan, opened)) return true;
    this.#parts.log.info('slot.taken', { plan: job.plan, due: new Date(opened.dueMs).toISOString() });
    this.#opened.delete(job.plan);
    this.#owed.delete(job.plan);
    job.slots = undefined;
    return false;
  }

  async #passOver(skip: Skip): Promise<void> {
    const work = this.#works.get(skip.plan);
    if (work !== undefined) await this.#state.passOver(work.entry, skip);
  }

  /** @returns undefined when somebody else does it meanwhile */
  async #process(job: Job, work: Work): Promise<ProcessEnd | undefined> {
    const { startProcess, configWords, leftovers, log } = this.#parts;
    if (this.#state.isStopping) job.cancelReason ??= 'stop';
    const { plan, cause, attempt } = job;
    const mark = leftovers.newMark();
    const call = {
      words: [...work.words, ...configWords],
      environment: runEnvironment(job, mark, Math.max(0, work.entry.retries.times + 1 - attempt)),
      priority: work.entry.priority,
    };
    for (;;) {
      await this.#state.untilFree(job, work.entry);
      if (job.cancelReason !== undefined) return { message: undefined, how: 'it did not begin', lastWords: '' };
      if (!(await this.#stillHas(job)) && isDue(cause)) return undefined;
      job.process = startProcess(call, (message) => job.take(message));
      log.info('run.began', { plan, cause, attempt, pid: job.process.pid });
      const end = await job.process.ended;
      if (end.message === undefined) {
        const count = await leftovers.endOf(mark);
        if (count > 0) log.warn('run.leftovers', { plan, count });
      }
      if (end.message?.code !== 'PLAN_RUNNING' || job.cancelReason !== undefined) return end;
      // Somebody was quicker in this moment.
    }
  }

  async #settle(job: Job, end: ProcessEnd): Promise<void> {
    const { clock, log } = this.#parts;
    const { plan, cancelReason } = job;
    const ending = endingOf(end, cancelReason);
    const outcome = outcomeFor(ending, cancelReason);
    this.#agenda.ended(plan, outcome, clock.now());
    const isTriedAgain = outcome === 'failed' && this.waitsFor(plan);
    const slotsStayOpen = cancelReason === 'stop' || isTriedAgain;
    if (isTriedAgain && job.slots !== undefined) this.#owed.set(plan, job.slots);
    else this.#owed.delete(plan);
    if (isTriedAgain) this.failures.set(plan, ending);
    else this.failures.delete(plan);
    const words = { plan, outcome: ending.outcome, runId: job.runId, reason: ending.reason, code: ending.code };
    if (outcome === 'failed') log.warn('run.ended', words);
    else log.info('run.ended', words);
    const isLate = this.#isLate(job);
    await this.#state.settle(job, { ending, slotsStayOpen, isFailure: outcome === 'failed', isTriedAgain, isLate });
    if (outcome === 'success' && job.history.kind === 'backup') this.#learn(plan, await this.#state.usualMs(plan));
  }

  #isLate({ plan, slots, startedAtMs }: Job): boolean {
    const work = this.#works.get(plan);
    if (work === undefined || slots === undefined) return false;
    const { spec } = work.entry;
    return startedAtMs > missingFromMs(spec, slots.lastDueMs, { plan, usualMs: undefined }, this.#parts.zones);
  }

  /** For the word about runs that take three times as long. */
  #learn(plan: string, usualMs: number | undefined): void {
    const work = this.#works.get(plan);
    if (work === undefined || usualMs === undefined || usualMs === work.entry.usualMs) return;
    this.put({ ...work, entry: { ...work.entry, usualMs } }, { handledMs: 0 });
  }

  /** True when a run of it is to come without anything else happening. */
  waitsFor(plan: string): boolean {
    return this.#agenda.waiting.some(({ entry }) => entry.plan === plan);
  }
}

function listening<Listener>(listeners: Set<Listener>, listener: Listener): Disposable {
  listeners.add(listener);
  return { [Symbol.dispose]: () => void listeners.delete(listener) };
}

export type StoredProgress = Progress & {
  readonly abandoned?: OpenedSlot;
};

function joined(owed: Slots | undefined, now: Slots | undefined): Slots | undefined {
  if (owed === undefined || now === undefined) return now ?? owed;
  return { firstDueMs: Math.min(owed.firstDueMs, now.firstDueMs), lastDueMs: now.lastDueMs };
}
