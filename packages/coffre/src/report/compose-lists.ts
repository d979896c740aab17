/** The sections that list what happened: failures, missed slots, objectives, copies, storage, proofs, names. */
import { ageText, spanText } from '../status/age.ts';
import { failureCause } from '../store/failure-cause.ts';
import type { RunOutcome } from '../store/runs.ts';
import type { Composer } from './compose-parts.ts';
import { bytesText, listed, shareText, tableOf, tookText } from './compose-parts.ts';
import type { ReportSection } from './document.ts';

export function historySections(composer: Composer): ReportSection[] {
  return [
    failuresSection(composer),
    missedSection(composer),
    objectivesSection(composer),
    copiesSection(composer),
    storageSection(composer),
    verificationsSection(composer),
    restoresSection(composer),
    namedSection(composer),
  ];
}

function failuresSection({ report, words, localTime }: Composer): ReportSection {
  const rows = report.failures.map(
    ({ firstMs, lastMs, count, plan, source, repository, kind, outcome, reason, code }) => [
      localTime(firstMs),
      count === 1 ? words.none : localTime(lastMs),
      String(count),
      plan,
      source ?? words.none,
      repository ?? words.none,
      words.kind[kind],
      words.outcome[outcome],
      codeText(outcome, code) ?? words.none,
      reason ?? words.none,
    ],
  );
  const columns = [
    'time',
    'newest',
    '>count',
    'plan',
    'source',
    'repository',
    'what',
    'outcome',
    'code',
    'reason',
  ] as const;
  const table = tableOf(words, columns, rows);
  return listed(words, { id: 'failures', heading: words.heading.failures }, table, words.nothing.failures);
}

/** `hash_mismatch VERIFY_FAILED`: stable words, the same in every language. */
function codeText(outcome: RunOutcome, code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  return [failureCause(outcome, code), code].filter((word) => word !== undefined).join(' ');
}

function missedSection({ report, words, localTime }: Composer): ReportSection {
  const rows = report.missed.map(({ dueMs, plan, outcome, reason }) => [
    localTime(dueMs),
    plan,
    words.slot[outcome ?? 'open'],
    reason ?? words.none,
  ]);
  const table = tableOf(words, ['time', 'plan', 'outcome', 'reason'], rows);
  return listed(words, { id: 'missed', heading: words.heading.missed }, table, words.nothing.missed);
}

function objectivesSection(composer: Composer): ReportSection {
  const { report, words, status } = composer;
  const rows = report.objectives.map(({ plan, source, objectiveMs, kept }) => [
    plan,
    source,
    spanText(objectiveMs, status.day),
    kept.worstAgeMs === undefined ? words.never : ageText(kept.worstAgeMs, status.day),
    words.percent(kept.keptShare),
    kept.isMet ? words.yes : words.no,
  ]);
  const table = tableOf(words, ['plan', 'source', '>objective', '>worstAge', '>kept', 'met'], rows);
  return listed(words, { id: 'objectives', heading: words.heading.objectives }, table, words.nothing.objectives);
}

function copiesSection({ report, words }: Composer): ReportSection {
  const rows = report.copyTracks.map(({ plan, source, repository, runs }) => [
    plan,
    source,
    repository,
    String(runs.good),
    String(runs.bad),
    shareText(words, runs),
  ]);
  const table = tableOf(words, ['plan', 'source', 'repository', '>good', '>failed', '>success'], rows);
  return listed(words, { id: 'copies', heading: words.heading.copies }, table, words.nothing.copies);
}

function storageSection({ report, words, status }: Composer): ReportSection {
  const rows = report.repositories.map(
    ({ repository, bytesStored, bytesBefore, snapshotsRemoved, room, daysToFull }) => [
      repository,
      bytesText(words, bytesStored),
      bytesText(words, bytesBefore),
      String(snapshotsRemoved),
      room?.usedPercent === undefined ? words.none : words.percent(room.usedPercent / 100),
      room?.freeBytes === undefined ? words.none : bytesText(words, room.freeBytes),
      daysToFull === undefined ? words.none : status.days(daysToFull),
    ],
  );
  const columns = ['repository', '>stored', '>before', '>removed', '>used', '>free', '>fullIn'] as const;
  const head = { id: 'storage', heading: words.heading.storage, lines: [words.storedMeans] };
  return listed(words, head, tableOf(words, columns, rows), words.nothing.storage);
}

function verificationsSection({ report, words, localTime }: Composer): ReportSection {
  const rows = report.verifications.map(({ repository, kind, outcome, count, newestMs }) => [
    repository,
    words.look[kind],
    words.found[outcome],
    String(count),
    localTime(newestMs),
  ]);
  const table = tableOf(words, ['repository', 'what', 'outcome', '>count', 'newest'], rows);
  return listed(
    words,
    { id: 'verifications', heading: words.heading.verifications },
    table,
    words.nothing.verifications,
  );
}

function restoresSection(composer: Composer): ReportSection {
  const { report, words, localTime } = composer;
  const rows = report.restores.map(({ startedMs, kind, plan, source, repository, outcome, tookMs, reason, code }) => [
    localTime(startedMs),
    words.kind[kind],
    source ?? plan,
    repository ?? words.none,
    words.outcome[outcome],
    tookText(composer, tookMs),
    codeText(outcome, code) ?? words.none,
    reason ?? words.none,
  ]);
  const columns = ['time', 'what', 'source', 'repository', 'outcome', '>duration', 'code', 'reason'] as const;
  const table = tableOf(words, columns, rows);
  return listed(words, { id: 'restores', heading: words.heading.restores }, table, words.nothing.restores);
}

function namedSection({ report, words, localTime }: Composer): ReportSection {
  const rows = report.named.map(({ name, plan, repository, isPinned, createdMs }) => [
    name,
    plan ?? words.none,
    repository,
    isPinned ? words.yes : words.no,
    localTime(createdMs),
  ]);
  const table = tableOf(words, ['name', 'plan', 'repository', 'pinned', 'time'], rows);
  return listed(words, { id: 'named', heading: words.heading.named }, table, words.nothing.named);
}
