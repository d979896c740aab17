/** What is wrong with a copy: a state of its own, with its own promise. A failed copy is never a failed backup. */
import { isFailure } from './outcome.ts';
import type { CopyFacts, ItemFacts } from './facts.ts';
import { whyOf } from './problem.ts';
import type { Level, Problem } from './problem.ts';

const hourMs = 3_600_000;
/** Where nobody says how far a copy may lag behind: a day, and what is copied once a week has a night for it. */
const usualLagMs = 24 * hourMs;
const usualTakesMs = 6 * hourMs;

export function copyProblems(copy: CopyFacts, facts: ItemFacts, nowMs: number): Problem[] {
  if (facts.foreignHost !== undefined || facts.backup.lastGood === undefined) return [];
  const { repository, newest, waitingSinceMs } = copy;
  const problems: Problem[] = [];
  const late = lateness(copy, nowMs);
  const isIdle = !facts.isEnabled || facts.pause !== undefined;
  if (newest !== undefined && isFailure(newest.outcome)) {
    problems.push({ cause: 'copy_failed', level: 'warning', repository, sinceMs: newest.startedMs, ...whyOf(newest) });
  }
  const level: Level = isIdle || copy.when === 'manual' ? 'warning' : 'critical';
  if (late !== undefined) problems.push({ ...late, level, repository });
  else if (copy.recoveryPointMs === undefined) {
    const since = waitingSinceMs === undefined ? {} : { sinceMs: waitingSinceMs };
    problems.push({ cause: 'copy_never', level: 'warning', repository, ...since });
  }
  return problems;
}

/** When what waits has waited for too long; undefined when nothing waits, or nobody expects it. */
export function copyLateFromMs({ when, objectiveMs, waitingSinceMs, dueMs }: CopyFacts): number | undefined {
  if (waitingSinceMs === undefined) return undefined;
  if (objectiveMs !== undefined) return waitingSinceMs + objectiveMs;
  if (when === 'manual') return undefined;
  return Math.max(waitingSinceMs + usualLagMs, dueMs === undefined ? 0 : dueMs + usualTakesMs);
}

function lateness(copy: CopyFacts, nowMs: number): Pick<Problem, 'cause' | 'sinceMs' | 'overMs'> | undefined {
  const fromMs = copyLateFromMs(copy);
  if (fromMs === undefined || nowMs <= fromMs) return undefined;
  const cause = copy.recoveryPointMs === undefined ? 'copy_never' : 'copy_late';
  return { cause, sinceMs: copy.waitingSinceMs!, overMs: nowMs - fromMs };
}
