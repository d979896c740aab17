import type { ZoneName } from '../../schedule/schedule-spec.ts';

/** The time zone of this machine; UTC where it is not known. */
export function systemZone(): ZoneName {
  return Temporal.Now.timeZoneId() as ZoneName;
}
