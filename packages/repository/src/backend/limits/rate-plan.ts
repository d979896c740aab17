/**
 * Bandwidth by the time of day.
 *
 *   08:00-18:00=512          both ways 512 KiB/s
 *   08:00-18:00=1M/4M        up 1 MiB/s, down 4 MiB/s
 *   22:00-06:00=off          no limit; over midnight
 *
 * Entries are separated by commas or blanks. Outside of all of them the usual rates hold.
 */
import { CoffreError } from '../../errors.ts';

/** Bytes per second; absent where there is no limit. */
export type Rates = { readonly up?: number; readonly down?: number };

/** In minutes of the local day; `until` is not part of it, and lies before `from` when midnight is between. */
export type RateWindow = { readonly from: number; readonly until: number; readonly rates: Rates };

export type RatePlan = { readonly usual: Rates; readonly windows: readonly RateWindow[] };

const minutesPerDay = 24 * 60;
const unitBytes = { '': 1024, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;

/** @throws {CoffreError} USAGE */
export function parseRateWindows(text: string): RateWindow[] {
  const windows = text
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseWindow);
  if (windows.length === 0) throw malformed('the timetable for limits is empty');
  for (const [index, window] of windows.entries()) {
    const other = windows.slice(0, index).find((earlier) => overlap(earlier, window));
    if (other !== undefined) {
      throw malformed(`the times ${timesOf(other)} and ${timesOf(window)} of the timetable for limits overlap`);
    }
  }
  return windows;
}

/** By the wall clock: an hour that the change to summer time leaves out is left out here, one that comes twice counts twice. */
export function ratesAt(plan: RatePlan, minuteOfDay: number): Rates {
  return plan.windows.find((window) => isWithin(window, minuteOfDay))?.rates ?? plan.usual;
}

/** Of this machine's zone, as its clocks show it. */
export function localMinuteOfDay(nowMs: number): number {
  const now = new Date(nowMs);
  return now.getHours() * 60 + now.getMinutes();
}

function parseWindow(entry: string): RateWindow {
  const found = /^(\d\d?):(\d\d)-(\d\d?):(\d\d)=([^/]+)(?:\/([^/]+))?$/.exec(entry);
  if (found === null) throw malformed(`${JSON.stringify(entry)} is no entry of a timetable for limits`);
  const [, fromHour = '', fromMinute = '', untilHour = '', untilMinute = '', up = '', down = up] = found;
  const from = minuteOf(fromHour, fromMinute, entry) % minutesPerDay;
  const until = minuteOf(untilHour, untilMinute, entry);
  if (from === until % minutesPerDay && until !== minutesPerDay) {
    throw malformed(`${JSON.stringify(entry)} begins and ends at the same time`);
  }
  return { from, until, rates: { ...rateOf('up', up, entry), ...rateOf('down', down, entry) } };
}

function minuteOf(hour: string, minute: string, entry: string): number {
  const at = Number(hour) * 60 + Number(minute);
  if (Number(minute) > 59 || at > minutesPerDay) throw malformed(`${JSON.stringify(entry)} names no time of the day`);
  return at;
}

function rateOf(way: keyof Rates, text: string, entry: string): Rates {
  if (text === 'off') return {};
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([KMG]?)$/i.exec(text) ?? [];
  const rate = Math.round(Number(number) * unitBytes[unit.toUpperCase() as keyof typeof unitBytes]);
  if (number === '' || rate < 1 || !Number.isSafeInteger(rate)) {
    throw malformed(`${JSON.stringify(text)} in ${JSON.stringify(entry)} is no rate`);
  }
  return { [way]: rate };
}

function isWithin({ from, until }: RateWindow, minute: number): boolean {
  return from < until ? minute >= from && minute < until : minute >= from || minute < until;
}

/** Two windows overlap when one of them holds at the beginning of the other. */
function overlap(a: RateWindow, b: RateWindow): boolean {
  return isWithin(a, b.from) || isWithin(b, a.from);
}

function timesOf({ from, until }: RateWindow): string {
  return [from, until]
    .map((minute) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`)
    .join('-');
}

function malformed(sentence: string): CoffreError {
  return new CoffreError('USAGE', sentence, {
    hint: "Write it as '08:00-18:00=512/4M,22:00-06:00=off': from-until=up/down in KiB/s, or with K, M or G.",
  });
}
