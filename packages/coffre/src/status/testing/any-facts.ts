/** Facts as they may come: mostly good, a few of them bad, with names that nobody should be able to choose. */
import * as fc from 'fast-check';
import type {
  CopyFacts,
  EndedRun,
  GoodRun,
  ItemFacts,
  PlanRunFacts,
  RepositoryFacts,
  StatusFacts,
  VerificationFacts,
} from '../facts.ts';
import { dayMs, fineItem, fineRepository, fineRun, hourMs, minuteMs, nowMs } from './facts.ts';

export const hostile: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    'a\nb',
    '"q"',
    "it's",
    '\u001b[31mred',
    '=1+1',
    'x|y',
    'a\\n"b',
    '\u202eabc',
    '#{x="y"} 1',
    '${secret:a}',
    '',
  ),
);

const ago = fc
  .oneof(fc.integer({ min: 0, max: 3 * hourMs }), fc.integer({ min: 0, max: 40 * dayMs }))
  .map((back) => nowMs - back);
const reason = fc.option(hostile, { nil: undefined });

function ended(outcome: fc.Arbitrary<EndedRun['outcome']>): fc.Arbitrary<EndedRun> {
  return fc
    .record({ startedMs: ago, tookMs: fc.integer({ min: 0, max: hourMs }), outcome, reason })
    .map(({ startedMs, tookMs, ...rest }) => ({ startedMs, endedMs: Math.min(nowMs, startedMs + tookMs), ...rest }));
}

const telling = fc.constantFrom<EndedRun['outcome'][]>('success', 'warning', 'failed', 'lost');
const good: fc.Arbitrary<GoodRun> = fc
  .record({ run: ended(fc.constantFrom('success', 'warning')), isVerified: fc.boolean(), isAsked: fc.boolean() })
  .map(({ run, isVerified, isAsked }) => ({ ...run, isVerified, isAsked, snapshot: undefined, figures: {} }));

/** The newest is the last good one, or a later failure. */
const track = fc
  .record({ lastGood: fc.option(good, { nil: undefined }), later: fc.option(ended(telling), { nil: undefined }) })
  .map(({ lastGood, later }) => {
    const isLater = later !== undefined && (lastGood === undefined || later.startedMs >= lastGood.startedMs);
    const failure = isLater && (later.outcome === 'failed' || later.outcome === 'lost') ? later : undefined;
    return { lastGood, newest: failure ?? lastGood };
  });

const copy: fc.Arbitrary<CopyFacts> = fc
  .record({
    track,
    when: fc.constantFrom('each', 'schedule', 'manual'),
    objectiveMs: fc.option(fc.integer({ min: minuteMs, max: dayMs }), { nil: undefined }),
    waitingSinceMs: fc.option(ago, { nil: undefined }),
  })
  .map(({ track: { lastGood, newest }, ...rest }) => ({
    repository: 'offsite',
    lastGood,
    newest,
    recoveryPointMs: lastGood?.startedMs,
    dueMs: undefined,
    nextDueMs: undefined,
    ...rest,
  }));

const slot = fc.option(
  fc.record({
    dueMs: fc.integer({ min: 0, max: 2 * hourMs }).map((back) => nowMs - back),
    missingMs: fc.option(ago, { nil: undefined }),
    outcome: fc.constantFrom('open', 'open', 'success', 'success-late', 'failed', 'missed', 'skipped'),
  }),
  { nil: undefined },
);

const anyItem: fc.Arbitrary<ItemFacts> = fc
  .record({
    plan: hostile,
    source: hostile,
    foreignHost: fc.option(hostile, { nil: undefined, freq: 8 }),
    criticality: fc.constantFrom('low', 'medium', 'high', 'critical'),
    rpoMs: fc.option(fc.integer({ min: hourMs, max: 10 * dayMs }), { nil: undefined }),
    place: fc.constantFrom(undefined, 'lyon', 'paris'),
    waivers: fc.array(
      fc.record({
        rule: fc.constantFrom('offsite', 'copies', 'media'),
        reason: hostile,
        until: fc.constantFrom(undefined, '2026-08-23', '2026-08-22', '2030-01-01', 'soon'),
      }),
      { maxLength: 2 },
    ),
    isEnabled: fc.boolean(),
    pause: fc.option(fc.record({ reason: hostile, by: hostile, untilMs: fc.constant(undefined) }), {
      nil: undefined,
      freq: 6,
    }),
    late: fc.option(
      fc.record({
        dueMs: ago,
        softMs: fc.integer({ min: 0, max: hourMs }),
        hardMs: fc.integer({ min: 0, max: dayMs }),
      }),
      { nil: undefined },
    ),
    track,
    copies: fc.array(copy, { maxLength: 1 }),
    whole: fc.option(ended(telling), { nil: undefined }),
    open: fc.option(
      fc.record({
        kind: fc.constant('backup' as const),
        startedMs: ago,
        isAlive: fc.constantFrom(true, false, undefined),
      }),
      { nil: undefined },
    ),
    failures: fc.integer({ min: 0, max: 5 }),
    openSlots: fc.integer({ min: 0, max: 2 }),
    newestSlot: slot,
    retention: fc.option(ended(fc.constantFrom('success', 'warning', 'failed', 'lost')), { nil: undefined }),
  })
  .map(({ late, track: { lastGood, newest }, whole, open, failures, openSlots, newestSlot, retention, ...rest }) => ({
    ...fineItem,
    ...rest,
    expectation: {
      ...fineItem.expectation,
      open:
        late === undefined
          ? undefined
          : {
              dueMs: late.dueMs,
              softMs: late.dueMs + late.softMs,
              hardMs: late.dueMs + late.softMs + late.hardMs,
              nextStartMs: undefined,
            },
    },
    backup: { repository: 'local', lastGood, newest },
    run: {
      newest: whole,
      open,
      failures,
      openSlots,
      newestSlot,
      usualMs: undefined,
      samples: 0,
      retainsIn: ['local'],
      retention: retention === undefined ? [] : [{ repository: 'local', run: retention }],
    },
  }));

/** Mostly as it should be: with everything bad at once no rule would be seen alone. */
const item: fc.Arbitrary<ItemFacts> = fc
  .tuple(
    anyItem,
    fc.subarray(Object.keys(fineItem) as (keyof ItemFacts)[], { maxLength: 3 }),
    fc.subarray(Object.keys(fineRun) as (keyof PlanRunFacts)[], { maxLength: 2 }),
  )
  .map(([other, keys, runKeys]) => {
    const run = { ...fineRun, ...Object.fromEntries(runKeys.map((key) => [key, other.run[key]])) };
    const taken = Object.fromEntries(keys.map((key) => [key, key === 'run' ? run : other[key]]));
    return { ...fineItem, ...taken };
  });

const looked = fc.option(
  fc
    .record({
      newest: fc.record({ atMs: ago, outcome: fc.constantFrom('good', 'damaged', 'unreachable'), detail: reason }),
      beforeMs: fc.option(fc.integer({ min: 1, max: dayMs }), { nil: undefined }),
    })
    .map(({ newest, beforeMs }): VerificationFacts => {
      const earlier =
        beforeMs === undefined ? undefined : { ...newest, outcome: 'good' as const, atMs: newest.atMs - beforeMs };
      return {
        newest,
        good: newest.outcome === 'good' ? newest : earlier,
        newestDamaged: newest.outcome === 'damaged' ? newest : undefined,
      };
    }),
  { nil: undefined },
);

function anyRepository(name: string): fc.Arbitrary<RepositoryFacts> {
  return fc
    .record({
      medium: fc.constantFrom(undefined, 'disk', 'object'),
      place: fc.constantFrom(undefined, 'lyon', 'paris'),
      list: looked,
      pack: looked,
      check: looked,
      used: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
    })
    .map(({ medium, place, list, pack, check, used }) => ({
      ...fineRepository,
      name,
      medium,
      place,
      verifications: {
        ...(list !== undefined && { list }),
        ...(pack !== undefined && { pack }),
        ...(check !== undefined && { check }),
      },
      room:
        used === undefined ? undefined : { sizeBytes: undefined, freeBytes: 100 - used, capacityBytes: 100, sizes: [] },
    }));
}

function repository(name: string): fc.Arbitrary<RepositoryFacts> {
  const place = name === 'local' ? 'lyon' : 'fr-par';
  return fc.oneof({ weight: 3, arbitrary: fc.constant({ ...fineRepository, name, place }) }, anyRepository(name));
}

export const anyFacts: fc.Arbitrary<StatusFacts> = fc.record({
  nowMs: fc.constant(nowMs),
  items: fc.array(item, { maxLength: 3 }),
  repositories: fc.tuple(repository('local'), repository('offsite')),
  unplanned: fc.array(
    fc.record({
      source: hostile,
      site: hostile,
      criticality: fc.constantFrom('low', 'critical'),
      foreignHost: fc.constant(undefined),
    }),
    { maxLength: 1, size: 'xsmall' },
  ),
});
