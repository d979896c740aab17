/** Days in words: `Sun`, `Mon-Fri`, `weekdays`, `1st Sat`, `last Fri`, `15th`, `last day`. */
import { invalid, weekdayNames } from './cron.ts';
import { everyDay, everyWeekday } from './schedule-spec.ts';
import type { DayRule, NthWeekday, Weekday } from './schedule-spec.ts';

const fullNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** @throws {CoffreError} SCHEDULE_INVALID; `text` is the whole schedule, for the sentence */
export function parseDays(text: string, written: string): DayRule {
  const words = written
    .trim()
    .toLowerCase()
    .replaceAll(/\s*,\s*/g, ',');
  if (words === 'daily' || words === 'every day') return everyDay;
  if (words === 'last day') return { ...everyDay, monthDays: [], lastDay: true };
  const [first = '', second, ...rest] = words.split(/\s+/);
  if (rest.length > 0) throw unknownDay(text, written);
  if (second !== undefined) return { ...everyDay, weekdays: [], nthWeekdays: nthWeekdays(text, first, second) };
  if (/^\d/.test(first)) return { ...everyDay, monthDays: monthDays(text, first) };
  return { ...everyDay, weekdays: parseWeekdays(text, first) };
}

/** `sun`, `mon,thu`, `fri-mon`, `weekdays`, `weekends`; in order, each once. */
export function parseWeekdays(text: string, written: string): Weekday[] {
  const words = written.trim().toLowerCase();
  if (words === 'weekdays') return [1, 2, 3, 4, 5];
  if (words === 'weekends') return [0, 6];
  const found = new Set<Weekday>();
  for (const item of words.split(',')) {
    const [from = '', to = from, ...rest] = item.split('-');
    const last = weekdayOf(text, to);
    if (rest.length > 0) throw unknownDay(text, item);
    for (let day = weekdayOf(text, from); ; day = ((day + 1) % 7) as Weekday) {
      found.add(day);
      if (day === last) break;
    }
  }
  return everyWeekday.filter((day) => found.has(day));
}

function weekdayOf(text: string, word: string): Weekday {
  const index = Math.max(weekdayNames.indexOf(word.toUpperCase()), fullNames.indexOf(word));
  if (index < 0) throw unknownDay(text, word);
  return index as Weekday;
}

function nthWeekdays(text: string, ordinals: string, weekdays: string): NthWeekday[] {
  const days = parseWeekdays(text, weekdays);
  return ordinals.split(',').flatMap((word) => {
    const nth = word === 'last' ? -1 : ordinal(text, word);
    if (nth > 5) throw invalid(text, `no month has a ${word} of a weekday`, 'Count to 5th, or write last.');
    return days.map((weekday) => ({ weekday, nth: nth as NthWeekday['nth'] }));
  });
}

function monthDays(text: string, words: string): number[] {
  const days = new Set(words.split(',').map((word) => ordinal(text, word)));
  return [...days].toSorted((a, b) => a - b);
}

function ordinal(text: string, word: string): number {
  const value = Number(/^(\d{1,2})(?:st|nd|rd|th)$/.exec(word)?.[1] ?? 0);
  if (value < 1 || value > 31) throw unknownDay(text, word);
  return value;
}

function unknownDay(text: string, word: string): Error {
  return invalid(
    text,
    `${JSON.stringify(word)} is not a day`,
    "Write Sun, Mon-Fri, weekdays, '1st Sat', 'last Fri', 15th or 'last day'.",
  );
}
