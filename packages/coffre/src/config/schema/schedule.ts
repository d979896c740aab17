/** When something is due. */
import { z } from 'zod';
import { readCron, readEvery, readTimes } from '../values/schedule-text.ts';
import {
  durationMs,
  extensionSettings,
  flag,
  leaf,
  list,
  localDateTime,
  name,
  text,
  timetable,
  timeWindow,
  timeZone,
} from './leaf.ts';

export const cron = leaf('a cron line such as "30 2 * * *"', readCron);
export const calendarTime = leaf('a time such as 02:30, Sun 05:00 or 1st Sat 07:00', readTimes);

/** Several of it, or one without brackets. */
export function oneOrMore<T extends z.ZodType>(item: T, noun: string) {
  return z.union([item.transform((only: z.output<T>) => [only]), list(item, noun)]);
}

const onChange = z.union([
  flag,
  z.strictObject({
    settle: durationMs.prefault('2s').describe('Wait until nothing has changed for so long'),
    at_most: durationMs.prefault('30s').describe('Never more often than this'),
  }),
]);

const trigger = z.strictObject({
  use: text.describe('What the extension calls it'),
  settings: extensionSettings.describe('As the extension understands them; secrets as ${secret:name}'),
  settle: durationMs.prefault('2s').describe('Wait until it has not fired for so long'),
  at_most: durationMs.prefault('30s').describe('But no longer than this after it fired first'),
});

export const schedule = z.union([
  timetable,
  z.strictObject({
    cron: oneOrMore(cron, 'cron lines').optional().describe('Cron lines of five fields, read in the time zone'),
    every: leaf('a period such as 30s, 15m or 6h', readEvery)
      .optional()
      .describe('A fixed grid of time; runs by hand do not move it'),
    at: oneOrMore(calendarTime, 'times')
      .optional()
      .describe('Times of day, with weekday or day of the month where wanted'),
    on_change: onChange.optional().describe('When something changes in the sources'),
    after: oneOrMore(name, 'plans').optional().describe('When another plan has ended well'),
    once: localDateTime.optional().describe('A single time, by the clock of the time zone'),
    webhook: flag.optional().describe('When the address of the plan is called, as by git push or before a deployment'),
    trigger: oneOrMore(trigger, 'triggers').optional().describe('When a trigger fires that an extension brings'),
    window: oneOrMore(timeWindow, 'windows').optional().describe('Begin only within these hours'),
    full: z
      .union([timetable, z.strictObject({ cron: oneOrMore(cron, 'cron lines').describe('Cron lines of five fields') })])
      .optional()
      .describe('Slots that read every file again instead of trusting size and time'),
    timezone: timeZone.optional().describe('Another time zone than that of the whole file'),
  }),
]);
