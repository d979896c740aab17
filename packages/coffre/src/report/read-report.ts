/** The facts of a report, from the configuration and the history. */
import type { Config } from '../config/config.ts';
import {
  failedRuns,
  goodBackups,
  missedSlots,
  namedBetween,
  restoreRuns,
  sumKinds,
  sumRuns,
  sumSlots,
  sumVerifications,
} from '../store/report-rows.ts';
import type { GoodRow } from '../store/report-rows.ts';
import type { Rows } from '../store/store.ts';
import { readStatusFacts } from '../status/read-facts.ts';
import type { StatusDoors } from '../status/read-facts.ts';
import type { ItemState } from '../status/item.ts';
import { statusOf } from '../status/status.ts';
import type { Status } from '../status/status.ts';
import { objectiveKept } from './objective.ts';
import type { Period } from './period.ts';
import { listedMax } from './report.ts';
import type { ObjectiveFacts, ReportFacts } from './report.ts';

export async function readReport(
  config: Config,
  rows: Rows | undefined,
  period: Period,
  doors: StatusDoors,
): Promise<ReportFacts> {
  const status = statusOf(await readStatusFacts(config, rows, doors));
  const plain = {
    nowMs: doors.nowMs,
    company: config.company,
    zone: config.timezone,
    period,
    plans: [...config.plans.keys()],
    rooms: new Map(status.repositories.map(({ name, room }) => [name, room])),
    status,
  };
  if (rows === undefined) return { ...plain, ...nothing };
  const days: ReportFacts['days'][number][] = [];
  for (const [index, fromMs] of period.dayStartsMs.slice(0, -1).entries()) {
    days.push(await sumKinds(rows, { fromMs, toMs: period.dayStartsMs[index + 1]! }));
  }
  return {
    ...plain,
    sums: await sumRuns(rows, period),
    before: await sumRuns(rows, period.before),
    days,
    slots: await sumSlots(rows, period),
    // One more than is shown tells that there are more.
    failures: await failedRuns(rows, period, listedMax + 1),
    missed: await missedSlots(rows, period, listedMax + 1),
    restores: await restoreRuns(rows, period, listedMax + 1),
    verifications: await sumVerifications(rows, period),
    named: await namedBetween(rows, period, listedMax + 1),
    objectives: await objectivesOf(config, rows, period, { doors, status }),
  };
}

const nothing = {
  sums: [],
  before: [],
  days: [],
  slots: [],
  failures: [],
  missed: [],
  restores: [],
  verifications: [],
  named: [],
  objectives: [],
} as const;

async function objectivesOf(
  config: Config,
  rows: Rows,
  { fromMs, toMs }: Period,
  { doors: { nowMs, here }, status }: { readonly doors: StatusDoors; readonly status: Status },
): Promise<ObjectiveFacts[]> {
  const untilMs = Math.min(toMs, nowMs);
  const kept: ObjectiveFacts[] = [];
  const items = new Map(status.items.map((item) => [itemKey(item), item]));
  for (const plan of config.plans.values()) {
    for (const { name, host, objectives } of plan.sources) {
      const objectiveMs = objectives.rpoMs;
      if (objectiveMs === undefined || (host !== undefined && host !== here)) continue;
      const key = { plan: plan.name, source: name, repository: plan.to };
      const backups = await goodBackups(rows, key, { fromMs, toMs: untilMs });
      const item = items.get(itemKey(key));
      const allowedMs = objectiveMs + (item?.allowanceMs ?? 0);
      const sinceMs = waitedSince(backups, fromMs, item);
      if (sinceMs >= untilMs) continue;
      const createdMs = item?.backup.lastGoodMs === undefined ? undefined : item.knownSinceMs;
      const between = { fromMs: sinceMs, toMs: untilMs, createdMs };
      kept.push({ plan: plan.name, source: name, objectiveMs, kept: objectiveKept(backups, allowedMs, between) });
    }
  }
  return kept;
}

function itemKey({ plan, source }: { readonly plan: string; readonly source: string }): string {
  return JSON.stringify([plan, source]);
}

/**
 * Nothing is asked of a plan from before it was known, or before its first backup where nobody knows since when. Where there
 * is none yet, `status` decides: it is missing once its first slot has passed.
 */
function waitedSince(backups: readonly GoodRow[], fromMs: number, item: ItemState | undefined): number {
  const [first] = backups;
  if (first !== undefined && first.startedMs < fromMs) return fromMs;
  const knownMs = item?.knownSinceMs;
  if (first !== undefined) return Math.max(fromMs, knownMs ?? first.endedMs);
  if (knownMs === undefined) return Number.POSITIVE_INFINITY;
  const isNew = item?.backup.lastGoodMs === undefined;
  return Math.max(fromMs, isNew ? (item?.deadlineMs ?? Number.POSITIVE_INFINITY) : knownMs);
}
