/**
 * The scheduler without clock, timers and storage: it is told what happened and when, and answers what to do now and
 * when to ask again. Whoever drives it stores the slots of a decision before starting its runs, sets one timer for
 * `nextEvalMs`, and asks at least once a minute: timers stand still while a machine sleeps.
 *
 * - Slots up to a plan's last handled one never run again, whatever the clock does.
 * - Slots that passed unseen, during a pause or while their plan ran are done by one run.
 * - A window says when runs start. One that is open when it closes is let finish: cut off night after night, the first
 *   backup of much data would never be whole.
 */
import { ClockWatch } from './clock-watch.ts';
import { byTurn, chooseStarts } from './decide.ts';
import type { Pending } from './decide.ts';
import { DueHeap } from './due-heap.ts';
import type {
  Caps,
  Cause,
  Decision,
  Limits,
  Moment,
  Notice,
  Outcome,
  PlanEntry,
  Progress,
  Skip,
  Start,
  Surroundings,
} from './plan-entry.ts';
import { PlanMemory } from './plan-memory.ts';
import { Resources } from './resources.ts';
import { Watchdog } from './watchdog.ts';
import type { Zones } from './zone.ts';

export class Agenda {
  readonly #zones: Zones;
  readonly #clock: ClockWatch;
  readonly #resources: Resources;
  readonly #watchdog = new Watchdog();
  readonly #plans = new Map<string, PlanMemory>();
  readonly #alarms = new DueHeap<PlanMemory>();
  /** Plans that start when another one succeeded. */
  readonly #followers = new Set<PlanMemory>();
  /** Plans that fail, and of which nobody was told yet. */
  readonly #silent = new Set<PlanMemory>();
  #pending: Pending[] = [];
  #notices: Notice[] = [];

  constructor(limits: Limits, zones: Zones) {
    this.#zones = zones;
    this.#clock = new ClockWatch(limits.settleMs);
    this.#resources = new Resources(limits);
  }

  /** What waits and why, in the order of turns; as of the last step. */
  get waiting(): readonly Pending[] {
    return this.#pending;
  }

  limit(caps: Caps): void {
    this.#resources.limit(caps);
  }

  /** Adds a plan, or takes over its new settings. What runs and what waits goes on. */
  put(entry: PlanEntry, progress: Progress, now: Moment): void {
    const known = this.#plans.get(entry.plan);
    const plan = new PlanMemory(entry, progress, this.#zones, known);
    known?.retire();
    this.#plans.set(entry.plan, plan);
    if (known !== undefined) this.#followers.delete(known);
    if (entry.spec.triggers.some(({ kind }) => kind === 'after')) this.#followers.add(plan);
    if (known === undefined) this.#resume(plan, now);
    else this.#takeOver(plan, known);
    this.#distrustFuture(plan, now);
    this.#arm(plan);
  }

  #takeOver(plan: PlanMemory, before: PlanMemory): void {
    const { entry } = plan;
    if (this.#silent.delete(before)) this.#silent.add(plan);
    const waiting = this.#pendingOf(before);
    plan.isPending = waiting !== undefined && (entry.spec.enabled || waiting.byHand);
    if (waiting === undefined) return;
    if (plan.isPending) this.#replace(waiting, { ...waiting, entry });
    else this.#pending = this.#pending.filter((work) => work !== waiting);
  }

  /** The process ended between two tries. */
  #resume(plan: PlanMemory, now: Moment): void {
    if (plan.failures === 0 || plan.failures > plan.entry.retries.times || !plan.entry.spec.enabled) return;
    this.#silent.add(plan);
    this.#add(plan, 'retry', now.wallMs, now.wallMs);
  }

  remove(name: string): void {
    const plan = this.#plans.get(name);
    if (plan === undefined) return;
    this.#plans.delete(name);
    plan.retire();
    this.#followers.delete(plan);
    this.#silent.delete(plan);
    this.#pending = this.#pending.filter((work) => work.entry !== plan.entry);
  }

  /** Something changed in the sources of a plan. */
  changed(name: string, now: Moment): void {
    const plan = this.#plans.get(name);
    const notBeforeMs = plan?.noticeChange(now.wallMs);
    if (plan === undefined || notBeforeMs === undefined) return;
    const waiting = this.#pendingOf(plan);
    if (waiting === undefined) this.#add(plan, 'change', now.wallMs, notBeforeMs);
    else if (waiting.cause === 'change') this.#replace(waiting, { ...waiting, notBeforeMs });
  }

  /** A trigger of an extension fired. @returns false when the plan does not listen to it */
  fired(name: string, use: string, now: Moment): boolean {
    const plan = this.#plans.get(name);
    const notBeforeMs = plan?.noticeFiring(use, now.wallMs);
    if (plan === undefined || notBeforeMs === undefined) return false;
    const cause = `trigger:${use}` as const;
    const waiting = this.#pendingOf(plan);
    if (waiting?.cause === cause) this.#replace(waiting, { ...waiting, notBeforeMs });
    else this.#add(plan, cause, now.wallMs, notBeforeMs);
    return true;
  }

  /** Somebody wants a run now. @returns false when there is no such plan */
  ask(name: string, by: 'webhook' | 'command', now: Moment): boolean {
    const plan = this.#plans.get(name);
    if (plan === undefined) return false;
    this.#add(plan, by, now.wallMs, now.wallMs, by === 'command');
    return true;
  }

  /** A slot that was given out is to be done all the same: who had it is gone. */
  owe(name: string, now: Moment): void {
    const plan = this.#plans.get(name);
    if (plan?.entry.spec.enabled === true) this.#add(plan, 'catch_up', now.wallMs, now.wallMs);
  }

  /** What waits is not done. @returns undefined when nothing waits; the slots that it stood for, if any, are passed over */
  forgo(name: string, now: Moment): { readonly skip: Skip | undefined } | undefined {
    const plan = this.#plans.get(name);
    const waiting = plan === undefined ? undefined : this.#pendingOf(plan);
    if (plan === undefined || waiting === undefined) return undefined;
    this.#pending = this.#pending.filter((work) => work !== waiting);
    const slots = plan.cover(now.wallMs);
    this.#arm(plan);
    return { skip: slots === undefined ? undefined : { plan: name, ...slots, reason: 'cancelled' } };
  }

  /** A run ended; `ask` again for a decision, since something else may start now. */
  ended(name: string, outcome: Outcome, now: Moment): void {
    const run = this.#watchdog.forget(name);
    if (run !== undefined) this.#resources.giveBack(run);
    const plan = this.#plans.get(name);
    if (plan === undefined) return;
    if (outcome === 'success') this.#succeeded(plan, now);
    else if (outcome === 'failed') this.#failed(plan, now);
  }

  decide(now: Moment, surroundings: Surroundings = {}): Decision {
    const { clock, movedMs } = this.#clock.see(now);
    if (clock === 'set_back') this.#followClockBack(movedMs, now);
    const skips: Skip[] = [];
    this.#gatherDue(now, surroundings, skips);
    this.#pending.sort(byTurn);
    const { starting, waiting, wakeMs } = chooseStarts(this.#pending, {
      nowMs: now.wallMs,
      settledAtMs: this.#clock.settledAtMs(now),
      surroundings,
      resources: this.#resources,
      zones: this.#zones,
      isRunning: (name) => this.#watchdog.isRunning(name),
    });
    this.#pending = waiting;
    const starts = starting.map((work) => this.#start(work, now));
    const { overruns, cancels, wakeMs: watchMs } = this.#watchdog.look(now);
    const objectiveMs = this.#tellBrokenObjectives(now.wallMs);
    const notices = [...this.#notices, ...overruns.map((plan) => ({ plan, why: 'overrun' as const }))];
    this.#notices = [];
    const nextMs = Math.min(this.#nextAlarmMs(), wakeMs, watchMs, objectiveMs);
    return { starts, skips, cancels, notices, clock, nextEvalMs: Number.isFinite(nextMs) ? nextMs : undefined };
  }

  /** Plans whose slot is due become pending work, or slots are passed over. */
  #gatherDue(now: Moment, surroundings: Surroundings, skips: Skip[]): void {
    for (const plan of this.#duePlans(now.wallMs)) {
      const skip = plan.passOver(now.wallMs, this.#clock.awakeMs, surroundings.pausedUntilMs ?? 0);
      if (skip !== undefined) {
        skips.push(skip);
        this.#arm(plan);
        continue;
      }
      const isLate = plan.startMs < this.#clock.awakeMs;
      const delayedMs = isLate ? this.#clock.settledAtMs(now) + plan.catchUpDelayMs : plan.startMs;
      this.#add(plan, isLate ? 'catch_up' : 'slot', plan.startMs, delayedMs);
    }
  }

  /** Also those that are due again after having been looked at. */
  *#duePlans(nowMs: number): Generator<PlanMemory, void> {
    while (this.#nextAlarmMs() <= nowMs) {
      for (const { plan, version } of this.#alarms.takeUntil(nowMs)) if (plan.version === version) yield plan;
    }
  }

  #add(plan: PlanMemory, cause: Cause, readyMs: number, notBeforeMs: number, byHand = false): void {
    const waiting = this.#pendingOf(plan);
    if (waiting === undefined) {
      plan.isPending = true;
      this.#pending.push({ entry: plan.entry, cause, byHand, readyMs, notBeforeMs });
      return;
    }
    this.#replace(waiting, {
      ...waiting,
      byHand: waiting.byHand || byHand,
      cause: byHand || waiting.cause === 'change' ? cause : waiting.cause,
      readyMs: Math.min(waiting.readyMs, readyMs),
      notBeforeMs: Math.min(waiting.notBeforeMs, notBeforeMs),
    });
  }

  #pendingOf(plan: PlanMemory): Pending | undefined {
    return plan.isPending ? this.#pending.find((work) => work.entry === plan.entry) : undefined;
  }

  #replace(old: Pending, work: Pending): void {
    this.#pending[this.#pending.indexOf(old)] = work;
  }

  #start(work: Pending, now: Moment): Start {
    const plan = this.#plans.get(work.entry.plan)!;
    const slots = plan.cover(now.wallMs);
    this.#watchdog.watch(plan.entry, now);
    this.#arm(plan);
    return { plan: plan.entry.plan, cause: work.cause, slots, full: plan.owesFull, attempt: plan.failures + 1 };
  }

  #succeeded(plan: PlanMemory, now: Moment): void {
    plan.succeeded(now.wallMs);
    this.#silent.delete(plan);
    for (const other of this.#followers) {
      if (other.follows(plan.entry.plan)) this.#add(other, 'after', now.wallMs, now.wallMs);
    }
  }

  #failed(plan: PlanMemory, now: Moment): void {
    const retryMs = plan.failed(now.wallMs);
    if (plan.failures === 1) this.#silent.add(plan);
    if (retryMs !== undefined) {
      const waiting = this.#pendingOf(plan);
      // A slot came while it ran: it is the next try, but not sooner than one.
      if (waiting === undefined) this.#add(plan, 'retry', now.wallMs, retryMs);
      else this.#replace(waiting, { ...waiting, notBeforeMs: Math.max(waiting.notBeforeMs, retryMs) });
    } else if (this.#silent.delete(plan)) this.#notices.push({ plan: plan.entry.plan, why: 'retries_exhausted' });
  }

  /** @returns when the next objective of a failing plan will be broken */
  #tellBrokenObjectives(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const plan of this.#silent) {
      const brokenMs = plan.objectiveBrokenMs(nowMs);
      if (brokenMs > nowMs) nextMs = Math.min(nextMs, brokenMs);
      else {
        this.#silent.delete(plan);
        this.#notices.push({ plan: plan.entry.plan, why: 'objective_broken' });
      }
    }
    return nextMs;
  }

  #followClockBack(movedMs: number, now: Moment): void {
    // What was to start in ten minutes does so, whatever these are called now.
    this.#pending = this.#pending.map((work) => ({
      ...work,
      readyMs: work.readyMs + movedMs,
      notBeforeMs: work.notBeforeMs + movedMs,
    }));
    for (const plan of this.#plans.values()) if (this.#distrustFuture(plan, now)) this.#arm(plan);
  }

  #distrustFuture(plan: PlanMemory, now: Moment): boolean {
    const isAhead = plan.distrustFuture(now.wallMs);
    if (isAhead) this.#notices.push({ plan: plan.entry.plan, why: 'clock_was_ahead' });
    return isAhead;
  }

  #arm(plan: PlanMemory): void {
    const alarm = plan.arm();
    if (alarm !== undefined) this.#alarms.push(alarm);
  }

  #nextAlarmMs(): number {
    for (;;) {
      const first = this.#alarms.first;
      if (first === undefined) return Number.POSITIVE_INFINITY;
      if (first.plan.version === first.version) return first.atMs;
      this.#alarms.pop();
    }
  }
}
