/**
 * The calendar that retention counts by: a snapshot belongs to the day its own clock showed, so buckets use the offset
 * written in its time, not ours.
 */
import { compareTimestamps, type Timestamp } from '../format/time.ts';
import type { CalendarSpan } from './policy.ts';

/** Minutes east of UTC that the zone of this machine has at an instant (seconds since 1970). */
export type LocalOffset = (sec: number) => number;

export type Bucket = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly';

const daySec = 86_400;

/** Two times are in the same bucket when these numbers agree. */
export function bucketOf(time: Timestamp, bucket: Bucket): number {
  const wallSec = time.sec + (time.offsetMinutes ?? 0) * 60;
  const dayNumber = Math.floor(wallSec / daySec);
  switch (bucket) {
    case 'hourly':
      return Math.floor(wallSec / 3600);
    case 'daily':
      return dayNumber;
    case 'weekly':
      // 1970-01-01 was a Thursday; weeks begin on Monday.
      return Math.floor((dayNumber + 3) / 7);
    case 'monthly': {
      const date = new Date(dayNumber * daySec * 1000);
      return date.getUTCFullYear() * 12 + date.getUTCMonth();
    }
    case 'yearly':
      return new Date(dayNumber * daySec * 1000).getUTCFullYear();
    default:
      return bucket satisfies never;
  }
}

/**
 * The instant a span before another, on the calendar: 31 March less one month is 3 March (there is no 31 February), and
 * hours are taken off last. A time with the offset that this machine's zone had then moves along that zone, through
 * changes of summer time; any other keeps its offset.
 */
export function subtractSpan(time: Timestamp, span: CalendarSpan, localOffset: LocalOffset): Timestamp {
  const offset = time.offsetMinutes ?? 0;
  const wall = new Date((time.sec + offset * 60) * 1000);
  const movedWallSec = wallSeconds(
    wall.getUTCFullYear() - span.years,
    wall.getUTCMonth() - span.months,
    wall.getUTCDate() - span.days,
    modulo(time.sec + offset * 60, daySec),
  );
  const movesWithZone = time.offsetMinutes !== undefined && localOffset(time.sec) === offset;
  const sec = movesWithZone ? instantOfWall(movedWallSec, localOffset) : movedWallSec - offset * 60;
  // Before the calendar's own beginning: everything is newer.
  return { sec: Number.isNaN(sec) ? -Infinity : sec - span.hours * 3600, nsec: time.nsec };
}

export function isAfter(a: Timestamp, b: Timestamp): boolean {
  return compareTimestamps(a, b) > 0;
}

/** In a gap or an overlap of summer time the guess settles on one of the two readings, the same as Go's. */
function instantOfWall(wallSec: number, localOffset: LocalOffset): number {
  return wallSec - localOffset(wallSec - localOffset(wallSec) * 60) * 60;
}

/** Months and days outside their range run over; `setUTCFullYear` takes years below 100 as they are. */
function wallSeconds(year: number, month: number, day: number, secondOfDay: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date.getTime() / 1000 + secondOfDay;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
