/** What the agenda is told about plans, and what it answers. Plain values; instants are milliseconds UTC. */
import type { ScheduleSpec } from './schedule-spec.ts';

/** Both clocks at once: the wall clock can be set, the monotonic one stands still while the machine sleeps. */
export type Moment = { readonly wallMs: number; readonly monotonicMs: number };

export type Priority = 'low' | 'normal' | 'high';

/** Backups share a repository; a prune or a repair wants it alone. */
export type Lease = { readonly repository: string; readonly mode: 'shared' | 'exclusive' };

export type PlanEntry = {
  readonly plan: string;
  readonly spec: ScheduleSpec;
  /** The machine that does the work, for its cap. */
  readonly host: string;
  readonly leases: readonly Lease[];
  readonly priority: Priority;
  /** A run that takes longer is cancelled. */
  readonly maxRuntimeMs?: number;
  /** The 95th percentile of its recent runs; one that takes three times as long is spoken of. */
  readonly usualMs?: number;
  readonly retries: { readonly times: number; readonly waitMs: number };
  /** How old the newest good backup may get. A failure is told when it is broken, and not before retries are used up. */
  readonly objectiveMs?: number;
};

/** What outlives the process. */
export type Progress = {
  /**
   * When the last slot was due that was started or skipped; slots up to here never come again. For a new plan, or one
   * whose schedule was edited, the instant of that, so that nothing is due in hindsight.
   */
  readonly handledMs: number;
  /** Failures since the last success. */
  readonly failures?: number;
  readonly lastGoodMs?: number;
};

/** How much may run at the same time. */
export type Caps = { readonly runsMax: number; readonly runsPerHostMax: number };

export type Limits = Caps & {
  /** After the start, and after the machine woke or its clock was set: time for network and disks to come back. */
  readonly settleMs: number;
};

/** Asked from outside at each step. */
export type Surroundings = {
  /** Everything is paused. */
  readonly pausedUntilMs?: number;
  /** Leases of runs that the agenda did not start: a backup by hand in the foreground, another manager. */
  readonly heldElsewhere?: readonly Lease[];
};

export type Cause =
  | 'slot'
  | 'catch_up'
  | 'change'
  | 'after'
  | 'webhook'
  | 'command'
  | 'retry'
  /** By its name in its extension. */
  | `trigger:${string}`;

/** The slots from the first to the last, all of them. */
export type Slots = { readonly firstDueMs: number; readonly lastDueMs: number };

export type Start = {
  readonly plan: string;
  readonly cause: Cause;
  /** Slots that this run stands for: one, or all that came due since. Undefined for a run between slots. */
  readonly slots: Slots | undefined;
  readonly full: boolean;
  /** 1, or more when earlier tries failed. */
  readonly attempt: number;
};

export type SkipReason = 'missed' | 'paused' | 'cancelled';
/** Slots that will not run, from the first to the last. */
export type Skip = {
  readonly plan: string;
  readonly firstDueMs: number;
  readonly lastDueMs: number;
  readonly reason: SkipReason;
};

/** Why work that could start does not. */
export type WaitReason =
  | 'running'
  | 'paused'
  | 'settling'
  | 'delay'
  | 'window'
  | 'runs_max'
  | 'host_max'
  | 'repository';

export type Notice = {
  readonly plan: string;
  /** `clock_was_ahead`: its last slot lies in the future, so the clock was wrong once; it goes on from now. */
  readonly why: 'retries_exhausted' | 'objective_broken' | 'clock_was_ahead' | 'overrun';
};

export type Decision = {
  readonly starts: readonly Start[];
  readonly skips: readonly Skip[];
  /** Runs that took longer than `maxRuntimeMs`. */
  readonly cancels: readonly string[];
  readonly notices: readonly Notice[];
  /** What the clocks did since the last step. */
  readonly clock: 'steady' | 'started' | 'woke' | 'set_back';
  /** Nothing changes by itself before this instant; absent when only an event can change anything. */
  readonly nextEvalMs: number | undefined;
};

export type Outcome = 'success' | 'failed' | 'cancelled';
