/** What a retention policy says, and how people write it. */
import { CoffreError } from '../errors.ts';
import type { TagList } from '../browse/select.ts';

/** A stretch of calendar time; written `1y5m7d2h`. */
export type CalendarSpan = {
  readonly years: number;
  readonly months: number;
  readonly days: number;
  readonly hours: number;
};

export type KeepCount = number | 'unlimited';

/** A snapshot stays when one rule keeps it. Absent rules and counts of 0 keep nothing. */
export type RetentionPolicy = {
  readonly last?: KeepCount;
  readonly hourly?: KeepCount;
  readonly daily?: KeepCount;
  readonly weekly?: KeepCount;
  readonly monthly?: KeepCount;
  readonly yearly?: KeepCount;
  /** All that are newer than this, seen from the newest snapshot of the group. */
  readonly within?: CalendarSpan;
  readonly withinHourly?: CalendarSpan;
  readonly withinDaily?: CalendarSpan;
  readonly withinWeekly?: CalendarSpan;
  readonly withinMonthly?: CalendarSpan;
  readonly withinYearly?: CalendarSpan;
  /** All that have every tag of one of these lists. */
  readonly tags?: readonly TagList[];
};

export const countRules = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type CountRule = (typeof countRules)[number];

export const withinRules = [
  ['withinHourly', 'hourly'],
  ['withinDaily', 'daily'],
  ['withinWeekly', 'weekly'],
  ['withinMonthly', 'monthly'],
  ['withinYearly', 'yearly'],
] as const;

/** Without a single rule that could keep something: counts of 0 and spans of nothing keep nothing. */
export function isEmptyPolicy(policy: RetentionPolicy): boolean {
  const spans = [policy.within, ...withinRules.map(([rule]) => policy[rule])];
  return (
    (policy.tags ?? []).length === 0 &&
    countRules.every((rule) => (policy[rule] ?? 0) === 0) &&
    spans.every((span) => span === undefined || isZeroSpan(span))
  );
}

/** It reaches no further back than the newest snapshot. */
export function isZeroSpan(span: CalendarSpan): boolean {
  return span.years === 0 && span.months === 0 && span.days === 0 && span.hours === 0;
}

/** @throws {CoffreError} USAGE */
export function parseKeepCount(text: string): KeepCount {
  if (text === 'unlimited') return text;
  if (!/^\+?\d{1,9}$/.test(text)) {
    throw new CoffreError('USAGE', `${JSON.stringify(text)} is not a number of snapshots to keep`, {
      hint: 'Use a number from 0 up, or `unlimited`.',
    });
  }
  return Number(text);
}

const units = { y: 'years', m: 'months', d: 'days', h: 'hours' } as const;

/** A unit given twice counts once, the last time. @throws {CoffreError} USAGE */
export function parseSpan(text: string): CalendarSpan {
  const span = { years: 0, months: 0, days: 0, hours: 0 };
  const trimmed = text.trim();
  if (!/^(?:\d{1,6}[ymdh])*$/.test(trimmed)) {
    throw new CoffreError('USAGE', `${JSON.stringify(text)} is not a duration`, {
      hint: 'Write years, months, days and hours like 1y5m7d2h.',
    });
  }
  for (const [, count, unit] of trimmed.matchAll(/(\d+)([ymdh])/g)) {
    span[units[unit as keyof typeof units]] = Number(count);
  }
  return span;
}

export function formatSpan(span: CalendarSpan): string {
  return Object.entries(units)
    .map(([letter, unit]) => (span[unit] === 0 ? '' : `${span[unit]}${letter}`))
    .join('');
}

/** One line, as restic says it after `Applying Policy:`. */
export function describePolicy(policy: RetentionPolicy): string {
  const counted = countRules.flatMap((rule) => {
    const count = policy[rule] ?? 0;
    if (count === 0) return [];
    return [`${count === 'unlimited' ? 'all' : count} ${rule === 'last' ? 'latest' : rule}`];
  });
  const windows = withinRules.flatMap(([rule, word]) => {
    const span = policy[rule];
    return span === undefined || isZeroSpan(span) ? [] : [`${word} snapshots within ${formatSpan(span)}`];
  });
  let text = [...(counted.length > 0 ? [`${counted.join(', ')} snapshots`] : []), ...windows].join(', ');
  const also = (more: string): void => void (text += text === '' ? more : ` and ${more}`);
  if ((policy.tags ?? []).length > 0) {
    also(`all snapshots with tags [${(policy.tags ?? []).map((list) => formatTagList(list)).join(' ')}]`);
  }
  if (policy.within !== undefined && !isZeroSpan(policy.within)) {
    also(`all snapshots within ${formatSpan(policy.within)} of the newest`);
  }
  return text === '' ? 'remove' : `keep ${text}`;
}

export function formatTagList(list: TagList): string {
  return `[${list.join(', ')}]`;
}
