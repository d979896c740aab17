/** Windows in which runs may start: `19:00-07:00`, `Mon-Fri 19:00-07:00`, `weekends 00:00-24:00`. */
import { parseWeekdays } from './day-words.ts';
import { invalid } from './cron.ts';
import { parseTimeOfDay } from './parse-trigger.ts';
import { everyWeekday } from './schedule-spec.ts';
import type { Window, ZoneName } from './schedule-spec.ts';
import type { Zones } from './zone.ts';

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** From the first instant in it up to, and without, `closesMs`. */
export type Opening = { readonly opensMs: number; readonly closesMs: number };

/** @throws {CoffreError} SCHEDULE_INVALID */
export function parseWindow(text: string, zone: ZoneName): Window {
  const found = /^(.*?)\s*(\d{1,2}:\d\d)\s*[-–]\s*(\d{1,2}:\d\d)$/.exec(text.trim());
  if (found === null) throw invalid(text, 'it is not a window', "Write '19:00-07:00' or 'Mon-Fri 19:00-07:00'.");
  const [, days = '', from = '', to = ''] = found;
  return {
    text: text.trim(),
    zone,
    weekdays: days === '' || days.toLowerCase() === 'daily' ? everyWeekday : parseWeekdays(text, days),
    fromMinute: parseTimeOfDay(text, from),
    toMinute: to === '24:00' ? 0 : parseTimeOfDay(text, to),
  };
}

/** The window that is open at an instant, or the first that opens after it; of several the one that closes last. */
export function openingAt(windows: readonly Window[], instantMs: number, zones: Zones): Opening {
  if (windows.length === 0) return { opensMs: instantMs, closesMs: Number.POSITIVE_INFINITY };
  let best: Opening | undefined;
  for (const window of windows) {
    const found = openingOf(window, instantMs, zones);
    const isBetter =
      best === undefined ||
      found.opensMs < best.opensMs ||
      (found.opensMs === best.opensMs && found.closesMs > best.closesMs);
    if (isBetter) best = found;
  }
  return best!;
}

/** What is open already opens now. */
function openingOf(window: Window, instantMs: number, zones: Zones): Opening {
  const zone = zones.get(window.zone);
  const today = Math.floor((instantMs + zone.offsetAt(instantMs)) / dayMs);
  // Yesterday's may still be open; a window that lies in a skipped hour is not there that day.
  for (let day = today - 2; ; day += 1) {
    if (!window.weekdays.some((weekday) => weekday === (((day + 4) % 7) + 7) % 7)) continue;
    const closingDay = window.toMinute <= window.fromMinute ? day + 1 : day;
    const opensMs = zone.firstInstantOf(day * dayMs + window.fromMinute * minuteMs);
    const closesMs = zone.firstInstantOf(closingDay * dayMs + window.toMinute * minuteMs);
    if (closesMs > Math.max(opensMs, instantMs)) return { opensMs: Math.max(opensMs, instantMs), closesMs };
  }
}
