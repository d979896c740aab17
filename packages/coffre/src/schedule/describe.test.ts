import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeSchedule } from './describe.ts';
import { parseEvery, parseTrigger } from './parse-trigger.ts';
import { scheduleOf } from './schedule-spec.ts';
import type { ScheduleSpec } from './schedule-spec.ts';
import { parseWindow } from './window.ts';
import { parseZone, Zones } from './zone.ts';

const zones = new Zones();
const paris = parseZone('Europe/Paris');
const nowMs = Date.parse('2026-11-21T17:00:00Z');
const say = (spec: ScheduleSpec, language: 'en' | 'fr' = 'en'): string =>
  describeSchedule(spec, { nowMs, zone: paris, zones, language }).sentence;

describe('a sentence', () => {
  for (const [text, english, french] of [
    ['30 2 * * *', 'every day at 02:30', 'tous les jours à 02:30'],
    ['02:30, 14:00', 'every day at 02:30 and 14:00', 'tous les jours à 02:30 et 14:00'],
    ['0 * * * *', 'every day, every hour, at minute 0', 'tous les jours, toutes les heures, à la minute 0'],
    [
      '*/30 8-18 * * 1-5',
      'Monday to Friday, in hours 8–18, at minute 0, 30',
      'du lundi au vendredi, aux heures 8–18, à la minute 0, 30',
    ],
    ['Sun 05:00', 'Sunday at 05:00', 'dimanche à 05:00'],
    ['1st Sat 07:00', 'the 1st Saturday of the month at 07:00', 'le 1er samedi du mois à 07:00'],
    ['last day 23:00', 'the last day of the month at 23:00', 'le dernier jour du mois à 23:00'],
    ['0 5 13 * 5', 'the 13th, and Friday at 05:00', 'le 13, et vendredi à 05:00'],
    [
      '0 5 1-7,22 */6 *',
      'the 1st, the 2nd, the 3rd, the 4th, the 5th, the 6th, the 7th and the 22nd in January and July at 05:00',
      undefined,
    ],
    ['0 5 */13 * 5', 'the 1st, the 14th and the 27th that is also Friday at 05:00', undefined],
  ] as const) {
    test(`says what ${text} means`, () => {
      assert.equal(say(scheduleOf([parseTrigger(text, paris)])), `${english} (Europe/Paris)`);
      if (french !== undefined)
        assert.equal(say(scheduleOf([parseTrigger(text, paris)]), 'fr'), `${french} (Europe/Paris)`);
    });
  }

  test('says windows, delays, full reads and events', () => {
    const spec = scheduleOf([parseEvery('6h'), { kind: 'on_change', settleMs: 2000, atMostMs: 30_000 }], {
      full: [parseTrigger('Sun 04:00', paris)],
      windows: [parseWindow('Mon-Fri 19:00-07:00', paris)],
      jitterMs: 600_000,
    });
    assert.equal(
      say(spec),
      'every 6 h, and when something changed and then 2 s nothing, after 30 s at the latest; reading everything again Sunday at 04:00; starting only Monday to Friday 19:00–07:00; up to 10 min later, always by the same delay',
    );
    assert.equal(say(scheduleOf([], { enabled: false })), 'never by itself; switched off');
  });
});

test('the next times are local, with their offset', () => {
  const options = { zone: paris, zones, nowMs: Date.parse('2026-10-23T20:00:00Z') };
  const { next } = describeSchedule(scheduleOf([parseTrigger('30 2 * * *', paris)]), options);
  assert.deepEqual(
    next.map(({ text }) => text),
    ['Sat 24 Oct 2026 02:30 +02:00', 'Sun 25 Oct 2026 02:30 +02:00', 'Mon 26 Oct 2026 02:30 +01:00'],
  );
  const french = describeSchedule(scheduleOf([parseTrigger('30 2 * * *', paris)]), {
    ...options,
    language: 'fr',
    count: 1,
  });
  assert.equal(french.next[0]?.text, 'sam. 24 oct. 2026 02:30 +02:00');
});
