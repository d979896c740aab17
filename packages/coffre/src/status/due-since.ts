import { nextDue } from '../schedule/due.ts';
import { scheduleOf } from '../schedule/schedule-spec.ts';
import type { ClockTrigger } from '../schedule/schedule-spec.ts';
import type { Zones } from '../schedule/zone.ts';

/** When a timetable was first due after an instant, if that is over, and when it is due next. */
export function dueSince(
  trigger: ClockTrigger,
  afterMs: number,
  nowMs: number,
  zones: Zones,
): { readonly dueMs: number | undefined; readonly nextMs: number | undefined } {
  const spec = scheduleOf([trigger]);
  const first = nextDue(spec, afterMs, zones)?.dueMs;
  const nextMs = nextDue(spec, nowMs, zones)?.dueMs;
  return { dueMs: first !== undefined && first <= nowMs ? first : undefined, nextMs };
}
