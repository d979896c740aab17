/** What happened over a period, as numbers: computed here once, for every format. */
import type { RunKind, RunOutcome } from '../store/runs.ts';
import type {
  FailureRow,
  KindSum,
  MissedSlot,
  NamedRow,
  RunSum,
  SlotSum,
  TroubleRow,
  VerificationSum,
} from '../store/report-rows.ts';
import type { Room } from '../status/capacity.ts';
import type { Status } from '../status/status.ts';
import type { ObjectiveKept } from './objective.ts';
import type { Period } from './period.ts';

/** Lists longer than this are cut, and say so. */
export const listedMax = 200;

export type ReportFacts = {
  readonly nowMs: number;
  readonly company: string | undefined;
  readonly zone: string;
  readonly period: Period;
  readonly plans: readonly string[];
  readonly sums: readonly RunSum[];
  readonly before: readonly RunSum[];
  readonly days: readonly (readonly KindSum[])[];
  readonly slots: readonly SlotSum[];
  readonly failures: readonly FailureRow[];
  readonly missed: readonly MissedSlot[];
  readonly restores: readonly TroubleRow[];
  readonly verifications: readonly VerificationSum[];
  readonly named: readonly NamedRow[];
  readonly objectives: readonly ObjectiveFacts[];
  readonly rooms: ReadonlyMap<string, Room | undefined>;
  readonly status: Status;
};

export type ObjectiveFacts = {
  readonly plan: string;
  readonly source: string;
  readonly objectiveMs: number;
  readonly kept: ObjectiveKept;
};

/** Good ones include those with a warning. Cancelled and skipped ones are neither good nor bad. */
export type Tally = { readonly good: number; readonly bad: number; readonly other: number; readonly warnings: number };

export type PlanReport = {
  readonly plan: string;
  readonly runs: Tally;
  readonly slots: { readonly due: number; readonly inTime: number; readonly late: number; readonly missed: number };
  readonly meanMs: number | undefined;
  /** Against the period before: 0.1 is a tenth longer. */
  readonly trend: number | undefined;
  readonly bytesStored: number;
};

/** A source of a plan: what its backups of the period moved, and what a restore of the newest one is thought to take. */
export type AmountReport = {
  readonly plan: string;
  readonly source: string;
  readonly bytesRead: number;
  readonly bytesNew: number;
  readonly bytesStored: number;
  readonly restore: RestoreReport | undefined;
};

export type RestoreReport = {
  readonly fullMs: number;
  readonly differentialMs: number | undefined;
  readonly incrementalMs: number | undefined;
  /** By a restore or a proof; else a rate is assumed. */
  readonly isMeasured: boolean;
};

export type CopyReport = {
  readonly plan: string;
  readonly source: string;
  readonly repository: string;
  readonly runs: Tally;
};

export type RepositoryReport = {
  readonly repository: string;
  readonly bytesStored: number;
  readonly bytesBefore: number;
  readonly snapshotsRemoved: number;
  readonly room: Room | undefined;
  readonly daysToFull: number | undefined;
};

export type DayReport = {
  readonly fromMs: number;
  readonly runs: Tally;
  readonly bytesStored: number;
  readonly meanMs: number | undefined;
};

export type Report = {
  readonly nowMs: number;
  readonly company: string | undefined;
  readonly zone: string;
  readonly period: Period;
  /** Up to when it was looked at: now, or the end of the period. */
  readonly untilMs: number;
  readonly status: Status;
  readonly backups: Tally;
  readonly backupsBefore: Tally;
  readonly slots: PlanReport['slots'];
  readonly copies: Tally;
  readonly plans: readonly PlanReport[];
  readonly amounts: readonly AmountReport[];
  readonly failures: readonly FailureRow[];
  readonly missed: readonly MissedSlot[];
  readonly objectives: readonly ObjectiveFacts[];
  readonly copyTracks: readonly CopyReport[];
  readonly repositories: readonly RepositoryReport[];
  readonly verifications: readonly VerificationSum[];
  readonly restores: readonly TroubleRow[];
  readonly named: readonly NamedRow[];
  readonly days: readonly DayReport[];
};

export function reportOf(facts: ReportFacts): Report {
  const { period, sums, before } = facts;
  const untilMs = Math.min(facts.nowMs, period.toMs);
  const ofKind = (rows: readonly RunSum[], kind: RunKind): RunSum[] => rows.filter((row) => row.kind === kind);
  const backups = ofKind(sums, 'backup');
  const names = new Set([...facts.plans, ...backups.map(({ plan }) => plan), ...facts.slots.map(({ plan }) => plan)]);
  return {
    nowMs: facts.nowMs,
    company: facts.company,
    zone: facts.zone,
    period,
    untilMs,
    status: facts.status,
    backups: tallyOf(backups),
    backupsBefore: tallyOf(ofKind(before, 'backup')),
    slots: slotsOf(facts.slots),
    copies: tallyOf(copiesOf(sums)),
    plans: planReports(names, facts),
    amounts: amountsOf(facts),
    failures: facts.failures,
    missed: facts.missed,
    objectives: facts.objectives,
    copyTracks: copyTracks(copiesOf(sums)),
    repositories: repositoriesOf(facts, untilMs),
    verifications: facts.verifications,
    restores: facts.restores,
    named: facts.named,
    days: facts.days.map((rows, index) => dayReport(period.dayStartsMs[index]!, rows)),
  };
}

/** 0 to 1; undefined when nothing ended well or badly. */
export function successShare({ good, bad }: Tally): number | undefined {
  return good + bad === 0 ? undefined : good / (good + bad);
}

type Counted = { readonly outcome: RunOutcome | undefined; readonly count: number };

export function tallyOf(rows: readonly Counted[]): Tally {
  const count = (...outcomes: readonly (RunOutcome | undefined)[]): number =>
    rows.reduce((sum, row) => sum + (outcomes.includes(row.outcome) ? row.count : 0), 0);
  return {
    good: count('success', 'warning'),
    bad: count('failed', 'lost'),
    other: count('cancelled', 'skipped', undefined),
    warnings: count('warning'),
  };
}

function slotsOf(rows: readonly SlotSum[]): PlanReport['slots'] {
  const count = (...outcomes: readonly SlotSum['outcome'][]): number =>
    rows.reduce((sum, row) => sum + (outcomes.includes(row.outcome) ? row.count : 0), 0);
  const skipped = count('skipped');
  const due = rows.reduce((sum, row) => sum + row.count, 0) - skipped;
  return { due, inTime: count('success'), late: count('success-late'), missed: count('missed') };
}

/** Those of a source; a row without one is the run around them. */
function copiesOf(rows: readonly RunSum[]): RunSum[] {
  return rows.filter(({ kind, source }) => kind === 'copy' && source !== undefined);
}

function meanOf(rows: readonly (Counted & { readonly tookMs: number })[]): number | undefined {
  const good = rows.filter(({ outcome }) => outcome === 'success' || outcome === 'warning');
  const count = good.reduce((sum, row) => sum + row.count, 0);
  return count === 0 ? undefined : good.reduce((sum, row) => sum + row.tookMs, 0) / count;
}

function planReports(names: ReadonlySet<string>, { sums, before, slots }: ReportFacts): PlanReport[] {
  const planOf = ({ plan }: { readonly plan: string }): string => plan;
  const [now, earlier, due] = [Map.groupBy(sums, planOf), Map.groupBy(before, planOf), Map.groupBy(slots, planOf)];
  return [...names].map((plan) =>
    planReport(plan, { sums: now.get(plan) ?? [], before: earlier.get(plan) ?? [], slots: due.get(plan) ?? [] }),
  );
}

/** @param own rows of this plan alone */
function planReport(plan: string, own: Pick<ReportFacts, 'sums' | 'before' | 'slots'>): PlanReport {
  const runs = own.sums.filter(({ kind }) => kind === 'backup');
  const meanMs = meanOf(runs);
  const earlierMs = meanOf(own.before.filter(({ kind }) => kind === 'backup'));
  return {
    plan,
    runs: tallyOf(runs),
    slots: slotsOf(own.slots),
    meanMs,
    trend: meanMs === undefined || earlierMs === undefined || earlierMs === 0 ? undefined : meanMs / earlierMs - 1,
    bytesStored: storedBy(own.sums.filter(({ kind }) => kind === 'source')),
  };
}

function amountsOf({ sums, status }: ReportFacts): AmountReport[] {
  const backups = sums.filter(({ kind, source }) => kind === 'source' && source !== undefined);
  const keyOf = (plan: string, source: string | undefined): string => JSON.stringify([plan, source]);
  const items = new Map(status.items.map((item) => [keyOf(item.plan, item.source), item]));
  const tracks = Map.groupBy(backups, ({ plan, source }) => keyOf(plan, source));
  return [...tracks].map(([key, rows]) => {
    const { plan, source = '' } = rows[0]!;
    const sum = (pick: (row: RunSum) => number): number => rows.reduce((all, row) => all + pick(row), 0);
    return {
      plan,
      source,
      bytesRead: sum(({ bytesRead }) => bytesRead),
      bytesNew: sum(({ bytesNew }) => bytesNew),
      bytesStored: storedBy(rows),
      restore: restoreOf(items.get(key)?.backup.figures ?? {}),
    };
  });
}

/** @param figures of the newest good backup; their names are in run/run-figures.ts */
function restoreOf(figures: Readonly<Record<string, number>>): RestoreReport | undefined {
  const { restoreEstimateMs, differentialEstimateMs, incrementalEstimateMs, restoreMeasured } = figures;
  if (restoreEstimateMs === undefined) return undefined;
  return {
    fullMs: restoreEstimateMs,
    differentialMs: differentialEstimateMs,
    incrementalMs: incrementalEstimateMs,
    isMeasured: restoreMeasured === 1,
  };
}

function storedBy(rows: readonly { readonly bytesStored: number }[]): number {
  return rows.reduce((sum, { bytesStored }) => sum + bytesStored, 0);
}

function copyTracks(rows: readonly RunSum[]): CopyReport[] {
  const tracks = Map.groupBy(rows, ({ plan, source, repository }) => JSON.stringify([plan, source, repository]));
  return [...tracks.values()].map((track) => {
    const { plan, source = '', repository = '' } = track[0]!;
    return { plan, source, repository, runs: tallyOf(track) };
  });
}

const dayMs = 86_400_000;

/** What is stored there, by backups and by copies; what is removed and pruned is not taken off. */
function repositoriesOf({ sums, before, rooms, period }: ReportFacts, untilMs: number): RepositoryReport[] {
  const keeps = (row: RunSum): boolean => row.source !== undefined && (row.kind === 'source' || row.kind === 'copy');
  const names = new Set([...rooms.keys(), ...sums.filter(keeps).flatMap(({ repository }) => repository ?? [])]);
  return [...names].map((repository) => {
    const here = (rows: readonly RunSum[]): RunSum[] => rows.filter((row) => row.repository === repository);
    const room = rooms.get(repository);
    const bytesStored = storedBy(here(sums).filter(keeps));
    const days = (untilMs - period.fromMs) / dayMs;
    return {
      repository,
      bytesStored,
      bytesBefore: storedBy(here(before).filter(keeps)),
      snapshotsRemoved: here(sums).reduce((sum, row) => sum + (row.kind === 'retention' ? row.snapshotsRemoved : 0), 0),
      room,
      daysToFull: room?.daysToFull ?? daysLeft(room?.freeBytes, bytesStored, days),
    };
  });
}

/** A trend from less would be weather; further ahead nobody plans. */
const [daysMin, daysMax] = [2, 3650];

/** As if nothing were ever pruned, where no sizes tell better. */
function daysLeft(freeBytes: number | undefined, bytesStored: number, days: number): number | undefined {
  if (freeBytes === undefined || bytesStored <= 0 || days < daysMin) return undefined;
  const left = (freeBytes * days) / bytesStored;
  return left > daysMax ? undefined : left;
}

function dayReport(fromMs: number, rows: readonly KindSum[]): DayReport {
  const backups = rows.filter(({ kind }) => kind === 'backup');
  return {
    fromMs,
    runs: tallyOf(backups),
    bytesStored: storedBy(rows.filter(({ kind }) => kind === 'source')),
    meanMs: meanOf(backups),
  };
}
