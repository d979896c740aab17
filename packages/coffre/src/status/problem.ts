/** What can be wrong, in words that scripts may rely on; MONITORING's where it has one. */
import { failureCause, type FailureCause } from '../store/failure-cause.ts';
import type { EndedRun } from './facts.ts';

/** From best to worst. */
export const levels = ['ok', 'unknown', 'warning', 'critical'] as const;
export type Level = (typeof levels)[number];

export const causes = [
  // backups
  'never_ran',
  'failed',
  'lost',
  'missing',
  'late',
  'overrun',
  'objective_broken',
  'objective_at_risk',
  'incomplete',
  'hash_mismatch',
  'paused',
  'disabled',
  'no_agent',
  'unprotected',
  'retention_suspended',
  'retention_failed',
  // copies
  'copy_never',
  'copy_late',
  'copy_failed',
  // 3-2-1
  'no_offsite',
  'few_copies',
  'one_medium',
  // repositories
  'damaged',
  'unreachable',
  'not_listed',
  'check_late',
  'not_verified',
  'capacity',
  // extensions
  'trigger_failed',
  'notices_waiting',
  'notices_given_up',
] as const;
export type Cause = (typeof causes)[number];

export type Problem = {
  readonly cause: Cause;
  readonly level: Level;
  readonly repository?: string;
  /** Since when it has been so. */
  readonly sinceMs?: number;
  /** By how much, for how long, or how long still. */
  readonly overMs?: number;
  readonly count?: number;
  readonly percent?: number;
  /** In the words of whoever found it: the sentence of a failed run, the reason of a pause. */
  readonly detail?: string;
  /** What kind of thing a run failed of, and the code of its error. */
  readonly failure?: { readonly cause: FailureCause; readonly code: string };
};

/** What a run that ended says of itself. */
export function whyOf({ outcome, reason, code }: EndedRun): Pick<Problem, 'detail' | 'failure'> {
  const cause = failureCause(outcome, code);
  const failure = cause === undefined || code === undefined ? {} : { failure: { cause, code } };
  return { ...(reason !== undefined && { detail: reason }), ...failure };
}

export function worse(one: Level, other: Level): Level {
  return levels.indexOf(one) >= levels.indexOf(other) ? one : other;
}

export function worstOf(problems: readonly { readonly level: Level }[]): Level {
  return problems.reduce<Level>((worst, { level }) => worse(worst, level), 'ok');
}

/** Worst first; what has been so for longer comes first. */
export function byWorst(one: Problem, other: Problem): number {
  return (
    levels.indexOf(other.level) - levels.indexOf(one.level) ||
    (one.sinceMs ?? Number.POSITIVE_INFINITY) - (other.sinceMs ?? Number.POSITIVE_INFINITY) ||
    causes.indexOf(one.cause) - causes.indexOf(other.cause)
  );
}
