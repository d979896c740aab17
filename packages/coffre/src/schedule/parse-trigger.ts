/** What people write for a time, as a trigger: cron lines, `every 6h`, `02:30`, `Sun 05:00`, `1st Sat 07:00`, `once …`. */
import { parseDays } from './day-words.ts';
import { invalid, isShorthand, parseCron, requireSomeDay } from './cron.ts';
import { everyDay } from './schedule-spec.ts';
import type { ClockTrigger, DayRule, EveryTrigger, OnceTrigger, TimesTrigger, ZoneName } from './schedule-spec.ts';
import { Zone } from './zone.ts';

const unitsMs: ReadonlyMap<string, number> = new Map([
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);
/** A run takes longer than this, whatever it does. */
const periodMinMs = 1000;

/** Any of the forms. @throws {CoffreError} SCHEDULE_INVALID */
export function parseTrigger(text: string, zone: ZoneName): ClockTrigger {
  const written = text.trim();
  if (/^every\s+\d/i.test(written)) return parseEvery(written.replace(/^every\s+/i, ''));
  if (/^once\s/i.test(written)) return parseOnce(written.replace(/^once\s+/i, ''), zone);
  if (isShorthand(written)) return parseCron(`@${written}`, zone);
  if (/\d:\d+$/.test(written)) return parseWords(written, zone);
  if (written.startsWith('@') || written.split(/\s+/).length === 5) return parseCron(written, zone);
  throw invalid(
    text,
    'it is neither a cron line nor a time',
    "Write '30 2 * * *', '02:30', 'Sun 05:00', '1st Sat 07:00' or 'every 6h'.",
  );
}

/** `02:30`, `02:30, 14:00`, `Mon-Fri 22:00`, `1st Sat 07:00`, `last day 23:00`. */
export function parseWords(text: string, zone: ZoneName): TimesTrigger {
  const found = /^(.*?)\s*(\d{1,2}:\d+(?:\s*,\s*\d{1,2}:\d+)*)$/.exec(text.trim());
  if (found === null) throw invalid(text, 'it has no time', "Write a time after the day: 'Sun 05:00'.");
  const [, days = '', times = ''] = found;
  return timesTrigger(text, times.split(','), days === '' ? everyDay : parseDays(text, days), zone);
}

/** The list of `at: ["02:30", "14:00"]`. */
export function parseTimes(times: readonly string[], zone: ZoneName): TimesTrigger {
  if (times.length === 0) throw invalid('', 'the list of times is empty', "Write at least one: ['02:30'].");
  return timesTrigger(times.join(', '), times, everyDay, zone);
}

/**
 * `6h`, `90s`, `1d12h`: a grid from `originMs`, by default midnight UTC of 1 January 1970, so that it is the same
 * wherever it is asked.
 */
export function parseEvery(text: string, originMs = 0): EveryTrigger {
  const pieces = [...text.trim().matchAll(/(\d{1,9})\s*([smhdw])/gi)];
  const isWhole = pieces.map(([piece]) => piece).join('') === text.replaceAll(' ', '') && pieces.length > 0;
  const periodMs = pieces.reduce((sum, [, count, unit]) => sum + Number(count) * unitsMs.get(unit!.toLowerCase())!, 0);
  if (!isWhole || periodMs < periodMinMs || !Number.isSafeInteger(periodMs)) {
    throw invalid(
      `every ${text.trim()}`,
      'the period cannot be read',
      'Write it as 30s, 15m, 6h, 1d or 1w; at least a second.',
    );
  }
  return { kind: 'every', periodMs, originMs };
}

/** `2026-12-24 18:00` as clocks of the zone show it, or RFC 3339 with an offset. */
export function parseOnce(text: string, zone: ZoneName): OnceTrigger {
  const hint = "Write it as '2026-12-24 18:00', or with its offset: '2026-12-24T18:00:00+01:00'.";
  const shape = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?$/i.exec(text.trim());
  if (shape === null) throw invalid(`once ${text}`, 'the time cannot be read', hint);
  try {
    const written = text.trim().replace(' ', 'T');
    if (shape[2] !== undefined) return { kind: 'once', atMs: Temporal.Instant.from(written).epochMilliseconds };
    const wallMs = Temporal.PlainDateTime.from(written).toZonedDateTime('UTC').epochMilliseconds;
    return { kind: 'once', atMs: new Zone(zone).firstInstantOf(wallMs) };
  } catch {
    throw invalid(`once ${text}`, 'there is no such time', hint);
  }
}

/** Minutes since midnight. */
export function parseTimeOfDay(text: string, time: string): number {
  const found = /^(\d{1,2}):(\d\d)$/.exec(time.trim());
  const hour = Number(found?.[1] ?? 24);
  const minute = Number(found?.[2] ?? 60);
  if (hour > 23 || minute > 59) {
    throw invalid(text, `${JSON.stringify(time.trim())} is not a time of day`, 'Times go from 00:00 to 23:59.');
  }
  return hour * 60 + minute;
}

function timesTrigger(text: string, times: readonly string[], days: DayRule, zone: ZoneName): TimesTrigger {
  requireSomeDay(text, days);
  const minutes = new Set(times.map((time) => parseTimeOfDay(text, time)));
  return { kind: 'times', text: text.trim(), zone, minutesOfDay: [...minutes].toSorted((a, b) => a - b), days };
}
