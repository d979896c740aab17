/**
 * Who does the work of a slot. A run may stand for many slots; the last of them is the key that managers compete for, and
 * what came before it is written down beside it.
 */
import { decideAlone } from './exclusive.ts';
import type { Rows, Store } from './store.ts';

/** So many of the slots that one run stands for get a row of their own; a year of seconds has thirty million. */
export const coveredRowsMax = 100;

export type SlotClaim = {
  readonly plan: string;
  readonly lastDueMs: number;
  /** Earlier ones that nobody did in their time, newest `coveredRowsMax` of them. */
  readonly coveredMs: readonly number[];
  /**
   * When it was opened, by us for the try before or by a manager that is gone: then it may be opened again, unless somebody
   * has done that since.
   */
  readonly openedAtMs?: number;
};

/** @returns when it was opened now; undefined when somebody else has this slot, or a later one of the plan */
export async function claimSlots(store: Store, claim: SlotClaim): Promise<number | undefined> {
  const { plan, lastDueMs, coveredMs, openedAtMs: knownMs } = claim;
  return await store.transaction(async (rows) => {
    const { db } = rows;
    await decideAlone(rows, `slots ${plan}`);
    const nowMs = await rows.nowMs();
    const newest = await db
      .selectFrom('slots')
      .select(['due_at', 'opened_at', 'closed_at'])
      .where('plan', '=', plan)
      .orderBy('due_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (newest !== undefined && newest.due_at >= lastDueMs) {
      const isLeft = newest.due_at === lastDueMs && newest.closed_at === null && newest.opened_at === knownMs;
      if (!isLeft || (await isRunning(rows, plan))) return undefined;
      // Later than before even within one millisecond, so that a second one who saw the old time comes too late.
      const openedAtMs = Math.max(nowMs, newest.opened_at + 1);
      await db
        .updateTable('slots')
        .set({ opened_at: openedAtMs })
        .where('plan', '=', plan)
        .where('due_at', '=', lastDueMs)
        .execute();
      return openedAtMs;
    }
    await db.insertInto('slots').values({ plan, due_at: lastDueMs, opened_at: nowMs }).execute();
    const reason = `the run of ${new Date(lastDueMs).toISOString()} did its work`;
    await insertClosed(rows, plan, coveredMs, { outcome: 'missed', reason });
    return nowMs;
  });
}

/** Who opened it may only have been slow to begin. */
async function isRunning({ db }: Rows, plan: string): Promise<boolean> {
  const run = await db
    .selectFrom('runs')
    .select('id')
    .where('plan', '=', plan)
    .where('ended_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return run !== undefined;
}

/** Slots that nobody will run. Those that are there already stay as they are. */
export async function passOverSlots(
  store: Store,
  plan: string,
  dueMs: readonly number[],
  ending: { readonly outcome: 'missed' | 'skipped'; readonly reason: string },
): Promise<void> {
  await store.transaction(async (rows) => {
    await decideAlone(rows, `slots ${plan}`);
    await insertClosed(rows, plan, dueMs, ending);
  });
}

async function insertClosed(
  rows: Rows,
  plan: string,
  dueMs: readonly number[],
  { outcome, reason }: { readonly outcome: string; readonly reason: string },
): Promise<void> {
  if (dueMs.length === 0) return;
  const nowMs = await rows.nowMs();
  await rows.db
    .insertInto('slots')
    .values(dueMs.map((due) => ({ plan, due_at: due, opened_at: nowMs, closed_at: nowMs, outcome, reason })))
    .onConflict((conflict) => conflict.columns(['plan', 'due_at']).doNothing())
    .execute();
}

/** What a run has done, up to the last slot that it stands for. One that counted as missing before is a late success. */
export async function closeSlotsUpTo(
  rows: Rows,
  plan: string,
  lastDueMs: number,
  { outcome, reason }: { readonly outcome: 'success' | 'failed' | 'skipped'; readonly reason?: string },
): Promise<void> {
  const closedAtMs = await rows.nowMs();
  const open = rows.db
    .updateTable('slots')
    .where('plan', '=', plan)
    .where('due_at', '<=', lastDueMs)
    .where('closed_at', 'is', null);
  const ending = { closed_at: closedAtMs, reason: reason ?? null };
  if (outcome === 'success') {
    await open
      .where('missing_at', 'is not', null)
      .set({ ...ending, outcome: 'success-late' })
      .execute();
  }
  await open.set({ ...ending, outcome }).execute();
}
