/** What time alone shows of a plan, all its sources together: what `alerts` may tell of without any run. Pure. */
import { backupProblems } from './backup-problems.ts';
import { copyLateFromMs, copyProblems } from './copy-problems.ts';
import type { CopyFacts, ItemFacts } from './facts.ts';
import { objectiveAllowanceMs } from './objective.ts';
import type { Cause, Problem } from './problem.ts';

const overdueCauses = ['missing', 'never_ran', 'objective_at_risk', 'objective_broken'] as const;
export type OverdueCause = (typeof overdueCauses)[number];

/** `unsure`: a run is at work, or a failed one has not said its last word. */
type Standing<C> =
  | { readonly kind: 'overdue'; readonly causes: readonly C[]; readonly reason: string }
  | { readonly kind: 'well' }
  | { readonly kind: 'unsure' };
export type PlanStanding = Standing<OverdueCause>;
export type CopyStanding = Standing<'copy_late'>;

/** @param items the sources of one plan */
export function planStanding(items: readonly ItemFacts[], nowMs: number): PlanStanding {
  const found = items.flatMap((item) => overdueOf(item, nowMs).map((cause) => ({ item, cause })));
  const [first] = found;
  if (first !== undefined) {
    const causes = overdueCauses.filter((cause) => found.some((one) => one.cause === cause));
    return { kind: 'overdue', causes, reason: reasonOf(first.item) };
  }
  return { kind: items.every((item) => isWell(item, nowMs)) ? 'well' : 'unsure' };
}

/**
 * The copies of one plan, by the repository they go to. A plan that is paused is told of as any other: what was saved
 * and is in one place only is not what somebody wanted by pausing it.
 */
export function copyStandings(items: readonly ItemFacts[], nowMs: number): ReadonlyMap<string, CopyStanding> {
  const places = new Set(items.flatMap(({ copies }) => copies.map(({ repository }) => repository)));
  return new Map([...places].map((repository) => [repository, copyStanding(repository, items, nowMs)]));
}

function copyStanding(repository: string, items: readonly ItemFacts[], nowMs: number): CopyStanding {
  for (const item of items) {
    const copy = item.copies.find((one) => one.repository === repository);
    const isLate =
      copy !== undefined &&
      item.isEnabled &&
      copyProblems(copy, item, nowMs).some(({ overMs }) => overMs !== undefined);
    if (!isLate) continue;
    if (item.run.open !== undefined && item.run.open.isAlive !== false) return { kind: 'unsure' };
    const { recoveryPointMs, waitingSinceMs } = copy;
    const last = recoveryPointMs === undefined ? 'never copied' : `last copied as of ${textOf(recoveryPointMs)}`;
    const waits = waitingSinceMs === undefined ? '' : `, a backup waits since ${textOf(waitingSinceMs)}`;
    return { kind: 'overdue', causes: ['copy_late'], reason: `${item.source}: ${last}${waits}` };
  }
  return { kind: 'well' };
}

/** When it may stand otherwise without any run; undefined when time alone changes nothing. */
export function nextTurnMs(items: readonly ItemFacts[], nowMs: number): number | undefined {
  const turns = items.flatMap(({ expectation, backup: { lastGood }, copies, rpoMs, run: { usualMs } }) => [
    expectation.deadlineMs,
    ...copies.map((copy) => lateFrom(copy)),
    rpoMs === undefined || lastGood === undefined
      ? undefined
      : lastGood.startedMs + rpoMs + objectiveAllowanceMs(rpoMs, usualMs) + 1,
  ]);
  const coming = turns.filter((atMs) => atMs !== undefined && atMs > nowMs) as number[];
  return coming.length === 0 ? undefined : Math.min(...coming);
}

function lateFrom(copy: CopyFacts): number | undefined {
  const fromMs = copyLateFromMs(copy);
  return fromMs === undefined ? undefined : fromMs + 1;
}

function overdueOf(item: ItemFacts, nowMs: number): OverdueCause[] {
  return backupProblems(item, nowMs).flatMap((problem): OverdueCause[] => {
    const { cause, level } = problem;
    if (cause === 'objective_at_risk') return [cause];
    if (level !== 'critical') return [];
    // What must not be lost is critical from the first day on; it is missing when its first slot has passed.
    if (cause === 'never_ran') return isMissed(item, nowMs) ? ['missing', cause] : [];
    return cause === 'missing' || cause === 'objective_broken' ? [cause] : [];
  });
}

/** One that was tried and failed is told of as that. */
function isMissed({ expectation: { open }, run }: ItemFacts, nowMs: number): boolean {
  return open !== undefined && open.hardMs <= nowMs && run.failures === 0 && run.open === undefined;
}

const openCauses: ReadonlySet<Cause> = new Set<Cause>(['failed', 'lost', 'hash_mismatch', 'late', 'overrun']);

function isWell(item: ItemFacts, nowMs: number): boolean {
  const isOpen = ({ cause }: Problem): boolean => openCauses.has(cause);
  return !backupProblems(item, nowMs).some(isOpen) && item.run.open === undefined;
}

function reasonOf({ source, backup, expectation: { open }, run: { newestSlot } }: ItemFacts): string {
  const last =
    backup.lastGood === undefined ? 'never backed up' : `last backed up ${textOf(backup.lastGood.startedMs)}`;
  const dueMs = open?.dueMs ?? newestSlot?.dueMs;
  return `${source}: ${last}${dueMs === undefined ? '' : `, due ${textOf(dueMs)}`}`;
}

/** To the second, which is all that people want to know. */
function textOf(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}
