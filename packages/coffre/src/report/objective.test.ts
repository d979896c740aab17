import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { objectiveKept } from './objective.ts';

const between = { fromMs: 1000, toMs: 2000 };

test('a promise holds while the newest backup is young enough, from when it was ready', () => {
  const backups = [
    { startedMs: 900, endedMs: 950 },
    { startedMs: 1400, endedMs: 1450 },
    { startedMs: 1900, endedMs: 1910 },
  ];
  assert.deepEqual(objectiveKept(backups, 550, between), { isMet: true, keptShare: 1, worstAgeMs: 550 });
  assert.deepEqual(objectiveKept(backups, 500, between), { isMet: false, keptShare: 1 - 60 / 1000, worstAgeMs: 550 });
});

test('without any backup nothing is kept', () => {
  assert.deepEqual(objectiveKept([], 500, between), { isMet: false, keptShare: 0, worstAgeMs: undefined });
});

test('the first backup is waited for from when its plan was made', () => {
  const wanted = { ...between, createdMs: 1000 };
  assert.equal(objectiveKept([{ startedMs: 1300, endedMs: 1400 }], 700, wanted).isMet, true);
  assert.equal(objectiveKept([{ startedMs: 1300, endedMs: 1400 }], 300, wanted).keptShare, 1 - (100 + 400) / 1000);
});

test('it says what a walk over every moment says', () => {
  const backup = fc
    .record({ startedMs: fc.integer({ min: 0, max: 100 }), tookMs: fc.integer({ min: 0, max: 20 }) })
    .map(({ startedMs, tookMs }) => ({ startedMs, endedMs: startedMs + tookMs }));
  fc.assert(
    fc.property(fc.array(backup, { maxLength: 8 }), fc.integer({ min: 1, max: 60 }), (backups, objectiveMs) => {
      const period = { fromMs: 10, toMs: 90 };
      let kept = 0;
      for (let atMs = period.fromMs; atMs < period.toMs; atMs += 1) {
        const ready = backups.filter(({ endedMs }) => endedMs <= atMs).map(({ startedMs }) => startedMs);
        // From `atMs` up to the next moment: old enough to be broken at its start.
        if (ready.length > 0 && atMs - Math.max(...ready) < objectiveMs) kept += 1;
      }
      const found = objectiveKept(
        backups.toSorted((one, other) => one.startedMs - other.startedMs),
        objectiveMs,
        period,
      );
      assert.ok(Math.abs(found.keptShare - kept / 80) < 1e-9, `${found.keptShare} and ${kept / 80}`);
      assert.equal(found.isMet, kept === 80);
    }),
    { numRuns: 1000, seed: 20261121 },
  );
});
