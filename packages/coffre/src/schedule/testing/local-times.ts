/** Slots as clocks of a zone show them, for tables of expected times. */
import { dueBetween } from '../due.ts';
import { parseTrigger } from '../parse-trigger.ts';
import { scheduleOf } from '../schedule-spec.ts';
import { parseZone, Zones } from '../zone.ts';

/** `03-29 03:00+02:00` for every slot of a schedule on local days, the last one included. */
export function slotsOnDays(text: string, zoneName: string, firstDay: string, lastDay = firstDay): string[] {
  const zone = parseZone(zoneName);
  const fromMs = Temporal.PlainDate.from(firstDay).toZonedDateTime(zone).epochMilliseconds;
  const toMs = Temporal.PlainDate.from(lastDay).add({ days: 1 }).toZonedDateTime(zone).epochMilliseconds;
  const slots = dueBetween(scheduleOf([parseTrigger(text, zone)]), fromMs - 1, toMs - 1, new Zones());
  return [...slots].map(({ dueMs }) => localText(dueMs, zoneName));
}

export function localText(instantMs: number, zoneName: string): string {
  const time = Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(zoneName);
  return `${time.toPlainDate().toString().slice(5)} ${time.toPlainTime().toString().slice(0, 5)}${time.offset}`;
}
