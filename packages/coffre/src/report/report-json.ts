/** A report for programs, schema `coffre.report/1`: times in RFC 3339 UTC, durations in seconds, sizes in bytes, shares 0 to 1. */
import { problemJson } from '../status/status-json.ts';
import { listedMax, successShare } from './report.ts';
import type { Report, Tally } from './report.ts';
import { failureCause } from '../store/failure-cause.ts';
import type { FailureRow, TroubleRow } from '../store/report-rows.ts';

export function reportJson(report: Report): Record<string, unknown> {
  const { period, status, slots } = report;
  return {
    schema: 'coffre.report/1',
    at: timeOf(report.nowMs),
    company: report.company ?? null,
    period: {
      span: period.span,
      from: timeOf(period.fromMs),
      to: timeOf(period.toMs),
      until: timeOf(report.untilMs),
      first_day: period.firstDay,
      last_day: period.lastDay,
      timezone: report.zone,
    },
    now: { state: status.level, worst: status.worst === undefined ? null : problemJson(status.worst.problem) },
    backups: { ...tallyJson(report.backups), before: tallyJson(report.backupsBefore) },
    slots: { due: slots.due, in_time: slots.inTime, late: slots.late, missed: slots.missed },
    copies: tallyJson(report.copies),
    plans: report.plans.map((plan) => ({
      plan: plan.plan,
      ...tallyJson(plan.runs),
      slots: { due: plan.slots.due, in_time: plan.slots.inTime, late: plan.slots.late, missed: plan.slots.missed },
      mean_duration_s: secondsOf(plan.meanMs),
      duration_change: plan.trend ?? null,
      stored_bytes: plan.bytesStored,
    })),
    amounts: report.amounts.map(({ plan, source, bytesRead, bytesNew, bytesStored, restore }) => ({
      plan,
      item: source,
      read_bytes: bytesRead,
      new_bytes: bytesNew,
      stored_bytes: bytesStored,
      restore:
        restore === undefined
          ? null
          : {
              full_s: secondsOf(restore.fullMs),
              differential_s: secondsOf(restore.differentialMs),
              incremental_s: secondsOf(restore.incrementalMs),
              measured: restore.isMeasured,
            },
    })),
    failures: cut(report.failures).map(failureJson),
    missed: cut(report.missed).map(({ plan, dueMs, outcome, reason }) => ({
      plan,
      due: timeOf(dueMs),
      outcome: outcome ?? 'open',
      reason: reason ?? null,
    })),
    objectives: report.objectives.map(({ plan, source, objectiveMs, kept }) => ({
      plan,
      item: source,
      objective_s: secondsOf(objectiveMs),
      met: kept.isMet,
      kept_share: kept.keptShare,
      worst_age_s: secondsOf(kept.worstAgeMs),
    })),
    copy_tracks: report.copyTracks.map(({ plan, source, repository, runs }) => ({
      plan,
      item: source,
      repository,
      ...tallyJson(runs),
    })),
    repositories: report.repositories.map((repository) => ({
      repository: repository.repository,
      stored_bytes: repository.bytesStored,
      stored_before_bytes: repository.bytesBefore,
      snapshots_expired: repository.snapshotsRemoved,
      free_bytes: repository.room?.freeBytes ?? null,
      capacity_bytes: repository.room?.capacityBytes ?? null,
      days_to_full: repository.daysToFull === undefined ? null : Math.floor(repository.daysToFull),
    })),
    verifications: report.verifications.map(({ repository, kind, outcome, count, newestMs }) => ({
      repository,
      kind,
      outcome,
      count,
      last: timeOf(newestMs),
    })),
    restores: cut(report.restores).map(troubleJson),
    named: cut(report.named).map(({ name, plan, repository, isPinned, createdMs }) => ({
      name,
      plan: plan ?? null,
      repository,
      pinned: isPinned,
      created: timeOf(createdMs),
    })),
    days: report.days.map(({ fromMs, runs, bytesStored, meanMs }) => ({
      from: timeOf(fromMs),
      ...tallyJson(runs),
      stored_bytes: bytesStored,
      mean_duration_s: secondsOf(meanMs),
    })),
    cut: [report.failures, report.missed, report.restores, report.named].some(({ length }) => length > listedMax),
  };
}

function cut<T>(rows: readonly T[]): readonly T[] {
  return rows.slice(0, listedMax);
}

function tallyJson(tally: Tally): Record<string, unknown> {
  const { good, bad, other, warnings } = tally;
  return { good, failed: bad, other, warnings, success_share: successShare(tally) ?? null };
}

function failureJson({ count, firstMs, lastMs, ...row }: FailureRow): Record<string, unknown> {
  return { at: timeOf(firstMs), last: timeOf(lastMs), count, ...aboutJson(row) };
}

function troubleJson({ startedMs, tookMs, ...row }: TroubleRow): Record<string, unknown> {
  return {
    at: timeOf(startedMs),
    duration_s: secondsOf(tookMs),
    ...aboutJson(row),
  };
}

function aboutJson(row: Omit<TroubleRow, 'startedMs' | 'tookMs'>): Record<string, unknown> {
  return {
    kind: row.kind,
    plan: row.plan,
    item: row.source ?? null,
    repository: row.repository ?? null,
    outcome: row.outcome,
    reason: row.reason ?? null,
    code: row.code ?? null,
    cause: failureCause(row.outcome, row.code) ?? null,
  };
}

function timeOf(instantMs: number): string {
  return new Date(instantMs).toISOString();
}

function secondsOf(durationMs: number | undefined): number | null {
  return durationMs === undefined ? null : Math.round(durationMs / 100) / 10;
}
