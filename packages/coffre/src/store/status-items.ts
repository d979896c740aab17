/**
 * What `status` asks of a history of any length: for each plan, and for each source in each repository, a few steps into
 * an index, never a walk through its runs.
 */
import { sql } from 'kysely';
import type { RunKind, RunOutcome } from './runs.ts';
import type { SlotOutcome } from './slots.ts';
import { given } from './given-rows.ts';
import type { Rows } from './store.ts';

export type EndedRow = {
  readonly startedMs: number;
  readonly endedMs: number;
  readonly outcome: RunOutcome;
  readonly reason: string | undefined;
  /** Of the error, where there was one. */
  readonly code: string | undefined;
};

export type PlanRow = {
  /** Of the runs that ended and were not cancelled or skipped. */
  readonly newest: EndedRow | undefined;
  readonly lastGoodMs: number | undefined;
  /** Failed and lost ones since the last good one; counted up to a hundred. */
  readonly failures: number;
  /** Of the newest good ones, twenty at most. */
  readonly durationsMs: readonly number[];
  readonly openSlots: number;
  readonly newestSlot:
    | { readonly dueMs: number; readonly missingMs: number | undefined; readonly outcome: SlotOutcome | undefined }
    | undefined;
  /** Since when its schedule is as it is; undefined where no daemon ever looked. */
  readonly scheduledSinceMs: number | undefined;
};

const good = sql.raw(`outcome in ('success', 'warning')`);
const telling = sql.raw(`outcome in ('success', 'warning', 'failed', 'lost')`);
const recentRuns = 20;

type PlanColumns = {
  n_start: number | null;
  n_end: number | null;
  n_outcome: RunOutcome | null;
  n_reason: string | null;
  n_code: string | null;
  g_start: number | null;
  failures: number;
  durations: string | null;
  open_slots: number;
  due_at: number | null;
  missing_at: number | null;
  slot_outcome: SlotOutcome | null;
  since_at: number | null;
};

/** In the order of the names. */
export async function planRows(rows: Rows, plans: readonly string[]): Promise<PlanRow[]> {
  const list = sql.raw(rows.engine === 'sqlite' ? 'json_group_array(took)' : `coalesce(json_agg(took), '[]')::text`);
  const ofPlan = sql`from runs where runs.plan = given.plan and kind = 'backup'`;
  const found = await sql<PlanColumns>`
    select n.started_at as n_start, n.ended_at as n_end, n.outcome as n_outcome, n.closed_reason as n_reason, n.code as n_code,
      g.started_at as g_start,
      (select count(*) from (select 1 ${ofPlan} and outcome in ('failed', 'lost')
        and started_at > coalesce(g.started_at, -1) limit 100) failing) as failures,
      (select ${list} from (select ended_at - started_at as took ${ofPlan} and ${good}
        order by started_at desc limit ${recentRuns}) recent) as durations,
      (select count(*) from slots where slots.plan = given.plan and closed_at is null) as open_slots,
      s.due_at as due_at, s.missing_at as missing_at, s.outcome as slot_outcome,
      anchor.since_at as since_at
    from (${given(
      rows,
      plans.map((plan) => [plan]),
      ['plan'],
    )}) given
    left join runs n on n.id = (select id ${ofPlan} and ${telling} order by started_at desc limit 1)
    left join runs g on g.id = case when n.outcome in ('success', 'warning') then n.id
      else (select id ${ofPlan} and ${good} order by started_at desc limit 1) end
    left join slots s on s.plan = given.plan and s.due_at = (select max(due_at) from slots where slots.plan = given.plan)
    left join schedule_anchors anchor on anchor.plan = given.plan
    order by given.place`.execute(rows.db);
  return found.rows.map((row) => ({
    newest: endedRow(row.n_start, row.n_end, row.n_outcome, row.n_reason, row.n_code),
    lastGoodMs: row.g_start ?? undefined,
    failures: row.failures,
    durationsMs: JSON.parse(row.durations ?? '[]') as number[],
    openSlots: row.open_slots,
    newestSlot:
      row.due_at === null
        ? undefined
        : { dueMs: row.due_at, missingMs: row.missing_at ?? undefined, outcome: row.slot_outcome ?? undefined },
    scheduledSinceMs: row.since_at ?? undefined,
  }));
}

/** A source of a plan in a repository; `from` is where copies come from. */
export type TrackKey = {
  readonly plan: string;
  readonly source: string;
  readonly repository: string;
  readonly from?: string;
};

export type TrackRow = {
  readonly newest: EndedRow | undefined;
  readonly lastGood:
    | (EndedRow & { readonly snapshots: readonly string[]; readonly figures: Readonly<Record<string, number>> })
    | undefined;
};

export type CopyRow = TrackRow & {
  /** When the newest backup began that was copied. */
  readonly recoveryPointMs: number | undefined;
  /** When the earliest one was ready that was not copied yet. */
  readonly waitingSinceMs: number | undefined;
};

type TrackColumns = {
  n_start: number | null;
  n_end: number | null;
  n_outcome: RunOutcome | null;
  n_reason: string | null;
  n_code: string | null;
  g_start: number | null;
  g_end: number | null;
  g_outcome: RunOutcome | null;
  g_reason: string | null;
  g_code: string | null;
  snapshots: string | null;
  figures: string | null;
  point_at: number | null;
  waiting_at: number | null;
};

export async function backupRows(rows: Rows, keys: readonly TrackKey[]): Promise<TrackRow[]> {
  return (await trackRows(rows, keys, 'source')).map(trackOf);
}

export async function copyRows(rows: Rows, keys: readonly TrackKey[]): Promise<CopyRow[]> {
  return (await trackRows(rows, keys, 'copy')).map((row) => ({
    ...trackOf(row),
    recoveryPointMs: row.point_at ?? undefined,
    waitingSinceMs: row.waiting_at ?? undefined,
  }));
}

async function trackRows(rows: Rows, keys: readonly TrackKey[], kind: RunKind): Promise<TrackColumns[]> {
  if (keys.length === 0) return [];
  const here = sql`from runs where repository = given.repository and runs.plan = given.plan
    and runs.source = given.source and kind = ${kind}`;
  const origin = sql`from runs where repository = given.origin and runs.plan = given.plan
    and runs.source = given.source and kind = 'source' and ${good}`;
  const isCopy = kind === 'copy';
  const point = isCopy
    ? sql`left join runs p on p.id = (select id ${origin} and ended_at <= g.started_at order by started_at desc limit 1)`
    : sql``;
  const waiting = isCopy
    ? sql`, p.started_at as point_at,
      (select ended_at ${origin} and started_at > coalesce(p.started_at, -1) order by started_at limit 1) as waiting_at`
    : sql``;
  const entries = keys.map(({ plan, source, repository, from }) => [plan, source, repository, from ?? '']);
  const found = await sql<TrackColumns>`
    select n.started_at as n_start, n.ended_at as n_end, n.outcome as n_outcome, n.closed_reason as n_reason, n.code as n_code,
      g.started_at as g_start, g.ended_at as g_end, g.outcome as g_outcome, g.closed_reason as g_reason, g.code as g_code,
      g.snapshots as snapshots, g.figures as figures ${waiting}
    from (${given(rows, entries, ['plan', 'source', 'repository', 'origin'])}) given
    left join runs n on n.id = (select id ${here} and ${telling} order by started_at desc limit 1)
    left join runs g on g.id = case when n.outcome in ('success', 'warning') then n.id
      else (select id ${here} and ${good} order by started_at desc limit 1) end
    ${point}
    order by given.place`.execute(rows.db);
  return found.rows;
}

function trackOf(row: TrackColumns): TrackRow {
  const lastGood = endedRow(row.g_start, row.g_end, row.g_outcome, row.g_reason, row.g_code);
  return {
    newest: endedRow(row.n_start, row.n_end, row.n_outcome, row.n_reason, row.n_code),
    lastGood:
      lastGood === undefined
        ? undefined
        : {
            ...lastGood,
            snapshots: JSON.parse(row.snapshots ?? '[]') as string[],
            figures: JSON.parse(row.figures ?? '{}') as Record<string, number>,
          },
  };
}

function endedRow(
  start: number | null,
  end: number | null,
  outcome: RunOutcome | null,
  reason: string | null,
  code: string | null,
): EndedRow | undefined {
  if (start === null || end === null || outcome === null) return undefined;
  return { startedMs: start, endedMs: end, outcome, reason: reason ?? undefined, code: code ?? undefined };
}

/** The newest retention of a plan in each of its repositories. */
export async function retentionRows(
  rows: Rows,
  keys: readonly { readonly plan: string; readonly repository: string }[],
): Promise<(EndedRow | undefined)[]> {
  if (keys.length === 0) return [];
  const entries = keys.map(({ plan, repository }) => [plan, repository]);
  const found = await sql<PlanColumns>`
    select n.started_at as n_start, n.ended_at as n_end, n.outcome as n_outcome, n.closed_reason as n_reason, n.code as n_code
    from (${given(rows, entries, ['plan', 'repository'])}) given
    left join runs n on n.id = (select id from runs where repository = given.repository and runs.plan = given.plan
      and source is null and kind = 'retention' and ${telling}
      order by started_at desc limit 1)
    order by given.place`.execute(rows.db);
  return found.rows.map((row) => endedRow(row.n_start, row.n_end, row.n_outcome, row.n_reason, row.n_code));
}
