/** Which of the work that is pending starts now, and what the rest waits for. */
import type { Cause, PlanEntry, Priority, Surroundings, WaitReason } from './plan-entry.ts';
import type { Resources } from './resources.ts';
import { openingAt } from './window.ts';
import type { Zones } from './zone.ts';

/** Work that wants to start. A plan has one at most: whatever else comes up is done by the same run. */
export type Pending = {
  readonly entry: PlanEntry;
  readonly cause: Cause;
  /** Somebody asked for it now: windows, pauses and settling are not for him. */
  readonly byHand: boolean;
  /** Since when it wants to. */
  readonly readyMs: number;
  /** A delay, of a retry or because changes are still going on. */
  readonly notBeforeMs: number;
  readonly waitsFor?: WaitReason;
};

/**
 * Low work goes behind normal and high work, but only behind what came up to so much later: whoever has waited that long
 * is older than everything new, so nobody starves.
 */
const patienceMs: Readonly<Record<Priority, number>> = { high: 0, normal: 1_800_000, low: 7_200_000 };

/** The order in which work gets its turn; it does not change while work waits. */
export function byTurn(a: Pending, b: Pending): number {
  return turnOf(a) - turnOf(b) || (a.entry.plan < b.entry.plan ? -1 : 1);
}

function turnOf({ readyMs, byHand, entry }: Pending): number {
  return readyMs + (byHand ? 0 : patienceMs[entry.priority]);
}

export type Situation = {
  readonly nowMs: number;
  readonly settledAtMs: number;
  readonly surroundings: Surroundings;
  readonly resources: Resources;
  readonly zones: Zones;
  readonly isRunning: (plan: string) => boolean;
};

export type Choice = {
  readonly starting: readonly Pending[];
  readonly waiting: Pending[];
  /** The first instant at which time alone lets something start. */
  readonly wakeMs: number;
};

/** Takes the resources of what starts. `pending` is in the order of turns and stays so. */
export function chooseStarts(pending: readonly Pending[], situation: Situation): Choice {
  const starting: Pending[] = [];
  const waiting: Pending[] = [];
  const reserved = new Set<string>();
  let wakeMs = Number.POSITIVE_INFINITY;
  for (const work of pending) {
    const obstacle = timeObstacle(work, situation) ?? placeObstacle(work, situation, reserved);
    if (obstacle === undefined) {
      situation.resources.take(work.entry);
      starting.push(work);
      continue;
    }
    wakeMs = Math.min(wakeMs, obstacle.untilMs);
    waiting.push(work.waitsFor === obstacle.reason ? work : waitingFor(obstacle.reason, work));
  }
  return { starting, waiting, wakeMs };
}

/** Key by key: ten thousand may wait at once, and a copy of whatever keys there are is slower. */
function waitingFor(waitsFor: WaitReason, { entry, cause, byHand, readyMs, notBeforeMs }: Pending): Pending {
  return { entry, cause, byHand, readyMs, notBeforeMs, waitsFor };
}

type Obstacle = { readonly reason: WaitReason; readonly untilMs: number };

function timeObstacle(
  work: Pending,
  { nowMs, settledAtMs, surroundings, zones, isRunning }: Situation,
): Obstacle | undefined {
  const { spec, plan } = work.entry;
  if (isRunning(plan)) return { reason: 'running', untilMs: Number.POSITIVE_INFINITY };
  if (work.byHand) return undefined;
  const pausedUntilMs = Math.max(spec.pausedUntilMs ?? 0, surroundings.pausedUntilMs ?? 0);
  if (pausedUntilMs > nowMs) return { reason: 'paused', untilMs: pausedUntilMs };
  if (settledAtMs > nowMs) return { reason: 'settling', untilMs: settledAtMs };
  if (work.notBeforeMs > nowMs) return { reason: 'delay', untilMs: work.notBeforeMs };
  const { opensMs } = openingAt(spec.windows, nowMs, zones);
  return opensMs > nowMs ? { reason: 'window', untilMs: opensMs } : undefined;
}

function placeObstacle(work: Pending, situation: Situation, reserved: Set<string>): Obstacle | undefined {
  const { entry } = work;
  const reason = situation.resources.lacking(entry, situation.surroundings.heldElsewhere ?? [], reserved);
  if (reason === undefined) return undefined;
  if (reason === 'repository') {
    // Otherwise backups that follow each other would keep a prune waiting for ever.
    for (const lease of entry.leases) if (lease.mode === 'exclusive') reserved.add(lease.repository);
  }
  return { reason, untilMs: Number.POSITIVE_INFINITY };
}
