/** A delay that is the same every day and differs between plans, so that not everything starts at 02:00 sharp. */
import { hash } from 'node:crypto';
import { nextDue } from './due.ts';
import type { ScheduleSpec, Slot } from './schedule-spec.ts';
import { openingAt } from './window.ts';
import type { Zones } from './zone.ts';

/** Where a plan stands between 0 and 1, drawn from its name: evenly spread, and the same on every machine. */
export function shareOf(plan: string): number {
  return hash('sha256', `schedule-jitter:${plan}`, 'buffer').readUIntBE(0, 6) / 2 ** 48;
}

/**
 * When a slot may start: in its window, and later by the plan's share of the jitter. Where the next slot or the end of
 * the window is nearer than the jitter, the share of that shorter time is taken, so neither is ever crossed.
 * `known` is the slot after it, for who knows it already.
 */
export function startOf(spec: ScheduleSpec, slot: Slot, share: number, zones: Zones, known?: number): number {
  if (spec.jitterMs === 0 && spec.windows.length === 0) return slot.dueMs;
  const nextMs = known ?? nextDue(spec, slot.dueMs, zones)?.dueMs ?? Number.POSITIVE_INFINITY;
  const { opensMs, closesMs } = openingAt(spec.windows, slot.dueMs, zones);
  // A slot that has to wait for its window until after the next one starts together with it.
  const roomMs = nextMs > opensMs ? nextMs - opensMs : closesMs - opensMs;
  return opensMs + Math.floor(share * Math.min(spec.jitterMs, roomMs, closesMs - opensMs));
}
