/** What time alone shows of a plan. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemFacts } from './facts.ts';
import { copyStandings, nextTurnMs, planStanding } from './standing.ts';
import type { PlanStanding } from './standing.ts';
import { dayMs, fineCopy, fineItem, fineRun, goodRun, hourMs, minuteMs, nowMs } from './testing/facts.ts';

const passed = {
  dueMs: nowMs - 3 * hourMs,
  softMs: nowMs - 2 * hourMs,
  hardMs: nowMs - hourMs,
  nextStartMs: nowMs + dayMs,
};
const justDue = { ...passed, dueMs: nowMs - minuteMs, softMs: nowMs + 5 * minuteMs, hardMs: nowMs + hourMs };
const failed = { ...goodRun, startedMs: nowMs - minuteMs, outcome: 'failed', reason: 'disk full' } as const;
const lastGood = { ...goodRun, startedMs: nowMs - 4 * hourMs };
const backup = { repository: 'local', newest: lastGood, lastGood };
const expectation = { kind: 'clock', nextDueMs: nowMs + dayMs, deadlineMs: passed.hardMs, open: passed } as const;
const unanswered: Partial<ItemFacts> = { expectation, backup, rpoMs: undefined };

const failing: Partial<ItemFacts> = {
  ...unanswered,
  rpoMs: 10 * hourMs,
  backup: { ...backup, newest: failed },
  run: { ...fineRun, newest: failed, failures: 1, openSlots: 0 },
};

const worlds: readonly (readonly [string, Partial<ItemFacts>, string])[] = [
  ['all is well', {}, 'well'],
  ['a slot passed and nobody came', unanswered, 'missing'],
  [
    'a slot passed by while it was paused',
    { ...unanswered, pause: { reason: '', by: 'me', untilMs: undefined } },
    'well',
  ],
  ['a slot passed by of a plan that is switched off', { ...unanswered, isEnabled: false }, 'well'],
  ['a slot passed by on a machine that nobody reports from', { ...unanswered, foreignHost: 'db3' }, 'well'],
  [
    'a slot passed, and its run is at work',
    { ...unanswered, run: { ...fineRun, open: { kind: 'backup', startedMs: nowMs - minuteMs, isAlive: true } } },
    'unsure',
  ],
  [
    'a slot passed before anything was ever saved',
    { ...unanswered, backup: { repository: 'local', newest: undefined, lastGood: undefined }, copies: [] },
    'missing never_ran',
  ],
  [
    'something precious was just configured',
    {
      expectation: { ...expectation, open: undefined },
      backup: { repository: 'local', newest: undefined, lastGood: undefined },
    },
    'well',
  ],
  ['the next slot comes in time', { ...unanswered, rpoMs: 30 * hourMs }, 'missing'],
  ['the next slot comes too late', { ...unanswered, rpoMs: 10 * hourMs }, 'missing objective_at_risk'],
  [
    'the next slot comes too late, and this one may still be answered',
    { ...unanswered, rpoMs: 10 * hourMs, expectation: { ...expectation, open: justDue } },
    'well',
  ],
  [
    'the schedule is slower than the promise, and was kept',
    { rpoMs: 10 * hourMs, expectation: { ...expectation, open: undefined } },
    'well',
  ],
  ['it failed for the last time, and the next slot comes too late', failing, 'objective_at_risk'],
  ['it failed and is tried again', { ...failing, run: { ...failing.run!, openSlots: 1 } }, 'unsure'],
  ['it is too old by now', { ...unanswered, rpoMs: 2 * hourMs }, 'missing objective_broken'],
];

for (const [name, change, wanted] of worlds) {
  test(`${name}: ${wanted}`, () => {
    const standing = planStanding([{ ...fineItem, ...change }], nowMs);
    assert.equal(standing.kind === 'overdue' ? standing.causes.join(' ') : standing.kind, wanted);
  });
}

test('one of two sources that is missing makes the plan missing, and is named', () => {
  const standing = planStanding([fineItem, { ...fineItem, ...unanswered, source: 'lyon/uploads' }], nowMs);
  assert.deepEqual(standing, {
    kind: 'overdue',
    causes: ['missing'],
    reason: 'lyon/uploads: last backed up 2026-08-24T02:00:00Z, due 2026-08-24T03:00:00Z',
  });
});

test('copies of a plan stand for themselves, by repository, and one that is at work now is left alone', () => {
  const waiting = { ...fineCopy, objectiveMs: hourMs, waitingSinceMs: nowMs - 2 * hourMs };
  const standings = (change: Partial<ItemFacts>): string[] =>
    [...copyStandings([fineItem, { ...fineItem, ...change }], nowMs)].map(([name, { kind }]) => `${name} ${kind}`);
  const copies = [{ ...waiting, repository: 'far' }, fineCopy];
  assert.deepEqual(standings({ copies }), ['offsite well', 'far overdue']);
  assert.deepEqual(standings({ copies: [{ ...waiting, waitingSinceMs: nowMs - hourMs }] }), ['offsite well']);
  assert.deepEqual(standings({ copies: [{ ...waiting, when: 'manual', objectiveMs: undefined }] }), ['offsite well']);
  assert.deepEqual(standings({ copies, isEnabled: false }), ['offsite well', 'far well']);
  assert.deepEqual(standings({ copies, foreignHost: 'db3' }), ['offsite well', 'far well']);
  const run = { ...fineRun, open: { kind: 'copy', startedMs: nowMs - minuteMs, isAlive: true } } as const;
  assert.deepEqual(standings({ copies, run }), ['offsite well', 'far unsure']);
});

test('it is looked at again when the next deadline passes, or the promise breaks', () => {
  assert.equal(nextTurnMs([fineItem], nowMs), nowMs + hourMs + 5 * minuteMs + 1);
  assert.equal(nextTurnMs([{ ...fineItem, rpoMs: undefined }], nowMs), nowMs + 2 * hourMs);
  assert.equal(nextTurnMs([{ ...fineItem, ...unanswered }], nowMs), undefined);
  const copy = { ...fineCopy, objectiveMs: hourMs, waitingSinceMs: nowMs - minuteMs };
  assert.equal(nextTurnMs([{ ...fineItem, ...unanswered, copies: [copy] }], nowMs), nowMs + 59 * minuteMs + 1);
});

test('a run that begins in time and ends too late keeps no promise', () => {
  const breaksMs = nowMs + 2 * hourMs;
  const tooLate = (nextStartMs: number): PlanStanding['kind'] =>
    planStanding(
      [
        {
          ...fineItem,
          ...failing,
          rpoMs: breaksMs - 15 * minuteMs - lastGood.startedMs,
          run: { ...failing.run!, usualMs: 10 * minuteMs },
          expectation: { ...expectation, open: { ...passed, nextStartMs } },
        },
      ],
      nowMs,
    ).kind;
  assert.equal(tooLate(breaksMs - 10 * minuteMs), 'unsure');
  assert.equal(tooLate(breaksMs - 9 * minuteMs), 'overdue');
});
