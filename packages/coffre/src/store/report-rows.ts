/** What the reports ask of the history: counts and sums by the engine, and lists that have an end. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { RunKind, RunOutcome } from './runs.ts';
import type { SlotOutcome } from './slots.ts';
import type { Rows } from './store.ts';
import type { Verification, VerificationKind } from './verifications.ts';

/** From `fromMs` up to and without `toMs`. */
export type Between = { readonly fromMs: number; readonly toMs: number };

export type RunSum = {
  readonly plan: string;
  readonly source: string | undefined;
  readonly repository: string | undefined;
  readonly kind: RunKind;
  /** Undefined for those that go on. */
  readonly outcome: RunOutcome | undefined;
  readonly count: number;
  readonly tookMs: number;
  readonly bytesStored: number;
  readonly bytesRead: number;
  readonly bytesNew: number;
  readonly snapshotsRemoved: number;
};

type SumColumns = {
  plan: string;
  source: string | null;
  repository: string | null;
  kind: RunKind;
  outcome: RunOutcome | null;
  n: number;
  took: number | null;
  stored: number | null;
  read: number | null;
  added: number | null;
  removed: number | null;
};

export async function sumRuns(rows: Rows, { fromMs, toMs }: Between): Promise<RunSum[]> {
  const found = await sql<SumColumns>`
    select plan, source, repository, kind, outcome, count(*) as n, ${sumOf(rows, 'ended_at - started_at')} as took,
      ${figureSum(rows, 'bytesStored')} as stored, ${figureSum(rows, 'bytesRead')} as read,
      ${figureSum(rows, 'bytesNew')} as added,
      ${figureSum(rows, 'snapshotsRemoved')} as removed
    from runs where started_at >= ${fromMs} and started_at < ${toMs}
    group by plan, source, repository, kind, outcome
    order by plan, source, repository, kind, outcome`.execute(rows.db);
  return found.rows.map((row) => ({
    plan: row.plan,
    source: row.source ?? undefined,
    repository: row.repository ?? undefined,
    kind: row.kind,
    outcome: row.outcome ?? undefined,
    count: row.n,
    tookMs: row.took ?? 0,
    bytesStored: row.stored ?? 0,
    bytesRead: row.read ?? 0,
    bytesNew: row.added ?? 0,
    snapshotsRemoved: row.removed ?? 0,
  }));
}

export type KindSum = Pick<RunSum, 'kind' | 'outcome' | 'count' | 'tookMs' | 'bytesStored'>;

/** As `sumRuns`, of all plans together. */
export async function sumKinds(rows: Rows, { fromMs, toMs }: Between): Promise<KindSum[]> {
  const found = await sql<Pick<SumColumns, 'kind' | 'outcome' | 'n' | 'took' | 'stored'>>`
    select kind, outcome, count(*) as n, ${sumOf(rows, 'ended_at - started_at')} as took,
      ${figureSum(rows, 'bytesStored')} as stored
    from runs where started_at >= ${fromMs} and started_at < ${toMs}
    group by kind, outcome order by kind, outcome`.execute(rows.db);
  return found.rows.map(({ kind, outcome, n, took, stored }) => ({
    kind,
    outcome: outcome ?? undefined,
    count: n,
    tookMs: took ?? 0,
    bytesStored: stored ?? 0,
  }));
}

/** PostgreSQL makes sums of whole numbers wider than they are. */
function sumOf({ engine }: Rows, expression: string): RawBuilder<unknown> {
  return sql.raw(engine === 'sqlite' ? `sum(${expression})` : `sum(${expression})::bigint`);
}

function figureSum(rows: Rows, name: string): RawBuilder<unknown> {
  return sumOf(
    rows,
    rows.engine === 'sqlite' ? `json_extract(figures, '$.${name}')` : `(figures::json ->> '${name}')::numeric`,
  );
}

export type TroubleRow = {
  readonly plan: string;
  readonly source: string | undefined;
  readonly repository: string | undefined;
  readonly kind: RunKind;
  readonly outcome: RunOutcome;
  readonly reason: string | undefined;
  /** Of the error, where there was one. */
  readonly code: string | undefined;
  readonly startedMs: number;
  readonly tookMs: number;
};

type TroubleColumns = {
  plan: string;
  source: string | null;
  repository: string | null;
  kind: RunKind;
  outcome: RunOutcome;
  closed_reason: string | null;
  code: string | null;
  started_at: number;
  ended_at: number;
};

/** What failed in the same way is one. */
export type FailureRow = Omit<TroubleRow, 'startedMs' | 'tookMs'> & {
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
};

type FailureColumns = Omit<TroubleColumns, 'started_at' | 'ended_at'> & { n: number; first: number; last: number };

/** Runs and parts that ended badly; a whole run only where none of its parts says why. Oldest first. */
export async function failedRuns({ db }: Rows, { fromMs, toMs }: Between, countMax: number): Promise<FailureRow[]> {
  const found = await sql<FailureColumns>`
    select plan, source, repository, kind, outcome, closed_reason, code, count(*) as n,
      min(started_at) as first, max(started_at) as last
    from runs where started_at >= ${fromMs} and started_at < ${toMs} and outcome in ('failed', 'lost', 'warning')
      and not exists (select 1 from runs part where part.parent_id = runs.id
        and part.outcome in ('failed', 'lost', 'warning'))
    group by plan, source, repository, kind, outcome, closed_reason, code
    order by min(started_at), plan, source, repository, kind limit ${countMax}`.execute(db);
  return found.rows.map((row) => ({
    plan: row.plan,
    source: row.source ?? undefined,
    repository: row.repository ?? undefined,
    kind: row.kind,
    outcome: row.outcome,
    reason: row.closed_reason ?? undefined,
    code: row.code ?? undefined,
    count: row.n,
    firstMs: row.first,
    lastMs: row.last,
  }));
}

/** Restores and drills, whatever came of them. */
export async function restoreRuns(rows: Rows, between: Between, countMax: number): Promise<TroubleRow[]> {
  return await troubleRows(rows, between, sql`kind in ('restore', 'drill') and ended_at is not null`, countMax);
}

async function troubleRows(
  { db }: Rows,
  { fromMs, toMs }: Between,
  condition: RawBuilder<unknown>,
  countMax: number,
): Promise<TroubleRow[]> {
  const found = await sql<TroubleColumns>`
    select plan, source, repository, kind, outcome, closed_reason, code, started_at, ended_at from runs
    where started_at >= ${fromMs} and started_at < ${toMs} and ${condition}
    order by started_at, id limit ${countMax}`.execute(db);
  return found.rows.map((row) => ({
    plan: row.plan,
    source: row.source ?? undefined,
    repository: row.repository ?? undefined,
    kind: row.kind,
    outcome: row.outcome,
    reason: row.closed_reason ?? undefined,
    code: row.code ?? undefined,
    startedMs: row.started_at,
    tookMs: row.ended_at - row.started_at,
  }));
}

export type SlotSum = { readonly plan: string; readonly outcome: SlotOutcome | undefined; readonly count: number };

export async function sumSlots({ db }: Rows, { fromMs, toMs }: Between): Promise<SlotSum[]> {
  const found = await sql<{ plan: string; outcome: SlotOutcome | null; n: number }>`
    select plan, outcome, count(*) as n from slots where due_at >= ${fromMs} and due_at < ${toMs}
    group by plan, outcome order by plan, outcome`.execute(db);
  return found.rows.map(({ plan, outcome, n }) => ({ plan, outcome: outcome ?? undefined, count: n }));
}

export type MissedSlot = {
  readonly plan: string;
  readonly dueMs: number;
  readonly outcome: SlotOutcome | undefined;
  readonly reason: string | undefined;
};

/** Missed ones, late ones and those that counted as missing. Oldest first. */
export async function missedSlots({ db }: Rows, { fromMs, toMs }: Between, countMax: number): Promise<MissedSlot[]> {
  const found = await sql<{ plan: string; due_at: number; outcome: SlotOutcome | null; reason: string | null }>`
    select plan, due_at, outcome, reason from slots where due_at >= ${fromMs} and due_at < ${toMs}
      and (outcome in ('missed', 'success-late') or missing_at is not null)
    order by due_at, plan limit ${countMax}`.execute(db);
  return found.rows.map(({ plan, due_at, outcome, reason }) => ({
    plan,
    dueMs: due_at,
    outcome: outcome ?? undefined,
    reason: reason ?? undefined,
  }));
}

export type VerificationSum = {
  readonly repository: string;
  readonly kind: VerificationKind;
  readonly outcome: Verification['outcome'];
  readonly count: number;
  readonly newestMs: number;
};

export async function sumVerifications({ db }: Rows, { fromMs, toMs }: Between): Promise<VerificationSum[]> {
  const found = await sql<{
    repository: string;
    kind: VerificationKind;
    outcome: Verification['outcome'];
    n: number;
    newest: number;
  }>`
    select repository, kind, outcome, count(*) as n, max(at) as newest from verifications
    where at >= ${fromMs} and at < ${toMs} group by repository, kind, outcome
    order by repository, kind, outcome`.execute(db);
  return found.rows.map(({ n, newest, ...row }) => ({ ...row, count: n, newestMs: newest }));
}

export type NamedRow = {
  readonly name: string;
  readonly repository: string;
  readonly plan: string | undefined;
  readonly isPinned: boolean;
  readonly createdMs: number;
};

export async function namedBetween({ db }: Rows, { fromMs, toMs }: Between, countMax: number): Promise<NamedRow[]> {
  const found = await sql<{
    name: string;
    repository: string;
    plan: string | null;
    pinned: number;
    created_at: number;
  }>`
    select name, repository, plan, pinned, created_at from named_backups
    where created_at >= ${fromMs} and created_at < ${toMs} order by created_at, id limit ${countMax}`.execute(db);
  return found.rows.map(({ name, repository, plan, pinned, created_at }) => ({
    name,
    repository,
    plan: plan ?? undefined,
    isPinned: pinned === 1,
    createdMs: created_at,
  }));
}

export type GoodRow = { readonly startedMs: number; readonly endedMs: number };

/** The last good one before, and all of the period, in order. */
export async function goodBackups(
  { db }: Rows,
  { plan, source, repository }: { readonly plan: string; readonly source: string; readonly repository: string },
  { fromMs, toMs }: Between,
): Promise<GoodRow[]> {
  const here = sql`from runs where repository = ${repository} and plan = ${plan} and source = ${source}
    and kind = 'source' and outcome in ('success', 'warning')`;
  const found = await sql<{ started_at: number; ended_at: number }>`
    select started_at, ended_at ${here} and started_at < ${toMs}
      and started_at >= coalesce((select max(started_at) ${here} and started_at < ${fromMs}), ${fromMs})
    order by started_at`.execute(db);
  return found.rows.map(({ started_at, ended_at }) => ({ startedMs: started_at, endedMs: ended_at }));
}
