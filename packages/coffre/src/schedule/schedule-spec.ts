/**
 * When a plan runs, parsed: a plain value that can be printed, compared and stored as JSON.
 *
 * Text becomes such a value in `parse-trigger.ts` (cron, words, times, periods) and `window.ts`; nothing here is
 * checked again. Instants are milliseconds UTC; a zone is only used to find them. The rules of daylight saving are in
 * `calendar.ts`.
 */

declare const zone: unique symbol;

/** A time zone that exists, as `parseZone` (zone.ts) gives it: `Europe/Paris`. */
export type ZoneName = string & { readonly [zone]: true };

/** 0 is Sunday, as in cron. */
export type Weekday = 0 | 1 | 2 | 3 | 4 | 5 | 6;

export type ScheduleSpec = {
  /** What starts the plan; it is due whenever any of these is. Two that are due at one instant are one slot. */
  readonly triggers: readonly Trigger[];
  /** Slots in which everything is read again, as if there were no parent. They are slots of their own too. */
  readonly full: readonly ClockTrigger[];
  /** Runs start inside one of these only; none means at any time. A slot outside waits until one opens. */
  readonly windows: readonly Window[];
  /** Upper bound of the delay that is added to every slot: the same every day, drawn from the plan's name. */
  readonly jitterMs: number;
  /** For slots that passed while nobody could start them: run once, however many there were, or not at all. */
  readonly catchUp: 'once' | 'skip';
  readonly enabled: boolean;
  /** Nothing starts before this instant. */
  readonly pausedUntilMs?: number;
};

/** Triggers with slots: instants that are known beforehand. */
export type ClockTrigger = CronTrigger | TimesTrigger | EveryTrigger | OnceTrigger;
/** Triggers without slots: something happens. */
export type EventTrigger = ChangeTrigger | AfterTrigger | CallTrigger | ExtensionTrigger;
export type Trigger = ClockTrigger | EventTrigger;

/** `cron: "30 2 * * *"`, five fields, in a time zone. */
export type CronTrigger = {
  readonly kind: 'cron';
  /** As it was written. */
  readonly text: string;
  readonly zone: ZoneName;
  /** Both sorted, none empty. A slot is every minute of every hour. */
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: DayRule;
  /**
   * Debian's rule: with a minute or hour field that begins with `*` the slots follow the clock as it really goes
   * (`elapsed`, 23 or 25 hourly slots when clocks change); all others name fixed times (`wall`, each once a day).
   */
  readonly follows: 'wall' | 'elapsed';
};

/** `at: ["02:30", "14:00"]`, or words: `"Sun 05:00"`, `"1st Sat 07:00"`. Fixed times, each once a day. */
export type TimesTrigger = {
  readonly kind: 'times';
  readonly text: string;
  readonly zone: ZoneName;
  /** Minutes since midnight, sorted, none empty. */
  readonly minutesOfDay: readonly number[];
  readonly days: DayRule;
};

/** `every: 6h`: a grid of elapsed time, `originMs + n × periodMs`. Runs by hand never move it. */
export type EveryTrigger = { readonly kind: 'every'; readonly periodMs: number; readonly originMs: number };

export type OnceTrigger = { readonly kind: 'once'; readonly atMs: number };

/** `on_change`: starts when the sources were quiet for `settleMs`, at the latest `atMostMs` after the first change. */
export type ChangeTrigger = { readonly kind: 'on_change'; readonly settleMs: number; readonly atMostMs: number };

/** `trigger: {use: NAME}`: an extension says when; settled as a change is. */
export type ExtensionTrigger = {
  readonly kind: 'extension';
  readonly use: string;
  /** As they are written: secrets are references. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly settleMs: number;
  readonly atMostMs: number;
};

/** `after: PLAN`: starts when a run of that plan succeeded. */
export type AfterTrigger = { readonly kind: 'after'; readonly plan: string };

/** Starts when it is asked to: by a webhook, or by a command or the API. */
export type CallTrigger = { readonly kind: 'webhook' | 'command' };

/** Which days, of a month as people name them. */
export type DayRule = {
  /** 1–12, sorted. */
  readonly months: readonly number[];
  /** 1–31, sorted; `lastDay` is the last day of the month, however long it is. */
  readonly monthDays: readonly number[];
  readonly lastDay: boolean;
  readonly weekdays: readonly Weekday[];
  readonly nthWeekdays: readonly NthWeekday[];
  /**
   * Cron's old rule: with `*` at the start of one of the two fields a day must match both, otherwise one of them is
   * enough (`0 5 13 * 5` is every 13th and every Friday).
   */
  readonly match: 'both' | 'either';
};

/** `nth` counts from 1; -1 is the last of the month. */
export type NthWeekday = { readonly nth: 1 | 2 | 3 | 4 | 5 | -1; readonly weekday: Weekday };

/**
 * From one time of day up to another on the days it opens. With `toMinute` at or before `fromMinute` it closes on the
 * next day; then its night belongs to the day on which it opened.
 */
export type Window = {
  readonly text: string;
  readonly zone: ZoneName;
  readonly weekdays: readonly Weekday[];
  /** Minutes since midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
};

/** One instant at which a plan is due. With the plan it is the key under which the slot is remembered. */
export type Slot = { readonly dueMs: number; readonly full: boolean };

export const everyWeekday: readonly Weekday[] = [0, 1, 2, 3, 4, 5, 6];
export const everyMonth: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
export const everyMonthDay: readonly number[] = Array.from({ length: 31 }, (_, index) => index + 1);

export const everyDay: DayRule = {
  months: everyMonth,
  monthDays: everyMonthDay,
  lastDay: false,
  weekdays: everyWeekday,
  nthWeekdays: [],
  match: 'both',
};

/** A schedule with these triggers and everything else as it is when nobody says anything. */
export function scheduleOf(
  triggers: readonly Trigger[],
  rest: Partial<Omit<ScheduleSpec, 'triggers'>> = {},
): ScheduleSpec {
  return { triggers, full: [], windows: [], jitterMs: 0, catchUp: 'once', enabled: true, ...rest };
}

export function isClockTrigger(trigger: Trigger): trigger is ClockTrigger {
  return trigger.kind === 'cron' || trigger.kind === 'times' || trigger.kind === 'every' || trigger.kind === 'once';
}
