/** Which sources go where, when, and how long they stay. */
import { z } from 'zod';
import {
  calendarSpan,
  durationMs,
  flag,
  leaf,
  limitMs,
  list,
  name,
  named,
  tag,
  text,
  wholeNumber,
  word,
  timetable,
} from './leaf.ts';
import { schedule } from './schedule.ts';
import { enabled, guards, hooks, priority, retries, usualGuards } from './sections.ts';

/** A source by its full name. */
export const sourceName = leaf('SITE/SOURCE', (value) =>
  /^[^/\s]+\/[^/\s]+$/u.test(value)
    ? { value }
    : { problem: 'must be written as SITE/SOURCE, for example lyon/shop_db' },
);

const keep = z.union([wholeNumber(0, 1_000_000), word(['unlimited'])], { error: 'must be a number, or unlimited' });

const floor = wholeNumber(0, 1_000_000).prefault(3).describe('Never fewer than this, whatever the rules say');

/** Named ones; first in, first out. */
const manualRules = z
  .strictObject({
    last: keep.optional().describe('Keep the last ones'),
    within: calendarSpan.optional().describe('Keep all that are not older than this'),
    floor,
  })
  .check((context) => {
    const { last, within } = context.value;
    if ((last === undefined || last === 0) && within === undefined) {
      const message = 'keeps nothing but the floor; give `last` or `within`, or leave `manual` out to keep them all';
      context.issues.push({ code: 'custom', message, path: [], input: context.value });
    }
  });

export const keepRules = z
  .strictObject({
    last: keep.optional().describe('Keep the last ones'),
    hourly: keep.optional().describe('Keep the last one of so many hours'),
    daily: keep.optional().describe('Keep the last one of so many days'),
    weekly: keep.optional().describe('Keep the last one of so many weeks'),
    monthly: keep.optional().describe('Keep the last one of so many months'),
    yearly: keep.optional().describe('Keep the last one of so many years'),
    within: calendarSpan.optional().describe('Keep all that are not older than this'),
    within_hourly: calendarSpan.optional().describe('Keep hourly ones that are not older than this'),
    within_daily: calendarSpan.optional().describe('Keep daily ones that are not older than this'),
    within_weekly: calendarSpan.optional().describe('Keep weekly ones that are not older than this'),
    within_monthly: calendarSpan.optional().describe('Keep monthly ones that are not older than this'),
    within_yearly: calendarSpan.optional().describe('Keep yearly ones that are not older than this'),
    tags: list(text, 'tags').optional().describe('Keep all that have one of these tags'),
    strategy: text
      .optional()
      .describe('A strategy that an extension brings, instead of these rules; floor and pins hold all the same'),
    floor,
    manual: manualRules
      .optional()
      .describe('The same for backups that people named; without it they stay until somebody deletes them'),
  })
  .check((context) => {
    const { floor: _, manual: _own, strategy, ...rules } = context.value;
    if (strategy !== undefined) {
      if (Object.values(rules).every((rule) => rule === undefined)) return;
      const message = 'has a `strategy` and rules; keep one of them';
      context.issues.push({ code: 'custom', message, path: [], input: context.value });
    } else if (Object.values(rules).every((rule) => rule === undefined || rule === 0)) {
      const message = 'keeps nothing but the floor; give at least one rule such as daily: 30';
      context.issues.push({ code: 'custom', message, path: [], input: context.value });
    }
  });

const checks = word(['hash', 'archive', 'open', 'parse', 'schema', 'row_counts']);

export const copy = z.strictObject({
  after: word(['each', 'manual']).optional().describe('After each backup, or only when asked'),
  schedule: timetable.optional().describe('At times of its own instead'),
  objective: durationMs.optional().describe('How far the copy may lag behind'),
  hooks: hooks.describe('Commands around the copy'),
});

export const plan = z.strictObject({
  enabled,
  sources: list(sourceName, 'sources')
    .min(1, { error: 'is empty: name at least one source' })
    .describe('What to back up, as SITE/SOURCE'),
  to: name.describe('Repository to back up into'),
  schedule: schedule.optional().describe('When; without it only by hand'),
  skip_if_unchanged: flag.prefault(false).describe('No snapshot when nothing changed'),
  copy: named(copy).prefault({}).describe('Further repositories that get a copy'),
  retention: named(keepRules)
    .prefault({})
    .describe('How long snapshots stay, by repository; for ever where nothing is said'),
  verify: z
    .strictObject({
      each: list(checks, 'checks').prefault([]).describe('What to prove after each backup'),
      daily: list(checks, 'checks').prefault([]).describe('What to prove once a day'),
      weekly: list(checks, 'checks').prefault([]).describe('What to prove once a week'),
    })
    .prefault({})
    .describe('How a backup is proved'),
  hooks: hooks.describe('Commands around the run'),
  guards: guards.prefault({}).describe('When to refuse a backup; the rest comes from `defaults`'),
  jitter: durationMs.optional().describe('Start later by up to this, always by the same amount'),
  catch_up: word(['once', 'skip']).optional().describe('What becomes of missed slots'),
  max_runtime: limitMs.optional().describe('Cancel a run that takes longer'),
  priority: priority.optional().describe('Who goes first, and how nice to other programs'),
  retries: retries.optional().describe('Further tries before a run counts as failed'),
  tags: list(tag, 'tags').prefault([]).describe('Further tags of the snapshots'),
});

export const plans = named(plan).prefault({}).describe('Which sources go where, when, and for how long');

export const defaults = z
  .strictObject({
    jitter: durationMs
      .prefault('0s')
      .describe('Start later by up to this, by an amount that stays the same for a plan'),
    catch_up: word(['once', 'skip']).prefault('once').describe('Missed slots run once, or not at all'),
    max_runtime: limitMs.prefault('24h').describe('Cancel a run that takes longer'),
    priority: priority.prefault('normal').describe('Who goes first, and how nice to other programs'),
    retries: retries.prefault({}).describe('Further tries before a run counts as failed'),
    guards: usualGuards.prefault({}).describe('When to refuse a backup'),
  })
  .prefault({})
  .describe('What holds for every plan that says nothing else');
