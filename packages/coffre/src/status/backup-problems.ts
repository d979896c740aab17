/** What is wrong with the backups of one source, apart from its copies. */
import { isFailure } from './outcome.ts';
import type { EndedRun, ItemFacts } from './facts.ts';
import { objectiveAllowanceMs } from './objective.ts';
import { whyOf } from './problem.ts';
import type { Level, Problem } from './problem.ts';
import { isPrecious } from './three-two-one.ts';

/** A run that takes so many times the usual is spoken of. */
const overrunFactor = 3;

export function backupProblems(facts: ItemFacts, nowMs: number): Problem[] {
  // Nobody reports from there, so nothing that is or is not known here means anything.
  if (facts.foreignHost !== undefined) return [];
  const failed = failedAttempt(facts, nowMs);
  const problems = [...failed, ...overrun(facts, nowMs), ...objective(facts, nowMs), ...atRisk(facts, nowMs)];
  const { lastGood } = facts.backup;
  if (lastGood === undefined) problems.push(neverRan(facts, nowMs));
  else if (lastGood.outcome === 'warning') {
    problems.push({ cause: 'incomplete', level: 'warning', sinceMs: lastGood.endedMs, ...whyOf(lastGood) });
  }
  if (failed.length === 0) problems.push(...lateness(facts, nowMs));
  return problems;
}

/** While nothing is expected to run, only a warning is left of what time alone would make worse. */
function isIdleOnPurpose({ isEnabled, pause }: ItemFacts): boolean {
  return !isEnabled || pause !== undefined;
}

function isAtWork({ run }: ItemFacts): boolean {
  return run.open !== undefined && run.open.isAlive !== false;
}

/** The newest attempt at this source: its own row, or that of a run that never came to it. */
function newestAttempt({ backup, run }: ItemFacts): EndedRun | undefined {
  const { newest: own } = backup;
  const { newest: whole } = run;
  if (whole === undefined || own === undefined) return own ?? (whole && isFailure(whole.outcome) ? whole : undefined);
  return isFailure(whole.outcome) && own.startedMs < whole.startedMs ? whole : own;
}

function failedAttempt(facts: ItemFacts, nowMs: number): Problem[] {
  const { run } = facts;
  if (run.open?.isAlive === false) {
    return [{ cause: 'lost', level: 'critical', sinceMs: run.open.startedMs }];
  }
  const newest = newestAttempt(facts);
  if (newest === undefined || !isFailure(newest.outcome)) return [];
  const isTriedAgain = run.openSlots > 0 && run.failures <= facts.retriesMax && !isObjectiveBroken(facts, nowMs);
  const level: Level = isTriedAgain ? 'warning' : 'critical';
  const why = whyOf(newest);
  // Another try cures what did not arrive, never what is stored wrong.
  const isMismatch = why.failure?.cause === 'hash_mismatch';
  return [
    {
      cause: newest.outcome === 'lost' ? 'lost' : isMismatch ? 'hash_mismatch' : 'failed',
      level: isMismatch ? 'critical' : level,
      sinceMs: newest.startedMs,
      ...(run.failures > 1 && { count: run.failures }),
      ...why,
    },
  ];
}

function overrun({ run }: ItemFacts, nowMs: number): Problem[] {
  const { open, usualMs } = run;
  if (open === undefined || open.isAlive === false || usualMs === undefined) return [];
  const tookMs = nowMs - open.startedMs;
  if (tookMs <= Math.max(overrunFactor * usualMs, 60_000)) return [];
  return [{ cause: 'overrun', level: 'warning', sinceMs: open.startedMs, overMs: tookMs }];
}

function isObjectiveBroken({ backup, rpoMs, run }: ItemFacts, nowMs: number): boolean {
  if (rpoMs === undefined || backup.lastGood === undefined) return false;
  return nowMs - backup.lastGood.startedMs > rpoMs + objectiveAllowanceMs(rpoMs, run.usualMs);
}

function objective(facts: ItemFacts, nowMs: number): Problem[] {
  const { backup, rpoMs } = facts;
  if (backup.lastGood === undefined || rpoMs === undefined || !isObjectiveBroken(facts, nowMs)) return [];
  const brokenMs = backup.lastGood.startedMs + rpoMs;
  const level: Level = isIdleOnPurpose(facts) ? 'warning' : 'critical';
  return [{ cause: 'objective_broken', level, sinceMs: brokenMs, overMs: nowMs - brokenMs }];
}

/** A slot was not answered, nobody is about to make up for it, and the next run will be done too late. */
function atRisk(facts: ItemFacts, nowMs: number): Problem[] {
  const { backup, rpoMs, run, expectation } = facts;
  const { open } = expectation;
  if (rpoMs === undefined || backup.lastGood === undefined || open === undefined) return [];
  if (isIdleOnPurpose(facts) || isAtWork(facts)) return [];
  const isExpected = run.failures > 0 ? run.openSlots > 0 && run.failures <= facts.retriesMax : nowMs < open.hardMs;
  const breaksMs = backup.lastGood.startedMs + rpoMs + objectiveAllowanceMs(rpoMs, run.usualMs);
  if (isExpected || nowMs > breaksMs) return [];
  const doneMs = Math.max(open.nextStartMs ?? Number.POSITIVE_INFINITY, nowMs) + (run.usualMs ?? 0);
  if (doneMs <= breaksMs) return [];
  return [{ cause: 'objective_at_risk', level: 'warning', sinceMs: open.dueMs, overMs: breaksMs - nowMs }];
}

/** What must not be lost has no time to be new; anything else is new until a slot passed that nobody answered. */
function neverRan(facts: ItemFacts, nowMs: number): Problem {
  const { open } = facts.expectation;
  const isMissing = open !== undefined && open.hardMs <= nowMs;
  const isUrgent = isMissing || isPrecious(facts.criticality);
  const level: Level = isUrgent && !isIdleOnPurpose(facts) ? 'critical' : 'warning';
  return { cause: 'never_ran', level, ...(open !== undefined && { sinceMs: open.dueMs }) };
}

function lateness(facts: ItemFacts, nowMs: number): Problem[] {
  if (facts.backup.lastGood === undefined || isIdleOnPurpose(facts)) return [];
  const { run, expectation } = facts;
  const { open } = expectation;
  const isAtWork =
    run.open !== undefined && open !== undefined && run.open.startedMs >= facts.backup.lastGood.startedMs;
  if (open !== undefined && nowMs >= open.hardMs) {
    if (isAtWork) return [{ cause: 'late', level: 'warning', sinceMs: open.dueMs, overMs: nowMs - open.dueMs }];
    return [{ cause: 'missing', level: 'critical', sinceMs: open.dueMs, overMs: nowMs - open.dueMs }];
  }
  const slot = run.newestSlot;
  const isMissed =
    slot !== undefined && (slot.outcome === 'missed' || (slot.outcome === 'open' && slot.missingMs !== undefined));
  if (isMissed && slot.dueMs > facts.backup.lastGood.startedMs) {
    return [{ cause: 'missing', level: 'critical', sinceMs: slot.dueMs, overMs: nowMs - slot.dueMs }];
  }
  if (open !== undefined && nowMs >= open.softMs) {
    return [{ cause: 'late', level: 'warning', sinceMs: open.dueMs, overMs: nowMs - open.dueMs }];
  }
  return [];
}
