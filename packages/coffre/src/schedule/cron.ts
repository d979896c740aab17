/** Cron lines: five fields with names, lists, ranges, steps, `L`, `FRI#2`, `FRIL`, and `@daily` and its like. */
import { CoffreError } from '@coffre/repository/opening';
import { nextDay } from './calendar.ts';
import { everyMonth, everyMonthDay, everyWeekday } from './schedule-spec.ts';
import type { CronTrigger, DayRule, NthWeekday, Weekday, ZoneName } from './schedule-spec.ts';

type Field = {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
  /** What `*` means: one list for everybody, because most fields of most lines are it. */
  readonly all: readonly number[];
};

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
export const weekdayNames: readonly string[] = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

function upTo(end: number): readonly number[] {
  return Array.from({ length: end }, (_, value) => value);
}

const minuteField: Field = { name: 'minute', min: 0, max: 59, names: [], all: upTo(60) };
const hourField: Field = { name: 'hour', min: 0, max: 23, names: [], all: upTo(24) };
const dayField: Field = { name: 'day of the month', min: 1, max: 31, names: [], all: everyMonthDay };
const monthField: Field = { name: 'month', min: 1, max: 12, names: ['', ...months], all: everyMonth };
/** 7 is Sunday too, so that `5-7` can be written. */
const weekdayField: Field = { name: 'day of the week', min: 0, max: 7, names: weekdayNames, all: everyWeekday };

const shorthands: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
]);

/** `daily` and its like, which are understood without their `@` too. */
export function isShorthand(text: string): boolean {
  return shorthands.has(`@${text.toLowerCase()}`);
}

/** @throws {CoffreError} SCHEDULE_INVALID naming the field, or when the line never comes true */
export function parseCron(text: string, zone: ZoneName): CronTrigger {
  const line = shorthands.get(text.trim().toLowerCase()) ?? text.trim();
  if (line.startsWith('@')) {
    throw invalid(text, `${line} is not a shorthand`, `Use one of ${[...shorthands.keys()].join(', ')}.`);
  }
  const fields = line.toUpperCase().split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (fields.length !== 5) {
    throw invalid(
      text,
      'it does not have five fields',
      'Write minute, hour, day, month and day of the week: 30 2 * * *.',
    );
  }
  const minutes = values(text, minuteField, minute);
  const hours = values(text, hourField, hour);
  const days: DayRule = {
    months: values(text, monthField, month),
    ...monthDays(text, day),
    ...weekdays(text, weekday),
    match: day.startsWith('*') || weekday.startsWith('*') ? 'both' : 'either',
  };
  requireSomeDay(text, days);
  return {
    kind: 'cron',
    text: text.trim(),
    zone,
    minutes,
    hours,
    days,
    follows: minute.startsWith('*') || hour.startsWith('*') ? 'elapsed' : 'wall',
  };
}

/** @throws {CoffreError} SCHEDULE_INVALID for 31 February and other days that never come */
export function requireSomeDay(text: string, days: DayRule): void {
  // The fifty years from 1970 have every kind of year.
  if (nextDay(days, 0) === undefined) throw invalid(text, 'no such day ever comes', 'Check the day and the month.');
}

export function invalid(text: string, why: string, hint: string): CoffreError {
  return new CoffreError('SCHEDULE_INVALID', `the schedule ${JSON.stringify(text)} cannot be used: ${why}`, { hint });
}

function monthDays(text: string, field: string): Pick<DayRule, 'monthDays' | 'lastDay'> {
  const items = field.split(',');
  const plain = items.filter((item) => item !== 'L');
  return {
    monthDays: plain.length === 0 ? [] : values(text, dayField, plain.join(',')),
    lastDay: plain.length < items.length,
  };
}

function weekdays(text: string, field: string): Pick<DayRule, 'weekdays' | 'nthWeekdays'> {
  const nthWeekdays: NthWeekday[] = [];
  const plain: string[] = [];
  for (const item of field.split(',')) {
    const found = /^([A-Z]{3}|\d)(?:#([1-5])|(L))$/.exec(item);
    if (found === null) plain.push(item);
    else {
      const weekday = asWeekday(numberIn(text, weekdayField, found[1]!));
      nthWeekdays.push({ weekday, nth: found[3] === undefined ? (Number(found[2]) as NthWeekday['nth']) : -1 });
    }
  }
  const numbers = plain.length === 0 ? [] : values(text, weekdayField, plain.join(','));
  return { weekdays: [...new Set(numbers.map(asWeekday))].toSorted((a, b) => a - b), nthWeekdays };
}

const asWeekday = (value: number): Weekday => (value % 7) as Weekday;

/** A list of `*`, `5`, `1-5`, each perhaps with `/2`; sorted, each once. */
function values(text: string, field: Field, list: string): readonly number[] {
  if (list === '*') return field.all;
  const found = new Set<number>();
  for (const item of list.split(',')) {
    const [range = '', stepText, ...rest] = item.split('/');
    const step = stepText === undefined ? 1 : /^\d{1,3}$/.test(stepText) ? Number(stepText) : 0;
    if (rest.length > 0 || step < 1) throw wrongField(text, field, item);
    const [first, last] = bounds(text, field, range, stepText !== undefined);
    for (let value = first; value <= last; value += step) found.add(value);
  }
  return [...found].toSorted((a, b) => a - b);
}

function bounds(text: string, field: Field, range: string, stepped: boolean): [first: number, last: number] {
  // Sunday stands at both ends of the week; `*` means it once.
  const max = field === weekdayField ? 6 : field.max;
  if (range === '*') return [field.min, max];
  const [from = '', to, ...rest] = range.split('-');
  const first = numberIn(text, field, from);
  // `5/15` counts on from 5, as cron does.
  const named = to === undefined ? (stepped ? max : first) : numberIn(text, field, to);
  const last = field === weekdayField && to === 'SUN' ? 7 : named;
  if (rest.length > 0 || last < first) throw wrongField(text, field, range);
  return [first, last];
}

function numberIn(text: string, field: Field, word: string): number {
  const named = word === '' ? -1 : field.names.indexOf(word);
  if (named >= 0) return named;
  const value = /^\d{1,2}$/.test(word) ? Number(word) : -1;
  if (value < field.min || value > field.max) throw wrongField(text, field, word);
  return value;
}

function wrongField(text: string, field: Field, item: string): CoffreError {
  const most = field.names.length === 0 ? '' : ', or a name';
  return invalid(
    text,
    `${JSON.stringify(item)} cannot be the ${field.name}`,
    `The ${field.name} is ${field.min} to ${field.max}${most}; ranges go upwards.`,
  );
}
