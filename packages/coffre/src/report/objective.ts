/** How an objective was kept over a period: the age of the newest backup at every moment of it. */
import type { GoodRow } from '../store/report-rows.ts';

export type ObjectiveKept = {
  readonly isMet: boolean;
  /** Share of the period in which the newest backup was young enough, 0 to 1. */
  readonly keptShare: number;
  /** Undefined while there was none at all. */
  readonly worstAgeMs: number | undefined;
};

/**
 * A backup counts from when it was ready, and is as old as when it began.
 * @param backups in order; the first may be from before the period
 * @param createdMs from when on the first one was waited for; without it there had to be one already
 */
export function objectiveKept(
  backups: readonly GoodRow[],
  objectiveMs: number,
  {
    fromMs,
    toMs,
    createdMs,
  }: { readonly fromMs: number; readonly toMs: number; readonly createdMs?: number | undefined },
): ObjectiveKept {
  let brokenMs = 0;
  let worstAgeMs: number | undefined;
  // The newest backup began then, as far as anybody could know from `atMs` on.
  let newestMs: number | undefined;
  let atMs = fromMs;
  const pass = (untilMs: number): void => {
    const endMs = Math.min(Math.max(untilMs, atMs), toMs);
    const ageFromMs = newestMs ?? createdMs;
    const brokenFromMs = ageFromMs === undefined ? atMs : Math.max(atMs, ageFromMs + objectiveMs);
    brokenMs += Math.max(0, endMs - brokenFromMs);
    if (newestMs !== undefined && endMs > atMs) worstAgeMs = Math.max(worstAgeMs ?? 0, endMs - newestMs);
    atMs = endMs;
  };
  for (const { startedMs, endedMs } of [...backups].sort((one, other) => one.endedMs - other.endedMs)) {
    pass(endedMs);
    newestMs = Math.max(newestMs ?? startedMs, startedMs);
  }
  pass(toMs);
  const wholeMs = Math.max(1, toMs - fromMs);
  return { isMet: brokenMs === 0, keptShare: 1 - brokenMs / wholeMs, worstAgeMs };
}
