/** Times as people write them, checked by the schedule's own readers; the zone comes later, when all is known. */
import { isCoffreError } from '@coffre/repository/opening';
import { parseCron } from '../../schedule/cron.ts';
import { parseEvery, parseOnce, parseTimes, parseTrigger, parseWords } from '../../schedule/parse-trigger.ts';
import type { ClockTrigger, ZoneName } from '../../schedule/schedule-spec.ts';
import { parseWindow } from '../../schedule/window.ts';
import { parseZone } from '../../schedule/zone.ts';
import type { Read } from './quantity.ts';

const words: ReadonlyMap<string, string> = new Map([
  ['hourly', '@hourly'],
  ['daily', '@daily'],
  ['weekly', '@weekly'],
  ['monthly', '@monthly'],
  ['yearly', '@yearly'],
]);

/** `daily`, `02:30`, `Sun 05:00`, `1st Sat 07:00`, `every 6h`, `30 2 * * *`. @throws {CoffreError} SCHEDULE_INVALID */
export function timetableTrigger(text: string, zone: ZoneName): ClockTrigger {
  return parseTrigger(words.get(text.trim().toLowerCase()) ?? text, zone);
}

/** One entry of `at`: a time, with days where wanted. @throws {CoffreError} SCHEDULE_INVALID */
export function timesTrigger(text: string, zone: ZoneName): ClockTrigger {
  return /^\d{1,2}:\d+$/.test(text.trim()) ? parseTimes([text], zone) : parseWords(text, zone);
}

export const readTimetable = checkedBy(timetableTrigger);
export const readTimes = checkedBy(timesTrigger);
export const readCron = checkedBy(parseCron);
export const readEvery = checkedBy((text) => parseEvery(text));
export const readOnce = checkedBy(parseOnce);
export const readTimeWindow = checkedBy(parseWindow);

/** The text stays as it is; only whether it can be read is asked. */
function checkedBy(parse: (text: string, zone: ZoneName) => unknown): (text: string) => Read<string> {
  return (text) => {
    try {
      parse(text, 'UTC' as ZoneName);
      return { value: text.trim() };
    } catch (error) {
      return refusal(error);
    }
  };
}

function refusal(error: unknown): { problem: string; hint: string | undefined } {
  if (!isCoffreError(error)) throw error;
  const [, why = 'cannot be read'] = /cannot be used: ([^]+)$/.exec(error.message) ?? [];
  return { problem: `cannot be used: ${why}`, hint: error.hint };
}

/** A name of the time zone database, as `Europe/Paris`. */
export function readTimeZone(text: string): Read<ZoneName> {
  try {
    return { value: parseZone(text) };
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    return { problem: 'must be a time zone such as Europe/Paris or UTC' };
  }
}

/** `20:00Z`, `21:30+01:00` or, by the clock of the site, `20:00`. */
export type DueTime = { readonly minuteOfDay: number; readonly utcOffsetMinutes: number | undefined };

export function readDueTime(text: string): Read<DueTime> {
  const found = /^([01]?\d|2[0-3]):([0-5]\d)(?:(Z)|([+-])(0\d|1[0-4]):([0-5]\d))?$/.exec(text);
  if (found === null) return { problem: 'must be a time of day such as 20:00 or 20:00Z' };
  const [, hour, minute, utc, sign, offsetHour, offsetMinute] = found;
  const offset = (sign === '-' ? -1 : 1) * (Number(offsetHour) * 60 + Number(offsetMinute));
  return {
    value: {
      minuteOfDay: Number(hour) * 60 + Number(minute),
      utcOffsetMinutes: utc !== undefined ? 0 : sign === undefined ? undefined : offset,
    },
  };
}
