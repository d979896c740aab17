/** The slots of a schedule. All instants in milliseconds UTC; the clock is nowhere read. */
import { nextOnCalendar } from './calendar.ts';
import { isClockTrigger } from './schedule-spec.ts';
import type { ClockTrigger, ScheduleSpec, Slot } from './schedule-spec.ts';
import type { Zones } from './zone.ts';

/** The first slot strictly after an instant; undefined when none comes, as after `once` or for events only. */
export function nextDue(spec: ScheduleSpec, afterMs: number, zones: Zones): Slot | undefined {
  let dueMs = Number.POSITIVE_INFINITY;
  for (const trigger of spec.triggers) {
    if (isClockTrigger(trigger)) dueMs = Math.min(dueMs, nextOf(trigger, afterMs, zones));
  }
  const fullMs = nextFullDue(spec, afterMs, zones);
  if (dueMs === Number.POSITIVE_INFINITY && fullMs === Number.POSITIVE_INFINITY) return undefined;
  return { dueMs: Math.min(dueMs, fullMs), full: fullMs <= dueMs };
}

/** Slots after `fromMs` up to and including `toMs`, in order. */
export function* dueBetween(spec: ScheduleSpec, fromMs: number, toMs: number, zones: Zones): Generator<Slot, void> {
  let slot = nextDue(spec, fromMs, zones);
  while (slot !== undefined && slot.dueMs <= toMs) {
    yield slot;
    slot = nextDue(spec, slot.dueMs, zones);
  }
}

/**
 * The last slot after `fromMs` up to and including `toMs`, found without counting those before it: a schedule of every
 * second may have been asleep for a year. It looks back twice as far each time.
 *
 * @param aboutMs how far apart slots are, where that is known: of ten thousand plans that are due at once it matters
 */
export function lastDue(
  spec: ScheduleSpec,
  fromMs: number,
  toMs: number,
  zones: Zones,
  aboutMs = 1000,
): Slot | undefined {
  for (let backMs = aboutMs; ; backMs *= 2) {
    const startMs = Math.max(fromMs, toMs - backMs);
    let found: Slot | undefined;
    for (const slot of dueBetween(spec, startMs, toMs, zones)) found = slot;
    if (found !== undefined || startMs === fromMs) return found;
  }
}

/** True when one of the slots after `fromMs` up to and including `toMs` reads everything again. */
export function fullBetween(spec: ScheduleSpec, fromMs: number, toMs: number, zones: Zones): boolean {
  return nextFullDue(spec, fromMs, zones) <= toMs;
}

function nextFullDue(spec: ScheduleSpec, afterMs: number, zones: Zones): number {
  let dueMs = Number.POSITIVE_INFINITY;
  for (const trigger of spec.full) dueMs = Math.min(dueMs, nextOf(trigger, afterMs, zones));
  return dueMs;
}

function nextOf(trigger: ClockTrigger, afterMs: number, zones: Zones): number {
  switch (trigger.kind) {
    case 'cron':
    case 'times':
      return nextOnCalendar(trigger, zones.get(trigger.zone), afterMs) ?? Number.POSITIVE_INFINITY;
    case 'every':
      return trigger.originMs + (Math.floor((afterMs - trigger.originMs) / trigger.periodMs) + 1) * trigger.periodMs;
    case 'once':
      return trigger.atMs > afterMs ? trigger.atMs : Number.POSITIVE_INFINITY;
    default:
      return trigger satisfies never;
  }
}
