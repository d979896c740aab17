/** What is wrong with a copy: a state of its own, with its own promise. A failed copy is never a failed backup. */
import { isFailure } from './outcome.ts';
import type { CopyFacts, ItemFacts } from './facts.ts';
import { whyOf } from './problem.ts';
import type { Level, Problem } from './problem.ts';

/** Where nobody says how far a copy may lag behind. */
const usualLagMs = 86_400_000;

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

function lateness(
  { when, objectiveMs, waitingSinceMs, recoveryPointMs }: CopyFacts,
  nowMs: number,
): Pick<Problem, 'cause' | 'sinceMs' | 'overMs'> | undefined {
  if (waitingSinceMs === undefined || (when === 'manual' && objectiveMs === undefined)) return undefined;
  const overMs = nowMs - waitingSinceMs - (objectiveMs ?? usualLagMs);
  if (overMs <= 0) return undefined;
  const cause = recoveryPointMs === undefined ? 'copy_never' : 'copy_late';
  return { cause, sinceMs: waitingSinceMs, overMs };
}
