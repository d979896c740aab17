import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { createSeededRandom } from '@coffre/repository/testing';
import { dueBetween, fullBetween, lastDue, nextDue } from './due.ts';
import { parseCron } from './cron.ts';
import { parseEvery, parseOnce, parseTrigger } from './parse-trigger.ts';
import { scheduleOf } from './schedule-spec.ts';
import type { ScheduleSpec } from './schedule-spec.ts';
import { compareWithWalker } from './testing/compare.ts';
import { samplePlan, sampleZones } from './testing/sample-plans.ts';
import { parseZone, Zones } from './zone.ts';

const zones = new Zones();
const paris = parseZone('Europe/Paris');
const hourMs = 3_600_000;

const instants = fc.integer({ min: Date.UTC(2005, 0), max: Date.UTC(2045, 0) });
const schedules: fc.Arbitrary<ScheduleSpec> = fc
  .record({
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    zone: fc.constantFrom(...sampleZones),
    triggers: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ seed, zone, triggers }) => {
    const random = createSeededRandom(seed);
    const drawn = Array.from({ length: triggers }, () => samplePlan(random, parseZone(zone)).trigger);
    return scheduleOf(drawn, { full: random.chance(0.3) ? [samplePlan(random, parseZone(zone)).trigger] : [] });
  });

describe('slots', () => {
  for (const [index, zone] of sampleZones.entries()) {
    test(`are those a walker over minutes finds, around every change of clocks in ${zone}`, () => {
      // 2011 has Samoa's missing day.
      for (const [fromDay, toDay] of [
        ['2011-12-28', '2012-01-03'],
        ['2026-03-06', '2026-04-08'],
        ['2026-09-25', '2026-11-05'],
      ] as const) {
        const { differences } = compareWithWalker({
          zone,
          plans: 10,
          random: createSeededRandom(index),
          fromMs: Date.parse(fromDay),
          toMs: Date.parse(toDay),
          zones,
        });
        assert.deepEqual(differences, []);
      }
    });
  }

  test('between two instants are those up to any instant between, then those after it', () => {
    fc.assert(
      fc.property(
        schedules,
        instants,
        fc.nat(3 * 86_400_000),
        fc.nat(3 * 86_400_000),
        (spec, fromMs, first, second) => {
          const middleMs = fromMs + first;
          const toMs = middleMs + second;
          const parts = [...dueBetween(spec, fromMs, middleMs, zones), ...dueBetween(spec, middleMs, toMs, zones)];
          assert.deepEqual([...dueBetween(spec, fromMs, toMs, zones)], parts);
        },
      ),
    );
  });

  test('come strictly after, and none lies before the next', () => {
    fc.assert(
      fc.property(schedules, instants, fc.double({ min: 0, max: 1, noNaN: true }), (spec, afterMs, share) => {
        const next = nextDue(spec, afterMs, zones);
        if (next === undefined) return;
        assert.ok(next.dueMs > afterMs);
        const between = afterMs + Math.floor((next.dueMs - 1 - afterMs) * share);
        assert.deepEqual(nextDue(spec, between, zones), next);
      }),
    );
  });

  test('the last one is the last of all', () => {
    fc.assert(
      fc.property(schedules, instants, fc.nat(5 * 86_400_000), (spec, fromMs, length) => {
        const all = [...dueBetween(spec, fromMs, fromMs + length, zones)];
        assert.deepEqual(lastDue(spec, fromMs, fromMs + length, zones), all.at(-1));
        assert.equal(
          fullBetween(spec, fromMs, fromMs + length, zones),
          all.some(({ full }) => full),
        );
      }),
    );
  });

  test('are the same whichever instants were asked about before', () => {
    fc.assert(
      fc.property(schedules, fc.array(instants, { minLength: 2, maxLength: 6 }), (spec, asked) => {
        const used = new Zones();
        for (const afterMs of asked)
          assert.deepEqual(nextDue(spec, afterMs, used), nextDue(spec, afterMs, new Zones()));
      }),
      { numRuns: 40 },
    );
  });

  test('of a year asleep are not counted to find the last', () => {
    const spec = scheduleOf([parseEvery('1s')]);
    assert.deepEqual(lastDue(spec, 0, Date.UTC(2026, 0) + 999, zones), { dueMs: Date.UTC(2026, 0), full: false });
  });

  test('of a fixed period lie on a grid from its origin, also before it', () => {
    const spec = scheduleOf([parseEvery('6h', Date.UTC(2026, 10, 21, 1, 30))]);
    assert.equal(nextDue(spec, Date.UTC(2026, 10, 21, 1, 30), zones)?.dueMs, Date.UTC(2026, 10, 21, 7, 30));
    assert.equal(nextDue(spec, Date.UTC(2026, 10, 20), zones)?.dueMs, Date.UTC(2026, 10, 20, 1, 30));
  });

  test('of two triggers at one instant are one slot, and full when one of them reads everything', () => {
    const spec = scheduleOf([parseEvery('1h')], { full: [parseCron('0 4 * * 0', paris)] });
    const sundayMs = Date.parse('2026-11-22T03:00:00Z');
    assert.deepEqual(
      [...dueBetween(spec, sundayMs - hourMs, sundayMs + hourMs, zones)],
      [
        { dueMs: sundayMs, full: true },
        { dueMs: sundayMs + hourMs, full: false },
      ],
    );
  });

  test('end after a single time, and never begin with events only', () => {
    const once = scheduleOf([parseOnce('2026-12-24 18:00', paris)]);
    const atMs = Date.parse('2026-12-24T17:00:00Z');
    assert.equal(nextDue(once, atMs - 1, zones)?.dueMs, atMs);
    assert.equal(nextDue(once, atMs, zones), undefined);
    assert.equal(nextDue(scheduleOf([{ kind: 'webhook' }, { kind: 'after', plan: 'db' }]), 0, zones), undefined);
  });

  test('of a leap day that is a fifth Monday are found decades ahead', () => {
    const spec = scheduleOf([parseTrigger('0 0 */28 2 1#5', parseZone('UTC'))]);
    assert.equal(nextDue(spec, Date.UTC(2020, 0), zones)?.dueMs, Date.UTC(2044, 1, 29));
  });
});
