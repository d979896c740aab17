/** How things stand, fact by fact. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ItemFacts, RepositoryFacts, StatusFacts } from './facts.ts';
import { statusOf } from './status.ts';
import { statusLines, statusSentence } from './status-text.ts';
import {
  dayMs,
  fineCopy,
  fineFacts,
  fineItem,
  fineRepository,
  fineRun,
  goodRun,
  hourMs,
  minuteMs,
  nowMs,
} from './testing/facts.ts';
import { wordsOf } from './words.ts';

function withItem(change: Partial<ItemFacts>): StatusFacts {
  return { ...fineFacts, items: [{ ...fineItem, ...change }] };
}

function withLocal(change: Partial<RepositoryFacts>): StatusFacts {
  const [, offsite] = fineFacts.repositories;
  return { ...fineFacts, repositories: [{ ...fineRepository, ...change }, offsite!] };
}

function verdict(facts: StatusFacts): string {
  const status = statusOf(facts);
  return `${status.level} ${status.items[0]?.status} ${status.worst?.problem.cause ?? '-'}`;
}

const oldRun = { ...goodRun, startedMs: nowMs - 3 * dayMs, endedMs: nowMs - 3 * dayMs + minuteMs };
const failedRun = {
  ...goodRun,
  startedMs: nowMs - minuteMs,
  endedMs: nowMs,
  outcome: 'failed',
  reason: 'disk full',
} as const;
const damaged = { atMs: nowMs - hourMs, outcome: 'damaged', detail: 'pack 12ab' } as const;
const due = { dueMs: nowMs - 3 * hourMs, softMs: nowMs - 2 * hourMs, hardMs: nowMs - hourMs, nextStartMs: undefined };

test('where every fact is good, all is well, and the sentence names the oldest backup', () => {
  const status = statusOf(fineFacts);
  assert.equal(status.level, 'ok');
  assert.equal(statusSentence(status, wordsOf('en')), 'The plan is fine; its oldest backup is 60 min old');
  assert.equal(
    statusSentence(status, wordsOf('fr')),
    'Le plan va bien ; sa sauvegarde la plus ancienne date de 60 min',
  );
});

const worlds: readonly (readonly [string, StatusFacts, string])[] = [
  ['no plan at all', { ...fineFacts, items: [], repositories: [] }, 'unknown undefined -'],
  [
    'a plan that never ran',
    withItem({
      backup: { repository: 'local', newest: undefined, lastGood: undefined },
      copies: [],
      criticality: 'low',
    }),
    'warning unknown never_ran',
  ],
  ['the newest run failed', withItem({ backup: { ...fineItem.backup, newest: failedRun } }), 'critical failed failed'],
  [
    'it failed and is tried again',
    withItem({ backup: { ...fineItem.backup, newest: failedRun }, run: { ...fineRun, failures: 1, openSlots: 1 } }),
    'warning failed failed',
  ],
  [
    'it is tried again, and the objective is broken meanwhile',
    withItem({
      rpoMs: 30 * minuteMs,
      backup: { ...fineItem.backup, newest: failedRun },
      run: { ...fineRun, failures: 1, openSlots: 1 },
    }),
    'critical failed objective_broken',
  ],
  [
    'the run failed before it came to the source',
    withItem({ run: { ...fineRun, newest: failedRun } }),
    'critical failed failed',
  ],
  [
    'another source of the run failed, so nothing old is removed',
    withItem({
      run: { ...fineRun, newest: { ...failedRun, startedMs: goodRun.startedMs } },
    }),
    'warning ok retention_suspended',
  ],
  [
    'the process of the run is gone',
    withItem({ run: { ...fineRun, open: { kind: 'backup', startedMs: nowMs - hourMs, isAlive: false } } }),
    'critical failed lost',
  ],
  [
    'some files could not be read',
    withItem({ backup: { ...fineItem.backup, lastGood: { ...goodRun, outcome: 'warning' } } }),
    'warning ok incomplete',
  ],
  ['the newest backup is too old', withItem({ rpoMs: 30 * minuteMs }), 'critical missing objective_broken'],
  [
    'a slot is late',
    withItem({ expectation: { ...fineItem.expectation, open: { ...due, hardMs: nowMs + hourMs } } }),
    'warning ok late',
  ],
  ['a slot is missing', withItem({ expectation: { ...fineItem.expectation, open: due } }), 'critical missing missing'],
  [
    'a slot is missing while the plan is paused',
    withItem({
      expectation: { ...fineItem.expectation, open: due },
      pause: { reason: 'moving', by: 'root', untilMs: undefined },
    }),
    'warning ok paused',
  ],
  ['the plan is switched off', withItem({ isEnabled: false }), 'warning ok disabled'],
  [
    'a slot was missed',
    withItem({ run: { ...fineRun, newestSlot: { dueMs: nowMs - minuteMs, missingMs: undefined, outcome: 'missed' } } }),
    'critical missing missing',
  ],
  ['the source is on another machine', withItem({ foreignHost: 'app2' }), 'unknown unknown no_agent'],
  [
    'the copy lags behind its objective',
    withItem({ copies: [{ ...fineCopy, recoveryPointMs: oldRun.startedMs, waitingSinceMs: nowMs - 7 * hourMs }] }),
    'critical ok copy_late',
  ],
  [
    'the copy waits within its objective',
    withItem({ copies: [{ ...fineCopy, recoveryPointMs: oldRun.startedMs, waitingSinceMs: nowMs - 5 * hourMs }] }),
    'ok ok -',
  ],
  ['the last copy failed', withItem({ copies: [{ ...fineCopy, newest: failedRun }] }), 'warning ok copy_failed'],
  [
    'nothing was ever copied, so nothing is at another place',
    withItem({
      copies: [
        {
          ...fineCopy,
          newest: undefined,
          lastGood: undefined,
          recoveryPointMs: undefined,
          waitingSinceMs: nowMs - hourMs,
        },
      ],
    }),
    'critical ok no_offsite',
  ],
  ['nothing is copied elsewhere', withItem({ copies: [] }), 'critical ok no_offsite'],
  [
    'nothing is copied elsewhere, and that is waived',
    withItem({ copies: [], waivers: [{ rule: 'offsite', reason: 'small', until: '2027-01-31' }] }),
    'ok ok -',
  ],
  [
    'the waiver has ended',
    withItem({ copies: [], waivers: [{ rule: 'offsite', reason: 'small', until: '2026-08-01' }] }),
    'critical ok no_offsite',
  ],
  ['nothing is copied elsewhere and nobody needs it', withItem({ copies: [], criticality: 'medium' }), 'ok ok -'],
  [
    'retention failed',
    withItem({ run: { ...fineRun, retention: [{ repository: 'local', run: { ...goodRun, outcome: 'failed' } }] } }),
    'warning ok retention_failed',
  ],
  [
    'damage was found',
    withLocal({ verifications: { pack: { newest: damaged, good: undefined, newestDamaged: damaged } } }),
    'critical hash_mismatch damaged',
  ],
  [
    'damage in one pack is not outweighed by another pack',
    withLocal({
      verifications: {
        ...fineRepository.verifications,
        pack: {
          newest: { ...damaged, outcome: 'good', atMs: nowMs },
          good: { ...damaged, outcome: 'good', atMs: nowMs },
          newestDamaged: damaged,
        },
      },
    }),
    'critical hash_mismatch damaged',
  ],
  [
    'it cannot be reached',
    withLocal({
      verifications: {
        list: {
          newest: { ...damaged, outcome: 'unreachable' },
          good: { ...damaged, outcome: 'good', atMs: nowMs - dayMs },
          newestDamaged: undefined,
        },
      },
    }),
    'warning ok unreachable',
  ],
  ['nobody looked for days', withLocal({ verifications: {} }), 'warning ok not_listed'],
  [
    'it is nearly full',
    withLocal({ room: { sizeBytes: undefined, freeBytes: 4, capacityBytes: 100, sizes: [] } }),
    'critical ok capacity',
  ],
  [
    'it is over its alert',
    withLocal({ room: { sizeBytes: undefined, freeBytes: 19, capacityBytes: 100, sizes: [] } }),
    'warning ok capacity',
  ],
  [
    'a source is in no plan',
    { ...fineFacts, unplanned: [{ source: 'lyon/x', site: 'lyon', criticality: 'high', foreignHost: undefined }] },
    'critical ok unprotected',
  ],
];

for (const [world, facts, expected] of worlds)
  test(`${world}: ${expected}`, () => assert.equal(verdict(facts), expected));

test('a place that is spelt in two ways, or not at all, is not another place', () => {
  for (const place of ['Lyon', ' lyon ', undefined, '']) {
    const repositories = fineFacts.repositories.map((repository) =>
      repository.name === 'offsite' ? { ...repository, place } : repository,
    );
    assert.equal(verdict({ ...fineFacts, repositories }), 'critical ok no_offsite', String(place));
  }
});

test('where the originals are is not said, and two places that differ are enough', () => {
  assert.equal(verdict(withItem({ place: undefined })), 'ok ok -');
  const repositories = fineFacts.repositories.map((repository) => ({ ...repository, place: 'one' }));
  assert.equal(verdict({ ...withItem({ place: undefined }), repositories }), 'critical ok no_offsite');
});

test('a copy by hand that nobody made for weeks is no other place', () => {
  const copy = { ...fineCopy, when: 'manual', objectiveMs: undefined } as const;
  const behind = (days: number): string =>
    verdict(withItem({ copies: [{ ...copy, waitingSinceMs: nowMs - days * dayMs }] }));
  assert.equal(behind(34), 'ok ok -');
  assert.equal(behind(36), 'critical ok no_offsite');
});

test('a damaged copy is no copy', () => {
  const [local, offsite] = fineFacts.repositories;
  const verifications = { check: { newest: damaged, good: undefined, newestDamaged: damaged } };
  const status = statusOf({ ...fineFacts, repositories: [local!, { ...offsite!, verifications }] });
  assert.equal(status.items[0]!.threeTwoOne.copies, 2);
  assert.equal(status.items[0]!.threeTwoOne.isOffsite, false);
});

test('what proves a backup happened after it', () => {
  const look = (atMs: number, outcome = 'good' as const) => {
    const fact = { atMs, outcome, detail: undefined };
    return { newest: fact, good: fact, newestDamaged: undefined };
  };
  const level = (
    verifications: RepositoryFacts['verifications'],
    isVerified = false,
    isAsked = false,
  ): number | undefined => {
    const facts = withLocal({ verifications });
    const backup = { ...fineItem.backup, lastGood: { ...goodRun, isVerified, isAsked } };
    return statusOf({ ...facts, items: [{ ...fineItem, backup }] }).items[0]!.backup.proof?.level;
  };
  const [before, after] = [goodRun.startedMs, nowMs];
  assert.equal(level({}), 1);
  assert.equal(level({ list: look(before) }), 1);
  assert.equal(level({ list: look(after) }), 2);
  assert.equal(level({}, true), 3);
  assert.equal(level({ list: look(after) }, true, true), 4);
  assert.equal(level({ 'check-read': look(after) }), 3);
  assert.equal(level({ 'check-read': look(before), list: look(after) }), 2);
  const proved = (kind: 'verify' | 'restore' | 'drill', snapshot = goodRun.snapshot!): number | undefined =>
    statusOf(withLocal({ proved: [{ kind, snapshot, atMs: after }] })).items[0]!.backup.proof?.level;
  assert.equal(proved('verify'), 3);
  assert.equal(proved('restore'), 3);
  assert.equal(proved('drill'), 4);
  assert.equal(proved('drill', 'of another'), 1);
});

test('what is given up on purpose, paused or under way is told with its reason', () => {
  const words = wordsOf('en');
  const localTime = (instantMs: number): string => new Date(instantMs).toISOString().slice(0, 16);
  const lines = (change: Partial<ItemFacts>): string =>
    statusLines(statusOf(withItem(change)), { words, localTime, paint: (text) => text }).join('\n');
  const waived = lines({
    copies: [],
    waivers: [{ rule: 'offsite', reason: 'can be built again', until: '2027-01-31' }],
  });
  assert.match(waived, /^waived {4}db-hourly, lyon\/shop_db: offsite until 2027-01-31: can be built again$/m);
  const paused = lines({ pause: { reason: 'moving house', by: 'ada', untilMs: nowMs + 3 * hourMs } });
  assert.match(paused, /^warning {3}db-hourly, lyon\/shop_db: paused for another 3 h: moving house$/m);
  const open = { kind: 'backup', startedMs: nowMs - 2 * minuteMs, isAlive: true } as const;
  assert.match(lines({ run: { ...fineRun, open } }), /^running for 2 min /m);
});

test('of thousands of plans the worst are shown, and the others counted', () => {
  const words = wordsOf('en');
  const many = Array.from({ length: 5000 }, (_, index): ItemFacts => {
    const plan = `p${index}`;
    return index < 150 ? { ...fineItem, plan, rpoMs: 30 * minuteMs } : { ...fineItem, plan };
  });
  const lines = statusLines(statusOf({ ...fineFacts, items: many.toReversed() }), {
    words,
    localTime: (instantMs) => new Date(instantMs).toISOString(),
    paint: (text) => text,
  });
  assert.ok(lines.length < 500);
  assert.ok(lines.includes('and 50 more: 50 CRITICAL'));
  assert.ok(lines.includes('and 4900 more: 50 CRITICAL, 4850 ok'));
  assert.match(lines[2]!, /^CRITICAL {2}p\d+, /);
});

test('a repository that nobody listed is not called fine', () => {
  const unseen = statusOf(withLocal({ verifications: {}, heldSinceMs: undefined }));
  const lines = statusLines(unseen, { words: wordsOf('en'), localTime: String, paint: (text) => text });
  assert.ok(lines.some((line) => line.startsWith('not listed yet  local')));
});
