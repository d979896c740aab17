import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCoffreError } from '@coffre/repository/opening';
import { parseEvery, parseOnce, parseTimes, parseTrigger } from './parse-trigger.ts';
import { parseWindow } from './window.ts';
import { parseZone } from './zone.ts';

const utc = parseZone('UTC');

function cronOf(line: string): {
  days: Record<string, unknown>;
  minutes: readonly number[];
  hours: readonly number[];
  follows: string;
} {
  const trigger = parseTrigger(line, utc);
  assert.equal(trigger.kind, 'cron');
  if (trigger.kind !== 'cron') throw new TypeError(line);
  return { ...trigger, days: trigger.days };
}

describe('a cron line', () => {
  test('has lists, ranges, steps and names', () => {
    assert.deepEqual(cronOf('5/20 * * * *').minutes, [5, 25, 45]);
    assert.deepEqual(cronOf('10-40/15,0 * * * *').minutes, [0, 10, 25, 40]);
    assert.deepEqual(cronOf('0 0 * jan-mar/2,Dec *').days['months'], [1, 3, 12]);
    assert.deepEqual(cronOf('0 0 * * 5-7').days['weekdays'], [0, 5, 6]);
    assert.deepEqual(cronOf('0 0 * * Mon-Sun').days['weekdays'], [0, 1, 2, 3, 4, 5, 6]);
    assert.deepEqual(cronOf('0 0 * * */2').days['weekdays'], [0, 2, 4, 6]);
    assert.deepEqual(cronOf('  @Daily ').hours, [0]);
    assert.deepEqual(cronOf('weekly').days['weekdays'], [0]);
  });

  test('has last days and days counted in the month', () => {
    const { days } = cronOf('0 0 15,L * FRI#2,1L,3');
    assert.deepEqual(
      [days['monthDays'], days['lastDay'], days['weekdays'], days['nthWeekdays'], days['match']],
      [
        [15],
        true,
        [3],
        [
          { weekday: 5, nth: 2 },
          { weekday: 1, nth: -1 },
        ],
        'either',
      ],
    );
  });

  test('follows the clock when minute or hour begins with a star, and names fixed times otherwise', () => {
    for (const line of ['* 2 * * *', '*/5 2 * * *', '30 * * * *', '30 */2 * * *', '@hourly']) {
      assert.equal(cronOf(line).follows, 'elapsed', line);
    }
    for (const line of ['0 2 * * *', '0-59 2 * * *', '0 0-23 * * *', '@daily'])
      assert.equal(cronOf(line).follows, 'wall', line);
  });
});

describe('what cannot be used is refused in a sentence with a hint', () => {
  const cases: readonly (readonly [text: string, why: RegExp])[] = [
    ['', /neither a cron line nor a time/],
    ['* * *', /neither a cron line nor a time/],
    ['60 * * * *', /"60" cannot be the minute/],
    ['* 24 * * *', /"24" cannot be the hour/],
    ['* * 0 * *', /"0" cannot be the day of the month/],
    ['* * * 13 *', /"13" cannot be the month/],
    ['* * * * 8', /"8" cannot be the day of the week/],
    ['* * * * MON#6', /cannot be the day of the week/],
    ['*/0 * * * *', /"\*\/0" cannot be the minute/],
    ['5-1 * * * *', /"5-1" cannot be the minute/],
    ['1,,2 * * * *', /cannot be the minute/],
    ['1- * * * *', /cannot be the minute/],
    ['1e1 * * * *', /cannot be the minute/],
    ['-1 * * * *', /cannot be the minute/],
    ['0 0 31 2 *', /no such day ever comes/],
    ['0 0 30 2 *', /no such day ever comes/],
    ['0 0 31 4,6,9,11 *', /no such day ever comes/],
    ['0 0 */10 2 FRIL', /no such day ever comes/],
    ['@sometimes', /not a shorthand/],
    ['25:00', /"25:00" is not a time of day/],
    ['2:5', /"2:5" is not a time of day/],
    ['Sum 05:00', /"sum" is not a day/],
    ['6th Sat 07:00', /no month has a 6th of a weekday/],
    ['32nd 07:00', /"32nd" is not a day/],
    ['1st Sat Sun 07:00', /is not a day/],
    ['every 0s', /the period cannot be read/],
    ['every 6x', /the period cannot be read/],
    ['once 2026-02-30 10:00', /there is no such time/],
    ['once tomorrow', /the time cannot be read/],
  ];
  for (const [text, why] of cases) {
    test(JSON.stringify(text), () => {
      assert.throws(
        () => parseTrigger(text, utc),
        (error) => isCoffreError(error, 'SCHEDULE_INVALID') && why.test(error.message) && error.hint !== undefined,
      );
    });
  }

  test('also an empty list, a window without end and a zone that nobody knows', () => {
    for (const refused of [
      () => parseTimes([], utc),
      () => parseWindow('19:00', utc),
      () => parseWindow('19:00-25:00', utc),
      () => parseZone('Europe/Lyon'),
      () => parseZone(''),
    ]) {
      assert.throws(refused, (error) => isCoffreError(error, 'SCHEDULE_INVALID') && error.hint !== undefined);
    }
  });
});

test('a leap day, a fifth weekday and the 31st are days that come', () => {
  for (const text of ['0 0 29 2 *', '5th Mon 07:00', '31st 07:00', '0 0 */28 2 1#5']) parseTrigger(text, utc);
});

test('periods and single times are read', () => {
  assert.equal(parseEvery('1d 12h').periodMs, 36 * 3_600_000);
  assert.equal(parseEvery('90s').periodMs, 90_000);
  assert.equal(parseOnce('2026-12-24T18:00:00+01:00', utc).atMs, Date.parse('2026-12-24T17:00:00Z'));
  // 02:30 is skipped that night.
  assert.equal(parseOnce('2026-03-29 02:30', parseZone('Europe/Paris')).atMs, Date.parse('2026-03-29T01:00:00Z'));
});
