import type { ZoneName } from '../schedule/schedule-spec.ts';
import type { Zones } from '../schedule/zone.ts';

export type LocalTime = (instantMs: number) => string;

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-11-21 02:30 +01:00`, as clocks of that zone show it; made by arithmetic, since there may be thousands. */
export function localTimeIn(zone: ZoneName, zones: Zones): LocalTime {
  const spans = zones.get(zone);
  return (instantMs) => {
    const offsetMs = spans.offsetAt(instantMs);
    const clock = new Date(instantMs + offsetMs).toISOString();
    const minutes = Math.abs(Math.trunc(offsetMs / 60_000));
    const offset = `${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
    return `${clock.slice(0, 10)} ${clock.slice(11, 16)} ${offset}`;
  };
}
