/** Days, weeks and months as the company's clocks show them. */
import { CoffreError } from '@coffre/repository/opening';
import type { ZoneName } from '../schedule/schedule-spec.ts';

export const reportSpans = ['daily', 'weekly', 'monthly'] as const;
export type ReportSpan = (typeof reportSpans)[number];

export type Period = {
  readonly span: ReportSpan;
  readonly fromMs: number;
  /** Not in it any more. */
  readonly toMs: number;
  /** First and last day, as `2026-11-16`. */
  readonly firstDay: string;
  readonly lastDay: string;
  /** Where each of its days begins, and where the last one ends. */
  readonly dayStartsMs: readonly number[];
  /** The one before, of the same kind. */
  readonly before: { readonly fromMs: number; readonly toMs: number };
};

/**
 * The period that a day lies in; without one the last that is over. Weeks begin on Monday.
 * @param at a day, as `2026-11-21`
 * @throws {CoffreError} USAGE
 */
export function periodOf(span: ReportSpan, at: string | undefined, nowMs: number, zone: ZoneName): Period {
  const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(zone).toPlainDate();
  const first = at === undefined ? stepBack(startOf(today, span), span) : startOf(dayOf(at), span);
  const end = stepOn(first, span);
  const before = stepBack(first, span);
  const instant = (day: Temporal.PlainDate): number => day.toZonedDateTime(zone).epochMilliseconds;
  const dayStartsMs: number[] = [];
  for (let day = first; Temporal.PlainDate.compare(day, end) <= 0; day = day.add({ days: 1 }))
    dayStartsMs.push(instant(day));
  if (instant(first) > nowMs) {
    throw new CoffreError('USAGE', `${first.toString()} is still to come`, { hint: 'Give a day that has begun.' });
  }
  return {
    span,
    fromMs: instant(first),
    toMs: instant(end),
    firstDay: first.toString(),
    lastDay: end.subtract({ days: 1 }).toString(),
    dayStartsMs,
    before: { fromMs: instant(before), toMs: instant(first) },
  };
}

function dayOf(text: string): Temporal.PlainDate {
  try {
    if (!/^\d{4}-\d\d-\d\d$/.test(text)) throw new RangeError('not a day');
    return Temporal.PlainDate.from(text, { overflow: 'reject' });
  } catch (cause) {
    const hint = 'Write it as 2026-11-21.';
    throw new CoffreError('USAGE', `--at needs a day, not ${JSON.stringify(text)}`, { hint, cause });
  }
}

function startOf(day: Temporal.PlainDate, span: ReportSpan): Temporal.PlainDate {
  switch (span) {
    case 'daily':
      return day;
    case 'weekly':
      return day.subtract({ days: day.dayOfWeek - 1 });
    case 'monthly':
      return day.with({ day: 1 });
    default:
      return span satisfies never;
  }
}

const steps = { daily: { days: 1 }, weekly: { days: 7 }, monthly: { months: 1 } } as const;

function stepOn(first: Temporal.PlainDate, span: ReportSpan): Temporal.PlainDate {
  return first.add(steps[span]);
}

function stepBack(first: Temporal.PlainDate, span: ReportSpan): Temporal.PlainDate {
  return first.subtract(steps[span]);
}
