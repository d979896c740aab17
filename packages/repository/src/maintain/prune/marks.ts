/** Packs that were marked for deletion: which may go now, which wait, which are in use again. Decisions only. */
import type { Mark } from './prune-index.ts';

export type MarkVerdict =
  /** Nothing names it as in use, and the grace period is over. */
  | 'expired'
  | 'waiting'
  /** It is in use (again), or gone from the storage: the mark says nothing any more. */
  | 'void';

export type MarkFacts = {
  readonly nowMs: number;
  readonly graceMs: number;
  readonly isInUse: boolean;
  readonly isStored: boolean;
};

/** A mark without a time, or from the future, counts from now on: the clock of another machine must not shorten the wait. */
export function markedSince({ markedMs }: Pick<Mark, 'markedMs'>, nowMs: number): number {
  return markedMs === undefined ? nowMs : Math.min(markedMs, nowMs);
}

/** It must be written anew to have a time to count from. */
export function isUndated({ markedMs }: Pick<Mark, 'markedMs'>, nowMs: number): boolean {
  return markedMs === undefined || markedMs > nowMs;
}

export function judgeMark(mark: Pick<Mark, 'markedMs'>, facts: MarkFacts): MarkVerdict {
  if (facts.isInUse || !facts.isStored) return 'void';
  return facts.nowMs - markedSince(mark, facts.nowMs) >= facts.graceMs ? 'expired' : 'waiting';
}

/** As rustic: a prune a day frees what the one of the day before marked. */
export const graceMsDefault: number = 23 * 60 * 60_000;

/** One for each pack, the newest: two are left when a prune was killed while it marked a pack again. */
export function newestMarks(marks: Iterable<Mark>, nowMs: number): Map<number, Mark> {
  const newest = new Map<number, Mark>();
  for (const mark of marks) {
    const known = newest.get(mark.packNumber);
    if (known === undefined || markedSince(mark, nowMs) > markedSince(known, nowMs)) newest.set(mark.packNumber, mark);
  }
  return newest;
}
