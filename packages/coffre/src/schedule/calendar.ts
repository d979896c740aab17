/**
 * The slots of cron lines and times of day, with Debian cron's rules for days on which clocks change:
 *
 * - fixed times (`follows: wall`) come once for each local day. A time in a skipped hour is due at the first instant
 *   after the gap, a time in a repeated hour the first time it is shown. Two that fall on one instant are one slot.
 *   It is the same for the day that Samoa left out in 2011: its slots are due when the next day begins.
 * - cron lines whose minute or hour begins with `*` (`follows: elapsed`) are due whenever the clock shows their time:
 *   not in a skipped hour, and in a repeated hour both times. `0 * * * *` has 23 or 25 slots on such days.
 */
import type { CronTrigger, DayRule, TimesTrigger } from './schedule-spec.ts';
import type { Zone } from './zone.ts';

const minuteMs = 60_000;
const dayMinutes = 1440;
const dayMs = 86_400_000;
/** `0 0 29 2 1#5` comes every 28 years, and 40 around a century without a leap day. */
const horizonDays = 50 * 366;

/** The first slot after an instant; undefined when there is none within fifty years. */
export function nextOnCalendar(trigger: CronTrigger | TimesTrigger, zone: Zone, afterMs: number): number | undefined {
  return trigger.kind === 'cron' && trigger.follows === 'elapsed'
    ? nextElapsed(trigger, zone, afterMs)
    : nextFixed(trigger, zone, afterMs);
}

function nextElapsed(trigger: CronTrigger, zone: Zone, afterMs: number): number | undefined {
  let span = zone.spanAt(afterMs + 1);
  let fromMs = afterMs + 1;
  for (;;) {
    const wall = nextWallMinute(trigger, Math.ceil((fromMs + span.offsetMs) / minuteMs));
    if (wall === undefined) return undefined;
    const dueMs = wall * minuteMs - span.offsetMs;
    if (dueMs < span.toMs) return dueMs;
    if (span.toMs - afterMs > horizonDays * dayMs) return undefined;
    fromMs = span.toMs;
    span = zone.spanAt(fromMs);
  }
}

function nextFixed(trigger: CronTrigger | TimesTrigger, zone: Zone, afterMs: number): number | undefined {
  let wall: number | undefined = Math.floor((afterMs + zone.offsetAt(afterMs)) / minuteMs);
  for (;;) {
    wall = nextWallMinute(trigger, wall);
    if (wall === undefined) return undefined;
    const dueMs = zone.firstInstantOf(wall * minuteMs);
    if (dueMs > afterMs) return dueMs;
    wall += 1;
  }
}

/** The first match at or after a minute of local time, counted from 1970 as if every day had 24 hours. */
function nextWallMinute(trigger: CronTrigger | TimesTrigger, from: number): number | undefined {
  const today = Math.floor(from / dayMinutes);
  const time = nextTime(trigger, from - today * dayMinutes);
  const day = nextDay(trigger.days, time === undefined ? today + 1 : today);
  if (day === undefined) return undefined;
  if (day === today && time !== undefined) return day * dayMinutes + time;
  return day * dayMinutes + nextTime(trigger, 0)!;
}

function nextTime(trigger: CronTrigger | TimesTrigger, from: number): number | undefined {
  if (trigger.kind === 'times') return trigger.minutesOfDay.find((minute) => minute >= from);
  const hour = Math.floor(from / 60);
  if (trigger.hours.includes(hour)) {
    const minute = trigger.minutes.find((candidate) => candidate >= from - hour * 60);
    if (minute !== undefined) return hour * 60 + minute;
  }
  const later = trigger.hours.find((candidate) => candidate > hour);
  return later === undefined ? undefined : later * 60 + trigger.minutes[0]!;
}

/** The first day at or after `from` (days since 1970) on which a rule holds. */
export function nextDay(rule: DayRule, from: number): number | undefined {
  if (isEveryDay(rule)) return from;
  const date = new Date(from * dayMs);
  let [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  for (let day = from; day < from + horizonDays;) {
    const length = daysIn(year, month);
    if (rule.months.includes(month)) {
      for (; dayOfMonth <= length; dayOfMonth += 1, day += 1) {
        if (holdsOn(rule, dayOfMonth, length, weekdayOf(day))) return day;
      }
    } else day += length + 1 - dayOfMonth;
    dayOfMonth = 1;
    month = (month % 12) + 1;
    if (month === 1) year += 1;
  }
  return undefined;
}

function isEveryDay({ months, monthDays, weekdays, match }: DayRule): boolean {
  return months.length === 12 && monthDays.length === 31 && (match === 'either' || weekdays.length === 7);
}

function holdsOn(rule: DayRule, dayOfMonth: number, lastDay: number, weekday: number): boolean {
  const byMonth = rule.monthDays.includes(dayOfMonth) || (rule.lastDay && dayOfMonth === lastDay);
  if (rule.match === 'either' ? byMonth : !byMonth) return byMonth;
  for (const candidate of rule.weekdays) if (candidate === weekday) return true;
  for (const { nth, weekday: candidate } of rule.nthWeekdays) {
    const isNth = nth === -1 ? dayOfMonth + 7 > lastDay : nth === Math.ceil(dayOfMonth / 7);
    if (candidate === weekday && isNth) return true;
  }
  return false;
}

/** 1 January 1970 was a Thursday. */
const weekdayOf = (day: number): number => (((day + 4) % 7) + 7) % 7;

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
