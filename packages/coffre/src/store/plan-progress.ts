/** How far plans have come, for a manager that starts: thousands of them in a few statements. */
import { sql } from 'kysely';
import type { Rows, Store } from './store.ts';

export type PlanSchedule = {
  readonly plan: string;
  /** Changes when something else is due than before. */
  readonly fingerprint: string;
};

export type SlotProgress = {
  readonly plan: string;
  /** Since when its schedule is as it is; nothing before it is due. */
  readonly sinceMs: number;
  readonly newestSlot: OpenedSlot | undefined;
  /** The earliest one whose run has not ended. */
  readonly firstOpenDueMs: number | undefined;
};

export type OpenedSlot = { readonly dueMs: number; readonly openedAtMs: number; readonly isOpen: boolean };

const batchRows = 2000;

/** Notes what is new or was edited as due from now on. In the order given. */
export async function slotProgress(store: Store, schedules: readonly PlanSchedule[]): Promise<SlotProgress[]> {
  const found: SlotProgress[] = [];
  for (let from = 0; from < schedules.length; from += batchRows) {
    const batch = schedules.slice(from, from + batchRows);
    await store.transaction(async (rows) => {
      await noteAnchors(rows, batch);
      found.push(...(await readProgress(rows, batch)));
    });
  }
  return found;
}

async function noteAnchors(rows: Rows, schedules: readonly PlanSchedule[]): Promise<void> {
  const nowMs = await rows.nowMs();
  const known = new Map(
    (
      await rows.db
        .selectFrom('schedule_anchors')
        .select(['plan', 'schedule'])
        .where(
          'plan',
          'in',
          schedules.map(({ plan }) => plan),
        )
        .execute()
    ).map(({ plan, schedule }) => [plan, schedule]),
  );
  const changed = schedules.filter(({ plan, fingerprint }) => known.get(plan) !== fingerprint);
  if (changed.length === 0) return;
  await rows.db
    .insertInto('schedule_anchors')
    .values(changed.map(({ plan, fingerprint }) => ({ plan, schedule: fingerprint, since_at: nowMs })))
    .onConflict((conflict) =>
      conflict
        .column('plan')
        .doUpdateSet((eb) => ({ schedule: eb.ref('excluded.schedule'), since_at: eb.ref('excluded.since_at') })),
    )
    .execute();
}

type Row = {
  plan: string;
  since_at: number;
  due_at: number | null;
  opened_at: number | null;
  closed_at: number | null;
  open_due_at: number | null;
};

async function readProgress(rows: Rows, schedules: readonly PlanSchedule[]): Promise<SlotProgress[]> {
  const plans = JSON.stringify(schedules.map(({ plan }) => plan));
  const names =
    rows.engine === 'sqlite'
      ? sql`select value as plan, key as place from json_each(${plans})`
      : sql`select plan, place from json_array_elements_text(${plans}::json) with ordinality as given (plan, place)`;
  const found = await sql<Row>`
    select given.plan as plan, anchor.since_at as since_at,
      newest.due_at as due_at, newest.opened_at as opened_at, newest.closed_at as closed_at,
      (select min(due_at) from slots where slots.plan = given.plan and closed_at is null) as open_due_at
    from (${names}) given
    join schedule_anchors anchor on anchor.plan = given.plan
    left join slots newest on newest.plan = given.plan
      and newest.due_at = (select max(due_at) from slots where slots.plan = given.plan)
    order by given.place`.execute(rows.db);
  return found.rows.map((row) => ({
    plan: row.plan,
    sinceMs: row.since_at,
    newestSlot:
      row.due_at === null
        ? undefined
        : { dueMs: row.due_at, openedAtMs: row.opened_at!, isOpen: row.closed_at === null },
    firstOpenDueMs: row.open_due_at ?? undefined,
  }));
}
