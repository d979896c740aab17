/** A machine with clocks that can be bent, on which an agenda is driven as the daemon drives it. */
import { Agenda } from '../agenda.ts';
import type {
  Decision,
  Limits,
  Notice,
  Outcome,
  PlanEntry,
  Progress,
  Skip,
  Start,
  Surroundings,
} from '../plan-entry.ts';
import type { Zones } from '../zone.ts';

const defaultLimits: Limits = { runsMax: 100, runsPerHostMax: 100, settleMs: 60_000 };

export type Ran = Start & { readonly atMs: number };

export class FakeMachine {
  wallMs: number;
  #monotonicMs = 5_000_000;
  readonly limits: Limits;
  readonly #zones: Zones;
  agenda: Agenda;
  surroundings: Surroundings = {};
  /** How long a run of a plan takes, and how it ends. */
  readonly runs = new Map<string, { takesMs: number; outcome: Outcome }>();
  readonly started: Ran[] = [];
  readonly skipped: Skip[] = [];
  readonly cancelled: string[] = [];
  readonly told: Notice[] = [];
  steps = 0;
  /** What is stored: it outlives a restart. */
  readonly #stored = new Map<string, { entry: PlanEntry; progress: Progress }>();
  #ends: { plan: string; atMonotonicMs: number; outcome: Outcome }[] = [];
  #decision: Decision | undefined;

  constructor(startMs: number, zones: Zones, limits: Partial<Limits> = {}) {
    this.wallMs = startMs;
    this.#zones = zones;
    this.limits = { ...defaultLimits, ...limits };
    this.agenda = new Agenda(this.limits, zones);
  }

  get now(): { wallMs: number; monotonicMs: number } {
    return { wallMs: this.wallMs, monotonicMs: this.#monotonicMs };
  }

  get decision(): Decision | undefined {
    return this.#decision;
  }

  add(entry: PlanEntry, progress: Partial<Progress> = {}): void {
    const full = { handledMs: this.wallMs, ...progress };
    this.#stored.set(entry.plan, { entry, progress: full });
    this.agenda.put(entry, full, this.now);
  }

  step(): Decision {
    this.steps += 1;
    const decision = this.agenda.decide(this.now, this.surroundings);
    this.#decision = decision;
    for (const start of decision.starts) {
      this.started.push({ ...start, atMs: this.wallMs });
      if (start.slots !== undefined) this.#store(start.plan, { handledMs: start.slots.lastDueMs });
      const { takesMs, outcome } = this.runs.get(start.plan) ?? { takesMs: 1000, outcome: 'success' };
      this.#ends.push({ plan: start.plan, atMonotonicMs: this.#monotonicMs + takesMs, outcome });
    }
    for (const skip of decision.skips) {
      this.skipped.push(skip);
      this.#store(skip.plan, { handledMs: skip.lastDueMs });
    }
    for (const plan of decision.cancels) {
      this.cancelled.push(plan);
      this.#ends = this.#ends.map((end) =>
        end.plan === plan ? { ...end, atMonotonicMs: this.#monotonicMs + 1000, outcome: 'failed' } : end,
      );
    }
    this.told.push(...decision.notices);
    return decision;
  }

  /** Time goes by, awake: every timer and every end of a run is a step. */
  passUntil(untilMs: number): void {
    this.step();
    for (;;) {
      const endMs = this.#nextEndMs();
      const nextMs = Math.min(this.#decision?.nextEvalMs ?? Number.POSITIVE_INFINITY, endMs);
      if (nextMs > untilMs) break;
      this.#pass(Math.max(0, nextMs - this.wallMs));
      if (endMs <= nextMs) this.#endRuns();
      this.step();
    }
    this.#pass(untilMs - this.wallMs);
  }

  pass(durationMs: number): void {
    this.passUntil(this.wallMs + durationMs);
  }

  /** Runs stand still with the machine; the step after waking comes late, as a timer would. */
  sleep(durationMs: number): void {
    this.wallMs += durationMs;
  }

  setClock(wallMs: number): void {
    this.wallMs = wallMs;
  }

  /** The process is gone, with its runs; `downMs` later another one begins with what was stored. */
  restart(downMs: number): void {
    const lost = this.#ends.map(({ plan }) => plan);
    this.#ends = [];
    this.wallMs += downMs;
    this.#monotonicMs += downMs;
    this.agenda = new Agenda(this.limits, this.#zones);
    for (const { entry, progress } of this.#stored.values()) this.agenda.put(entry, progress, this.now);
    for (const plan of lost) this.agenda.ended(plan, 'failed', this.now);
  }

  #store(plan: string, progress: Partial<Progress>): void {
    const stored = this.#stored.get(plan)!;
    this.#stored.set(plan, { ...stored, progress: { ...stored.progress, ...progress } });
  }

  #pass(durationMs: number): void {
    this.wallMs += durationMs;
    this.#monotonicMs += durationMs;
  }

  #nextEndMs(): number {
    const nextMs = Math.min(...this.#ends.map(({ atMonotonicMs }) => atMonotonicMs), Number.POSITIVE_INFINITY);
    return this.wallMs + nextMs - this.#monotonicMs;
  }

  #endRuns(): void {
    const over = this.#ends.filter(({ atMonotonicMs }) => atMonotonicMs <= this.#monotonicMs);
    this.#ends = this.#ends.filter(({ atMonotonicMs }) => atMonotonicMs > this.#monotonicMs);
    for (const { plan, outcome } of over) {
      this.agenda.ended(plan, outcome, this.now);
      if (outcome === 'success') this.#store(plan, { lastGoodMs: this.wallMs });
    }
  }
}

/** A plan of which only the interesting part is said. */
export function entryOf(plan: string, rest: Pick<PlanEntry, 'spec'> & Partial<PlanEntry>): PlanEntry {
  return {
    plan,
    host: 'here',
    leases: [{ repository: 'local', mode: 'shared' }],
    priority: 'normal',
    retries: { times: 0, waitMs: 300_000 },
    ...rest,
  };
}
