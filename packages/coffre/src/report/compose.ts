/** From numbers to what is read: headings, sentences and tables in one language. */
import type { LocalTime } from '../status/local-time.ts';
import { worse } from '../status/problem.ts';
import type { Level } from '../status/problem.ts';
import { statusSentence } from '../status/status-text.ts';
import { wordsOf } from '../status/words.ts';
import { historySections } from './compose-lists.ts';
import { bytesText, listed, shareText, tableOf, tookText } from './compose-parts.ts';
import type { Composer } from './compose-parts.ts';
import type { ReportChart, ReportDocument, ReportSection } from './document.ts';
import { successShare } from './report.ts';
import type { DayReport, Report } from './report.ts';
import { reportWordsOf } from './words.ts';
import type { ReportWords } from './words.ts';

export type ComposeOptions = {
  readonly language: 'en' | 'fr';
  readonly localTime: LocalTime;
  readonly version: string;
};

export function composeReport(report: Report, { language, localTime, version }: ComposeOptions): ReportDocument {
  const words = reportWordsOf(language);
  const composer = { report, words, status: wordsOf(language), localTime };
  const { period, company, untilMs } = report;
  const level = levelOf(report);
  const days = words.days(period.firstDay, period.lastDay, report.zone);
  return {
    language,
    title: [words.title[period.span], company].filter((part) => part !== undefined).join(' - '),
    subtitle: untilMs < period.toMs ? `${days}, ${words.soFar(localTime(untilMs))}` : days,
    sentence: words.sentence(sentenceFacts(report)),
    level,
    levelWord: composer.status.level[level],
    colon: composer.status.colon,
    figures: figuresOf(composer),
    sections: [
      nowSection(composer),
      plansSection(composer),
      amountsSection(composer),
      ...historySections(composer),
      daysSection(composer),
    ],
    footer: words.footer(version, localTime(report.nowMs)),
  };
}

function sentenceFacts(report: Report): Parameters<ReportWords['sentence']>[0] {
  return {
    good: report.backups.good,
    bad: report.backups.bad,
    missed: report.slots.missed,
    copiesFailed: report.copies.bad,
    objectivesBroken: report.objectives.filter(({ kept }) => !kept.isMet).length,
    damaged: count(report.verifications.filter(({ outcome }) => outcome === 'damaged')),
  };
}

function count(rows: readonly { readonly count: number }[]): number {
  return rows.reduce((sum, row) => sum + row.count, 0);
}

/** Of the period; how things stand now is said apart. */
function levelOf(report: Report): Level {
  const facts = sentenceFacts(report);
  const isCritical = facts.damaged > 0 || facts.objectivesBroken > 0 || (facts.good === 0 && facts.bad > 0);
  const isWarning = facts.bad + facts.missed + facts.copiesFailed + report.backups.warnings > 0;
  const nothing: Level = facts.good + facts.bad === 0 ? 'unknown' : 'ok';
  return worse(nothing, isCritical ? 'critical' : isWarning ? 'warning' : 'ok');
}

function figuresOf(composer: Composer): ReportDocument['figures'] {
  const { report, words } = composer;
  const { figure } = words;
  const { backups, backupsBefore, slots, copies, objectives, verifications, restores } = report;
  const before = successShare(backupsBefore);
  const success = shareText(words, backups);
  const met = objectives.filter(({ kept }) => kept.isMet).length;
  const looks = count(verifications);
  const goodLooks = count(verifications.filter(({ outcome }) => outcome === 'good'));
  const goodRestores = restores.filter(({ outcome }) => outcome === 'success' || outcome === 'warning').length;
  const stored = report.repositories.reduce((sum, { bytesStored }) => sum + bytesStored, 0);
  const storedBefore = report.repositories.reduce((sum, { bytesBefore }) => sum + bytesBefore, 0);
  const storedText = bytesText(words, stored);
  const ratio = (part: number, whole: number): string => (whole === 0 ? words.none : words.of(part, whole));
  return [
    { label: figure.success, value: before === undefined ? success : words.against(success, words.percent(before)) },
    { label: figure.slots, value: ratio(slots.inTime, slots.due) },
    { label: figure.duration, value: meanText(composer) },
    { label: figure.copies, value: ratio(copies.good, copies.good + copies.bad) },
    {
      label: figure.stored,
      value: before === undefined ? storedText : words.against(storedText, bytesText(words, storedBefore)),
    },
    { label: figure.objectives, value: ratio(met, objectives.length) },
    { label: figure.verifications, value: ratio(goodLooks, looks) },
    { label: figure.restores, value: ratio(goodRestores, restores.length) },
  ];
}

function meanText(composer: Composer): string {
  const { plans } = composer.report;
  const known = plans.filter(({ meanMs }) => meanMs !== undefined);
  const runs = known.reduce((sum, plan) => sum + plan.runs.good, 0);
  if (runs === 0) return composer.words.none;
  return tookText(composer, known.reduce((sum, plan) => sum + plan.meanMs! * plan.runs.good, 0) / runs);
}

function nowSection({ report, words, status }: Composer): ReportSection {
  return { id: 'now', heading: words.heading.now, lines: [words.now(statusSentence(report.status, status))] };
}

function plansSection(composer: Composer): ReportSection {
  const { report, words } = composer;
  const rows = report.plans.map(({ plan, runs, slots, meanMs, trend, bytesStored }) => [
    plan,
    String(runs.good),
    String(runs.bad),
    shareText(words, runs),
    slots.due === 0 ? words.none : words.of(slots.inTime, slots.due),
    String(slots.late),
    String(slots.missed),
    tookText(composer, meanMs),
    trend === undefined ? words.none : words.change(trend),
    bytesText(words, bytesStored),
  ]);
  const columns = [
    'plan',
    '>good',
    '>failed',
    '>success',
    '>inTime',
    '>late',
    '>missed',
    '>duration',
    '>trend',
    '>stored',
  ] as const;
  return listed(
    words,
    { id: 'plans', heading: words.heading.plans },
    tableOf(words, columns, rows),
    words.nothing.runs,
  );
}

/** To the unit in which it is shown: nobody should wait longer than was said. */
function roundedUp(durationMs: number): number {
  const unitMs = durationMs < 60_000 ? 1000 : durationMs < 3_600_000 ? 60_000 : 3_600_000;
  return Math.ceil(durationMs / unitMs) * unitMs;
}

function amountsSection(composer: Composer): ReportSection {
  const { report, words } = composer;
  const rows = report.amounts.map(({ plan, source, bytesRead, bytesNew, bytesStored, restore }) => {
    const took = (durationMs: number | undefined): string => {
      const text = tookText(composer, durationMs === undefined ? undefined : roundedUp(durationMs));
      return durationMs === undefined || restore?.isMeasured === true ? text : words.assumed(text);
    };
    return [
      plan,
      source,
      ...[bytesRead, bytesNew, bytesStored].map((bytes) => bytesText(words, bytes)),
      ...[restore?.fullMs, restore?.differentialMs, restore?.incrementalMs].map(took),
    ];
  });
  const columns = ['plan', 'source', '>read', '>added', '>stored', '>full', '>differential', '>incremental'] as const;
  const head = { id: 'amounts', heading: words.heading.amounts, lines: [words.restoreMeans] };
  return listed(words, head, tableOf(words, columns, rows), words.nothing.runs);
}

function daysSection(composer: Composer): ReportSection {
  const { report, words } = composer;
  const days = report.days.filter(({ fromMs }) => fromMs < report.untilMs);
  const label = ({ fromMs }: DayReport): string => composer.localTime(fromMs).slice(0, 10);
  const rows = days.map((day) => [
    label(day),
    String(day.runs.good),
    String(day.runs.bad),
    shareText(words, day.runs),
    tookText(composer, day.meanMs),
    bytesText(words, day.bytesStored),
  ]);
  const chart = (title: string, value: (day: DayReport) => number, text: (day: DayReport) => string): ReportChart => ({
    title,
    bars: days.map((day) => ({ label: label(day), value: value(day), text: text(day) })),
  });
  const charts = [
    chart(
      words.chart.runs,
      ({ runs }) => runs.good + runs.bad,
      ({ runs }) => words.runsOfDay(runs.good, runs.bad),
    ),
    chart(
      words.chart.duration,
      ({ meanMs }) => meanMs ?? 0,
      ({ meanMs }) => tookText(composer, meanMs),
    ),
    chart(
      words.chart.stored,
      ({ bytesStored }) => bytesStored,
      ({ bytesStored }) => bytesText(words, bytesStored),
    ),
  ];
  const columns = ['day', '>good', '>failed', '>success', '>duration', '>stored'] as const;
  return {
    id: 'days',
    heading: words.heading.days,
    lines: [],
    table: tableOf(words, columns, rows),
    ...(days.length > 1 && { charts }),
  };
}
