const leastMs = 5 * 60_000;

/**
 * How much older than promised the newest backup may get while the next one is made: a plan that runs every hour and
 * promises an hour is over it for as long as each run takes. Never more than a quarter of the promise.
 */
export function objectiveAllowanceMs(objectiveMs: number, usualMs: number | undefined): number {
  return Math.min(Math.max(leastMs, 1.5 * (usualMs ?? 0)), objectiveMs / 4);
}
