import type { Command } from '@commander-js/extra-typings';
import { describeSchedule } from '../schedule/describe.ts';
import { parseTrigger } from '../schedule/parse-trigger.ts';
import { scheduleOf } from '../schedule/schedule-spec.ts';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { parseZone, Zones } from '../schedule/zone.ts';
import type { Cli } from './cli.ts';
import { parseChoice, parseWholeNumber, usage } from './values.ts';

const countMax = 1000;

export function defineSchedule(command: Command, cli: Cli): void {
  command
    .argument('<when...>', "a cron line, 'Sun 05:00', '1st Sat 07:00', 'every 6h' or 'once 2026-12-24 18:00'")
    .option('--zone <zone>', 'read it in this time zone, such as Europe/Paris (default: that of this machine)')
    .option(
      '--from <time>',
      "the next times from then on, as '2026-10-25' or '2026-10-25 01:30', on the clock of --zone (default: now)",
    )
    .option('--count <n>', 'show so many of the next times', '3')
    .option('--language <language>', 'en or fr', 'en')
    .action((words, options) => {
      const zone = parseZone(options.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
      const count = parseWholeNumber(options.count, '--count');
      if (count > countMax) throw usage(`--count cannot be more than ${countMax}`);
      const language = parseChoice(options.language, '--language', ['en', 'fr']);
      const spec = scheduleOf([parseTrigger(words.join(' '), zone)]);
      const { sentence, next } = describeSchedule(spec, {
        // What is due at this very instant belongs to what was asked for.
        nowMs: options.from === undefined ? Date.now() : startOf(options.from, zone) - 1,
        zone,
        zones: new Zones(),
        count,
        language,
      });
      const printer = cli.printer();
      if (printer.json) {
        printer.message({
          schema: 'coffre.schedule/1',
          message_type: 'schedule',
          schedule: words.join(' '),
          zone,
          sentence,
          next: next.map(({ dueMs, text }) => ({ at: new Date(dueMs).toISOString(), local: text })),
        });
        return;
      }
      printer.always(sentence);
      for (const { text } of next) printer.always(`  ${text}`);
      if (next.length === 0 && count > 0) printer.always('  no time left');
    });
}

/** A day means its beginning; an hour that comes twice its first, so that a night can be seen whole. */
function startOf(text: string, zone: ZoneName): number {
  const [, day, time, offset] =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?) ?(Z|[+-]\d\d:?\d\d)?)?$/.exec(text.trim()) ?? [];
  try {
    if (day === undefined) throw new RangeError('no time');
    if (offset !== undefined) return Temporal.Instant.from(`${day}T${time}${offset}`).epochMilliseconds;
    if (time === undefined) return Temporal.PlainDate.from(day).toZonedDateTime(zone).epochMilliseconds;
    return Temporal.PlainDateTime.from(`${day}T${time}`).toZonedDateTime(zone, { disambiguation: 'earlier' })
      .epochMilliseconds;
  } catch {
    throw usage(
      `--from needs a time, not ${JSON.stringify(text)}`,
      `Write '2026-10-25' or '2026-10-25 01:30', on the clock of ${zone}, or with an offset: '2026-10-25T01:30+02:00'.`,
    );
  }
}
