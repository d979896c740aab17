/** A schedule as a sentence for people, in English and French: `every day at 02:30 (Europe/Paris)`. */
import { nextDue } from './due.ts';
import { phrasesOf } from './phrases.ts';
import type { Language, Phrases } from './phrases.ts';
import { isClockTrigger } from './schedule-spec.ts';
import type { ClockTrigger, DayRule, EventTrigger, ScheduleSpec, Window, ZoneName } from './schedule-spec.ts';
import type { Zones } from './zone.ts';

export type Description = {
  readonly sentence: string;
  /** Nominal times, without jitter. */
  readonly next: readonly { readonly dueMs: number; readonly full: boolean; readonly text: string }[];
};

/** The sentence, and the next times as clocks of the zone show them: `Sun 22 Nov 2026 02:30 +01:00`. */
export function describeSchedule(
  spec: ScheduleSpec,
  options: { nowMs: number; zone: ZoneName; zones: Zones; count?: number; language?: Language },
): Description {
  const phrases = phrasesOf(options.language ?? 'en');
  const next: { dueMs: number; full: boolean; text: string }[] = [];
  let slot = nextDue(spec, options.nowMs, options.zones);
  while (slot !== undefined && next.length < (options.count ?? 3)) {
    next.push({ ...slot, text: timeText(slot.dueMs, options.zone, phrases) });
    slot = nextDue(spec, slot.dueMs, options.zones);
  }
  return { sentence: sentenceOf(spec, phrases), next };
}

/** The sentence alone, for thousands of plans. */
export function scheduleSentence(spec: ScheduleSpec, language: Language = 'en'): string {
  return sentenceOf(spec, phrasesOf(language));
}

export function timeText(instantMs: number, zone: ZoneName, phrases: Phrases): string {
  const time = Temporal.Instant.fromEpochMilliseconds(instantMs).toZonedDateTimeISO(zone);
  const clock = time.toPlainTime().toString({ smallestUnit: time.second === 0 ? 'minute' : 'second' });
  const day = `${phrases.shortDays[time.dayOfWeek % 7]!} ${time.day} ${phrases.shortMonths[time.month - 1]!} ${time.year}`;
  return `${day} ${clock} ${time.offset}`;
}

function sentenceOf(spec: ScheduleSpec, phrases: Phrases): string {
  const parts = spec.triggers.map((trigger) => triggerText(trigger, phrases));
  const sentence = [
    parts.length === 0 ? phrases.never : parts.join(`, ${phrases.and} `),
    ...(spec.full.length === 0
      ? []
      : [phrases.full(spec.full.map((trigger) => triggerText(trigger, phrases)).join(', '))]),
    ...(spec.windows.length === 0
      ? []
      : [phrases.window(spec.windows.map((window) => windowText(window, phrases)).join(', '))]),
    ...(spec.jitterMs === 0 ? [] : [phrases.jitter(phrases.duration(spec.jitterMs))]),
  ].join('; ');
  const zones = new Set(spec.triggers.flatMap((trigger) => ('zone' in trigger ? [trigger.zone] : [])));
  const where = zones.size === 0 ? '' : ` (${[...zones].join(', ')})`;
  return `${sentence}${where}${spec.enabled ? '' : `; ${phrases.disabled}`}`;
}

function triggerText(trigger: ClockTrigger | EventTrigger, phrases: Phrases): string {
  if (isClockTrigger(trigger)) return clockText(trigger, phrases);
  switch (trigger.kind) {
    case 'on_change':
      return phrases.onChange(phrases.duration(trigger.settleMs), phrases.duration(trigger.atMostMs));
    case 'after':
      return phrases.after(trigger.plan);
    case 'webhook':
      return phrases.webhook;
    case 'command':
      return phrases.command;
    case 'extension':
      return phrases.extension(trigger.use, phrases.duration(trigger.settleMs));
    default:
      return trigger satisfies never;
  }
}

function clockText(trigger: ClockTrigger, phrases: Phrases): string {
  switch (trigger.kind) {
    case 'every':
      return phrases.every(phrases.duration(trigger.periodMs));
    case 'once':
      return phrases.once(new Date(trigger.atMs).toISOString().slice(0, 16).replace('T', ' '));
    case 'times':
      return `${daysText(trigger.days, phrases)} ${phrases.at} ${list(trigger.minutesOfDay.map(clockFace), phrases)}`;
    case 'cron': {
      const { minutes, hours } = trigger;
      if (minutes.length * hours.length <= 4) {
        const times = hours.flatMap((hour) => minutes.map((minute) => clockFace(hour * 60 + minute)));
        return `${daysText(trigger.days, phrases)} ${phrases.at} ${list(times, phrases)}`;
      }
      const within = hours.length === 24 ? phrases.everyHour : phrases.inHours(ranges(hours));
      const often = minutes.length === 60 ? phrases.everyMinute : phrases.atMinutes(ranges(minutes));
      return `${daysText(trigger.days, phrases)}, ${within}, ${often}`;
    }
    default:
      return trigger satisfies never;
  }
}

function daysText(days: DayRule, phrases: Phrases): string {
  const byMonth = [
    ...(days.monthDays.length === 31 ? [] : days.monthDays.map(phrases.monthDay)),
    ...(days.lastDay && days.monthDays.length < 31 ? [phrases.lastDay] : []),
  ];
  const anyWeekday = days.weekdays.length === 7;
  const byWeek = anyWeekday
    ? []
    : [
        ...(days.weekdays.length === 0 ? [] : [weekdaysText(days.weekdays, phrases)]),
        ...days.nthWeekdays.map(({ nth, weekday }) => phrases.nthWeekday(nth, weekday)),
      ];
  const both = [list(byMonth, phrases), list(byWeek, phrases)].filter((part) => part !== '');
  const joined = both.join(days.match === 'either' ? `, ${phrases.and} ` : phrases.ifAlso);
  const months =
    days.months.length === 12
      ? ''
      : ` ${phrases.inMonths(
          list(
            days.months.map((month) => phrases.months[month - 1]!),
            phrases,
          ),
        )}`;
  return `${joined === '' ? phrases.everyDay : joined}${months}`;
}

function weekdaysText(weekdays: readonly number[], phrases: Phrases): string {
  if (weekdays.join('') === '12345') return phrases.weekdays;
  return list(
    weekdays.map((weekday) => phrases.days[weekday]!),
    phrases,
  );
}

function windowText(window: Window, phrases: Phrases): string {
  const hours = `${clockFace(window.fromMinute)}–${clockFace(window.toMinute)}`;
  return window.weekdays.length === 7 ? hours : `${weekdaysText(window.weekdays, phrases)} ${hours}`;
}

function list(items: readonly string[], phrases: Phrases): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} ${phrases.and} ${items.at(-1)!}`;
}

/** `0, 15–20, 30`. */
function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let first = 0; first < numbers.length;) {
    let last = first;
    while (numbers[last + 1] === numbers[last]! + 1) last += 1;
    parts.push(last - first < 2 ? numbers.slice(first, last + 1).join(', ') : `${numbers[first]!}–${numbers[last]!}`);
    first = last + 1;
  }
  return parts.join(', ');
}

function clockFace(minuteOfDay: number): string {
  return `${String(Math.floor(minuteOfDay / 60)).padStart(2, '0')}:${String(minuteOfDay % 60).padStart(2, '0')}`;
}
