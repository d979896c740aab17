/**
 * Whatever the facts are, `status` says "ok" only where nothing is worse. The rules below are written apart from the
 * code: each looks at the facts alone and names one reason why all is not well.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ItemFacts, StatusFacts } from './facts.ts';
import { statusMetrics } from './metrics.ts';
import { nagiosExit, nagiosLine } from './nagios.ts';
import { levels } from './problem.ts';
import { statusOf } from './status.ts';
import { statusJson } from './status-json.ts';
import { statusLines, statusSentence } from './status-text.ts';
import { anyFacts, hostile } from './testing/any-facts.ts';
import { dayMs, nowMs } from './testing/facts.ts';
import { wordsOf } from './words.ts';

type Rule = (item: ItemFacts, all: StatusFacts) => boolean;

const isDamaged = (all: StatusFacts, name: string): boolean =>
  all.repositories.some(
    (about) =>
      about.name === name && Object.values(about.verifications).some(({ newest }) => newest.outcome === 'damaged'),
  );
const placeOf = (all: StatusFacts, name: string): string | undefined =>
  all.repositories.find((about) => about.name === name)?.place;

const badForItem: Readonly<Record<string, Rule>> = {
  'nothing good': ({ backup }) => backup.lastGood === undefined,
  'nobody reports': ({ foreignHost }) => foreignHost !== undefined,
  'not run on purpose': ({ isEnabled, pause }) => !isEnabled || pause !== undefined,
  'newest failed': ({ backup }) =>
    backup.newest !== undefined && !['success', 'warning'].includes(backup.newest.outcome),
  'run failed before the source': ({ backup, run }) =>
    run.newest !== undefined &&
    ['failed', 'lost'].includes(run.newest.outcome) &&
    (backup.newest === undefined || backup.newest.startedMs < run.newest.startedMs),
  'process gone': ({ run }) => run.open?.isAlive === false,
  'not complete': ({ backup }) => backup.lastGood?.outcome === 'warning',
  'too old': ({ backup, rpoMs, run }) =>
    rpoMs !== undefined &&
    (backup.lastGood?.startedMs ?? 0) <
      nowMs - rpoMs - Math.min(rpoMs / 4, Math.max(5 * 60_000, (run.usualMs ?? 0) * 1.5)),
  'slot unanswered': ({ expectation }) => expectation.open !== undefined && expectation.open.softMs <= nowMs,
  'runs for too long': ({ run: { open, usualMs } }) =>
    open !== undefined && usualMs !== undefined && open.isAlive !== false && nowMs - open.startedMs > 3 * usualMs,
  'slot known as missing': ({ run, backup }) =>
    run.newestSlot?.outcome === 'open' &&
    run.newestSlot.missingMs !== undefined &&
    run.newestSlot.dueMs > (backup.lastGood?.startedMs ?? 0),
  'slot missed': ({ run, backup }) =>
    run.newestSlot?.outcome === 'missed' && run.newestSlot.dueMs > (backup.lastGood?.startedMs ?? 0),
  'copy failed': ({ copies }) =>
    copies.some(({ newest }) => newest !== undefined && ['failed', 'lost'].includes(newest.outcome)),
  'copy never': ({ copies }) => copies.some(({ lastGood }) => lastGood === undefined),
  'copy late': ({ copies }) =>
    copies.some(({ waitingSinceMs, objectiveMs, when }) => {
      if (waitingSinceMs === undefined) return false;
      const lagMaxMs = objectiveMs ?? (when === 'manual' ? Number.POSITIVE_INFINITY : dayMs);
      return nowMs - waitingSinceMs > lagMaxMs;
    }),
  'retention suspended': ({ run }) =>
    run.retainsIn.length > 0 && run.newest !== undefined && ['failed', 'lost'].includes(run.newest.outcome),
  'retention not done': ({ run }) =>
    run.retention.some(({ run: { outcome } }) => !['success', 'warning'].includes(outcome)),
  'kept where damage is': ({ backup, copies }, all) =>
    isDamaged(all, backup.repository) ||
    copies.some((kept) => kept.lastGood !== undefined && isDamaged(all, kept.repository)),
  'one place only': ({ criticality, waivers, place, backup, copies }, all) => {
    if (criticality !== 'high' && criticality !== 'critical') return false;
    if (
      waivers.some(({ rule, until }) => rule === 'offsite' && [undefined, '2026-08-23', '2030-01-01'].includes(until))
    )
      return false;
    const places = [backup, ...copies.filter(({ waitingSinceMs }) => nowMs - (waitingSinceMs ?? nowMs) <= 35 * dayMs)]
      .filter(({ lastGood, repository: name }) => lastGood !== undefined && !isDamaged(all, name))
      .map(({ repository: name }) => placeOf(all, name));
    if (place !== undefined) return !places.some((kept) => kept !== undefined && kept !== place);
    return new Set(places.filter((kept) => kept !== undefined)).size < 2;
  },
};

const badElsewhere: Readonly<Record<string, (all: StatusFacts) => boolean>> = {
  'no plan': ({ items }) => items.length === 0,
  'source in no plan': ({ unplanned }) => unplanned.length > 0,
  'a repository is damaged': (all) => isDamaged(all, 'local') || isDamaged(all, 'offsite'),
  'a repository does not answer': ({ repositories }) =>
    repositories.some(({ verifications }) => verifications.list?.newest.outcome === 'unreachable'),
  'a repository was not looked at': ({ repositories }) =>
    repositories.some(({ verifications }) => (verifications.list?.good?.atMs ?? 0) < nowMs - 2 * dayMs),
  'a repository is full': ({ repositories }) => repositories.some(({ room }) => (room?.freeBytes ?? 100) <= 20),
};

test('all is called well exactly where no rule finds a reason against it', () => {
  const found = new Set<string>();
  fc.assert(
    fc.property(anyFacts, (all) => {
      const status = statusOf(all);
      for (const item_ of all.items) {
        const reasons = Object.entries(badForItem)
          .filter(([, rule]) => rule(item_, all))
          .map(([name]) => name);
        for (const name of reasons) found.add(name);
        const state = all.items.length === 1 ? status.items[0] : undefined;
        if (state !== undefined) assert.equal(state.level === 'ok', reasons.length === 0, reasons.join(', '));
        if (reasons.length > 0) assert.notEqual(status.level, 'ok', reasons.join(', '));
      }
      const elsewhere = Object.entries(badElsewhere)
        .filter(([, rule]) => rule(all))
        .map(([name]) => name);
      if (elsewhere.length > 0) assert.notEqual(status.level, 'ok', elsewhere.join(', '));
      for (const name of elsewhere) found.add(name);
    }),
    { numRuns: 5000, seed: 20261121 },
  );
  assert.deepEqual([...found].toSorted(), [...Object.keys(badForItem), ...Object.keys(badElsewhere)].toSorted());
});

test('the whole is never better than a part, and every form says the same', () => {
  fc.assert(
    fc.property(anyFacts, (all) => {
      const status = statusOf(all);
      const parts = [...status.items, ...status.repositories].map(({ level }) => levels.indexOf(level));
      assert.ok(parts.every((level) => levels.indexOf(status.level) >= level));
      const words = wordsOf('en');
      assert.equal((statusJson(status, words) as { state: string }).state, status.level);
      const exit = nagiosExit[status.level];
      assert.ok(nagiosLine(status, words).startsWith(`COFFRE ${['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'][exit]} - `));
      assert.equal(
        /^(All|The plan is fine;)/.test(statusSentence(status, words)) &&
          !/not everything/.test(statusSentence(status, words)),
        status.level === 'ok',
      );
    }),
    { numRuns: 500, seed: 20261122 },
  );
});

test('names and reasons cannot steer a terminal, break a line, or forge a figure', () => {
  fc.assert(
    fc.property(anyFacts, fc.constantFrom('en' as const, 'fr' as const), (all, language) => {
      const status = statusOf(all);
      const words = wordsOf(language);
      const localTime = (instantMs: number): string => new Date(instantMs).toISOString();
      for (const line of statusLines(status, { words, localTime, paint: (text) => text }))
        assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
      const line = nagiosLine(status, words);
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
      assert.equal(line.split('|').length, 2);
    }),
    { numRuns: 500, seed: 20261123 },
  );
});

test('every line of the metrics can be read, whatever the names are', async () => {
  await fc.assert(
    fc.asyncProperty(anyFacts, hostile, async (all, company) => {
      const text = await statusMetrics(statusOf(all), { company, version: '1', failures: [] });
      const sample = /^coffre_[a-z_]+\{([a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\} -?[0-9.e+-]+$/;
      for (const line of text.split('\n')) assert.ok(line === '' || line.startsWith('# ') || sample.test(line), line);
    }),
    { numRuns: 300, seed: 20261124 },
  );
});
