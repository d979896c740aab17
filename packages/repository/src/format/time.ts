/**
 * Times as Go writes them: RFC 3339 with up to nine fraction digits, trailing zeros cut, `Z` or `±hh:mm`.
 *
 *   2024-02-29T23:59:59.123456789+02:00
 *   0    5  8  11 14 17 19                 years 0000 to 9999
 */
import { CoffreError } from '../errors.ts';

/** An instant: seconds since 1970 (UTC) and nanoseconds (0 to 999,999,999) after them. */
export type Timestamp = {
  readonly sec: number;
  readonly nsec: number;
  /** Offset of the text it was read from, absent for UTC; kept so that a foreign tree can be written back unchanged. */
  readonly offsetMinutes?: number;
};

/** Go's zero time, which stands for "not known" in files. */
export const zeroTimestamp: Timestamp = { sec: -62_135_596_800, nsec: 0 };

// Pieces of text made once: trees are full of times, and joining few long pieces is quick.
const twoDigits: readonly string[] = Array.from({ length: 100 }, (_, n) => digits(n, 2));
const threeDigits: readonly string[] = Array.from({ length: 1000 }, (_, n) => digits(n, 3));
/** `-MM-DDT` at 32 · month + day */
const monthDays: readonly string[] = Array.from(
  { length: 13 * 32 },
  (_, n) => `-${digits(n >> 5, 2)}-${digits(n & 31, 2)}T`,
);
/** `hh:mm:` by the minute of the day */
const hourMinutes: readonly string[] = Array.from(
  { length: 1440 },
  (_, n) => `${digits(Math.floor(n / 60), 2)}:${digits(n % 60, 2)}:`,
);
const daySeconds = 86_400;
const minYear = 0;
const maxYear = 9999;

function digits(value: number, size: number): string {
  return String(value).padStart(size, '0');
}

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar; days beyond the month run on. */
function daysOfCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

type Civil = { year: number; month: number; day: number };

function civilOfDays(days: number): Civil {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The same moment of the nearest year that four digits can say. File systems hold years far outside. */
export function clampTimestamp(t: Timestamp): Timestamp {
  const local = t.sec + (t.offsetMinutes ?? 0) * 60;
  const days = Math.floor(local / daySeconds);
  const { year, month, day } = civilOfDays(days);
  if (year >= minYear && year <= maxYear) return t;
  const moved = daysOfCivil(year < minYear ? minYear : maxYear, month, day);
  return { ...t, sec: t.sec + (moved - days) * daySeconds };
}

function fractionText(nsec: number): string {
  if (nsec === 0) return '';
  const micro = Math.floor(nsec / 1000);
  const text = `.${threeDigits[Math.floor(micro / 1000)]}${threeDigits[micro % 1000]}${threeDigits[nsec % 1000]}`;
  if (nsec % 10 !== 0) return text;
  let end = text.length;
  while (text.charCodeAt(end - 1) === 0x30) end -= 1;
  return text.slice(0, end);
}

function offsetText(offsetMinutes: number): string {
  const size = Math.abs(offsetMinutes);
  return `${offsetMinutes < 0 ? '-' : '+'}${twoDigits[Math.floor(size / 60)]}:${twoDigits[size % 60]}`;
}

/** In UTC, or in the offset it was read with. */
export function formatTimestamp(t: Timestamp): string {
  const offsetMinutes = t.offsetMinutes ?? 0;
  const local = t.sec + offsetMinutes * 60;
  const days = Math.floor(local / daySeconds);
  const { year, month, day } = civilOfDays(days);
  if (year < minYear || year > maxYear) return formatTimestamp(clampTimestamp(t));
  const second = local - days * daySeconds;
  const minute = Math.floor(second / 60);
  const date = (year >= 1000 ? year : digits(year, 4)) + (monthDays[month * 32 + day] as string);
  const clock = (hourMinutes[minute] as string) + (twoDigits[second - minute * 60] as string);
  return date + clock + fractionText(t.nsec) + (offsetMinutes === 0 ? 'Z' : offsetText(offsetMinutes));
}

/** In the zone of this machine, with the offset that zone has at that instant. */
export function formatLocal(t: Timestamp): string {
  const offsetMinutes = -Math.round(new Date(t.sec * 1000).getTimezoneOffset());
  return formatTimestamp({
    sec: t.sec,
    nsec: t.nsec,
    offsetMinutes: Number.isFinite(offsetMinutes) ? offsetMinutes : 0,
  });
}

/** The two digits at `at`, or NaN. */
function pair(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - 0x30;
  const ones = (bytes[at + 1] as number) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Minutes east of UTC said by the bytes from `at` to `to`, or NaN. */
function readOffset(bytes: Uint8Array, at: number, to: number): number {
  const sign = bytes[at];
  if (sign === 0x5a) return to === at + 1 ? 0 : Number.NaN;
  if ((sign !== 0x2b && sign !== 0x2d) || to !== at + 6 || bytes[at + 3] !== 0x3a) return Number.NaN;
  const hours = pair(bytes, at + 1);
  const minutes = pair(bytes, at + 4);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  const size = hours * 60 + minutes;
  return sign === 0x2d && size !== 0 ? -size : size;
}

/** Undefined when the text is not such a time. Digits after the ninth are dropped. */
export function readTimestamp(text: string): Timestamp | undefined {
  return readTimestampIn(Buffer.from(text, 'utf8'), 0, text.length);
}

/** The same for the text that lies from `from` to `to`. */
export function readTimestampIn(bytes: Uint8Array, from: number, to: number): Timestamp | undefined {
  const year = pair(bytes, from) * 100 + pair(bytes, from + 2);
  const month = pair(bytes, from + 5);
  const day = pair(bytes, from + 8);
  const hour = pair(bytes, from + 11);
  const minute = pair(bytes, from + 14);
  const second = pair(bytes, from + 17);
  if (!(year >= minYear && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month))) return undefined;
  if (!(hour <= 23 && minute <= 59 && second <= 59) || !isPunctuated(bytes, from)) return undefined;
  let at = from + 19;
  let nsec = 0;
  if (bytes[at] === 0x2e) {
    let unit = 100_000_000;
    at += 1;
    for (
      let digit = (bytes[at] as number) - 0x30;
      at < to && digit >= 0 && digit <= 9;
      digit = (bytes[at] as number) - 0x30
    ) {
      nsec += digit * unit;
      unit = Math.floor(unit / 10);
      at += 1;
    }
    if (at === from + 20) return undefined;
  }
  const offsetMinutes = readOffset(bytes, at, to);
  if (Number.isNaN(offsetMinutes)) return undefined;
  const sec = daysOfCivil(year, month, day) * daySeconds + hour * 3600 + minute * 60 + second;
  return offsetMinutes === 0 ? { sec, nsec } : { sec: sec - offsetMinutes * 60, nsec, offsetMinutes };
}

function isPunctuated(bytes: Uint8Array, from: number): boolean {
  const isDate = bytes[from + 4] === 0x2d && bytes[from + 7] === 0x2d && bytes[from + 10] === 0x54;
  return isDate && bytes[from + 13] === 0x3a && bytes[from + 16] === 0x3a;
}

/** @throws {CoffreError} REPO_FILE_DAMAGED when the text is not such a time */
export function parseTimestamp(text: string): Timestamp {
  const t = readTimestamp(text);
  if (t === undefined) throw new CoffreError('REPO_FILE_DAMAGED', `${JSON.stringify(text.slice(0, 64))} is not a time`);
  return t;
}

/** Minutes east of UTC that the text says; retention counts days in this offset.
 *  @throws {CoffreError} REPO_FILE_DAMAGED */
export function offsetMinutesOf(text: string): number {
  return parseTimestamp(text).offsetMinutes ?? 0;
}

/** Nanoseconds since 1970 in UTC. */
export function timestampNs(t: Timestamp): bigint {
  return BigInt(t.sec) * 1_000_000_000n + BigInt(t.nsec);
}

/** Rounds towards the past, so `nsec` is never negative. */
export function timestampOfNs(ns: bigint): Timestamp {
  const rest = ns % 1_000_000_000n;
  const nsec = Number(rest < 0n ? rest + 1_000_000_000n : rest);
  return { sec: Number((ns - BigInt(nsec)) / 1_000_000_000n), nsec };
}

/** Orders instants; the offset does not count. */
export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  return a.sec - b.sec || a.nsec - b.nsec;
}
