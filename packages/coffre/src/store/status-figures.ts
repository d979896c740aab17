/**
 * What `status` needs to know of each plan, from a history of any length: a few steps into an index for each plan, never
 * a walk through its runs.
 */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { RunKind, RunOutcome } from './runs.ts';
import type { Rows } from './store.ts';
import type { RunId } from './tables.ts';

export type PlanFigures = {
  readonly plan: string;
  readonly newest:
    | { readonly id: RunId; readonly startedAtMs: number; readonly outcome: RunOutcome | undefined }
    | undefined;
  readonly lastGood: { readonly id: RunId; readonly startedAtMs: number; readonly endedAtMs: number } | undefined;
  /** Of the newest ended ones, `recentRuns` at most; sorted by start, newest first. */
  readonly recent: readonly { readonly outcome: RunOutcome; readonly durationMs: number }[];
  readonly openSlots: number;
  readonly earliestOpenSlotMs: number | undefined;
};

/** Enough for a 95th percentile that means something. */
const recentRuns = 20;

type Row = {
  plan: string;
  newest_id: RunId | null;
  newest_at: number | null;
  newest_outcome: string | null;
  good_id: RunId | null;
  good_at: number | null;
  good_ended_at: number | null;
  recent: string | null;
  open_slots: number;
  open_slot_at: number | null;
};

/** In the order of the names given; a plan that never ran has figures too. */
export async function planFigures(rows: Rows, plans: readonly string[], kind: RunKind): Promise<PlanFigures[]> {
  const { engine } = rows;
  const names =
    engine === 'sqlite'
      ? sql`select value as plan, key as place from json_each(${JSON.stringify(plans)})`
      : sql`select plan, place from json_array_elements_text(${JSON.stringify(plans)}::json) with ordinality as given (plan, place)`;
  const pair = sql.raw(
    engine === 'sqlite'
      ? 'json_array(outcome, ended_at - started_at)'
      : 'json_build_array(outcome, ended_at - started_at)',
  );
  const list = sql.raw(engine === 'sqlite' ? 'json_group_array(json(pair))' : `coalesce(json_agg(pair), '[]')::text`);
  const ofPlan = (columns: string, where = ''): RawBuilder<unknown> =>
    sql`select ${sql.raw(columns)} from runs where runs.plan = given.plan and kind = ${kind} ${sql.raw(where)} order by started_at desc`;
  const good = `and (outcome = 'success' or outcome = 'warning')`;
  const found = await sql<Row>`
    select given.plan as plan,
      newest.id as newest_id, newest.started_at as newest_at, newest.outcome as newest_outcome,
      good.id as good_id, good.started_at as good_at, good.ended_at as good_ended_at,
      (select ${list} from (select ${pair} as pair from (${ofPlan('outcome, started_at, ended_at', 'and ended_at is not null')} limit ${recentRuns}) ended) pairs) as recent,
      (select count(*) from slots where slots.plan = given.plan and closed_at is null) as open_slots,
      (select min(due_at) from slots where slots.plan = given.plan and closed_at is null) as open_slot_at
    from (${names}) given
    left join runs newest on newest.id = (${ofPlan('id')} limit 1)
    left join runs good on good.id = (${ofPlan('id', good)} limit 1)
    order by given.place`.execute(rows.db);
  return found.rows.map(figuresOf);
}

/** Every plan that ever ran or was due, from the index alone. */
export async function knownPlans({ db }: Rows): Promise<string[]> {
  const found = await sql<{ plan: string }>`
    with recursive
      ran (plan) as (
        select (select min(plan) from runs)
        union all select (select min(runs.plan) from runs where runs.plan > ran.plan) from ran where ran.plan is not null),
      due (plan) as (
        select (select min(plan) from slots)
        union all select (select min(slots.plan) from slots where slots.plan > due.plan) from due where due.plan is not null)
    select plan from ran where plan is not null union select plan from due where plan is not null order by 1`.execute(
    db,
  );
  return found.rows.map(({ plan }) => plan);
}

function figuresOf(row: Row): PlanFigures {
  const recent = JSON.parse(row.recent ?? '[]') as [RunOutcome, number][];
  return {
    plan: row.plan,
    newest:
      row.newest_id === null
        ? undefined
        : {
            id: row.newest_id,
            startedAtMs: row.newest_at!,
            outcome: (row.newest_outcome ?? undefined) as RunOutcome | undefined,
          },
    lastGood:
      row.good_id === null ? undefined : { id: row.good_id, startedAtMs: row.good_at!, endedAtMs: row.good_ended_at! },
    recent: recent.map(([outcome, durationMs]) => ({ outcome, durationMs })),
    openSlots: row.open_slots,
    earliestOpenSlotMs: row.open_slot_at ?? undefined,
  };
}
