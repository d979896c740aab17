/**
 * One row for each time a plan is due. Who makes the row owns the slot, so two managers on one state never run it twice;
 * it is closed once, for ever.
 */
import type { Selectable } from 'kysely';
import type { Rows } from './store.ts';
import type { SlotTable } from './tables.ts';

export type SlotKey = { readonly plan: string; readonly dueAtMs: number };
/** `success-late`: it counted as missing before. */
export type SlotOutcome = 'success' | 'success-late' | 'failed' | 'missed' | 'skipped';

export type Slot = SlotKey & {
  readonly openedAtMs: number;
  /** It stays known that it was missing, also when a late run closed it well. */
  readonly missingAtMs: number | undefined;
  readonly closed:
    | { readonly atMs: number; readonly outcome: SlotOutcome; readonly reason: string | undefined }
    | undefined;
};

/** @returns false when the slot is there already: somebody else has it, or had it */
export async function openSlot(rows: Rows, { plan, dueAtMs }: SlotKey): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await rows.db
    .insertInto('slots')
    .values({ plan, due_at: dueAtMs, opened_at: await rows.nowMs() })
    .onConflict((conflict) => conflict.columns(['plan', 'due_at']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** @returns false when it was marked or closed before */
export async function markSlotMissing(rows: Rows, { plan, dueAtMs }: SlotKey): Promise<boolean> {
  const { numUpdatedRows } = await rows.db
    .updateTable('slots')
    .set({ missing_at: await rows.nowMs() })
    .where('plan', '=', plan)
    .where('due_at', '=', dueAtMs)
    .where('missing_at', 'is', null)
    .where('closed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** @returns false when it is closed already, which then stays as it was, or not there */
export async function closeSlot(rows: Rows, key: SlotKey, outcome: SlotOutcome, reason?: string): Promise<boolean> {
  const { numUpdatedRows } = await rows.db
    .updateTable('slots')
    .set({ closed_at: await rows.nowMs(), outcome, reason: reason ?? null })
    .where('plan', '=', key.plan)
    .where('due_at', '=', key.dueAtMs)
    .where('closed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Earliest due first: what a manager that starts has to go on with. */
export async function openSlots(rows: Rows, plan?: string): Promise<Slot[]> {
  let query = rows.db.selectFrom('slots').selectAll().where('closed_at', 'is', null);
  if (plan !== undefined) query = query.where('plan', '=', plan);
  return (await query.orderBy('due_at').orderBy('plan').execute()).map(slotOf);
}

export async function newestSlot(rows: Rows, plan: string): Promise<Slot | undefined> {
  const row = await rows.db
    .selectFrom('slots')
    .selectAll()
    .where('plan', '=', plan)
    .orderBy('due_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : slotOf(row);
}

function slotOf(row: Selectable<SlotTable>): Slot {
  return {
    plan: row.plan,
    dueAtMs: row.due_at,
    openedAtMs: row.opened_at,
    missingAtMs: row.missing_at ?? undefined,
    closed:
      row.closed_at === null
        ? undefined
        : { atMs: row.closed_at, outcome: row.outcome as SlotOutcome, reason: row.reason ?? undefined },
  };
}
