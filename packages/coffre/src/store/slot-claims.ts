/**
 * Who does the work of a slot. A run may stand for many slots; the last of them is the key that managers compete for, and
 * what came before it is written down beside it.
 */
import { decideAlone } from './exclusive.ts';
import { isManagerThere } from './managers.ts';
import type { RunKind } from './runs.ts';
import type { SlotOutcome } from './slots.ts';
import type { Rows, Store } from './store.ts';

/** So many of the slots that one run stands for get a row of their own; a year of seconds has thirty million. */
export const coveredRowsMax = 100;

/** How the work of a slot shows while it is done, and afterwards. */
export type SlotWork = {
  /** Of its runs in the history. */
  readonly plan: string;
  readonly kind: RunKind;
  /** What its run holds alone while it works; undefined where nothing is. */
  readonly lease: string | undefined;
};

export type SlotClaim = {
  /** As slots are named. */
  readonly plan: string;
  readonly work: SlotWork;
  /** Who asks; it keeps a lease while it is there. */
  readonly manager: string;
  readonly lastDueMs: number;
  /** Earlier ones that nobody did in their time, newest `coveredRowsMax` of them. */
  readonly coveredMs: readonly number[];
  /**
   * When it was opened, by us for the try before or by a manager that is gone: then it may be opened again, unless somebody
   * has done that since.
   */
  readonly openedAtMs?: number;
};

/**
 * Something happened that a plan runs for: its slot is made at once, behind all that there are, so that it is not forgotten.
 * Of several that come before a run begins, the newest stands for all.
 */
export async function openFiring(
  store: Store,
  plan: string,
  atMs: number,
  manager: string | null = null,
): Promise<{ readonly dueMs: number; readonly openedAtMs: number }> {
  return await store.transaction(async (rows) => {
    await decideAlone(rows, `slots ${plan}`);
    const newest = await rows.db
      .selectFrom('slots')
      .select((eb) => eb.fn.max('due_at').as('due'))
      .where('plan', '=', plan)
      .executeTakeFirst();
    const openedAtMs = await rows.nowMs();
    const dueMs = Math.max(atMs, (newest?.due ?? 0) + 1);
    await rows.db
      .insertInto('slots')
      .values({ plan, due_at: dueMs, opened_at: openedAtMs, opened_by: manager })
      .execute();
    return { dueMs, openedAtMs };
  });
}

/** A run writes its row a moment before it takes its lease. */
const beginningMs = 30_000;

/** @returns when it was opened now; undefined when somebody else has this slot, or a later one of the plan */
export async function claimSlots(store: Store, claim: SlotClaim): Promise<number | undefined> {
  const { plan, lastDueMs, coveredMs, manager } = claim;
  return await store.transaction(async (rows) => {
    const { db } = rows;
    await decideAlone(rows, `slots ${plan}`);
    const nowMs = await rows.nowMs();
    const newest = await db
      .selectFrom('slots')
      .select(['due_at', 'opened_at', 'closed_at', 'opened_by'])
      .where('plan', '=', plan)
      .orderBy('due_at', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (newest !== undefined && newest.due_at >= lastDueMs) {
      if (newest.due_at > lastDueMs || newest.closed_at !== null) return undefined;
      if (!(await mayReopen(rows, claim, newest, nowMs))) return undefined;
      // Later than before even within one millisecond, so that a second one who saw the old time comes too late.
      const openedAtMs = Math.max(nowMs, newest.opened_at + 1);
      await db
        .updateTable('slots')
        .set({ opened_at: openedAtMs, opened_by: manager })
        .where('plan', '=', plan)
        .where('due_at', '=', lastDueMs)
        .execute();
      return openedAtMs;
    }
    await db.insertInto('slots').values({ plan, due_at: lastDueMs, opened_at: nowMs, opened_by: manager }).execute();
    const reason = `the run of ${new Date(lastDueMs).toISOString()} did its work`;
    await insertClosed(rows, plan, coveredMs, { outcome: 'missed', reason });
    return nowMs;
  });
}

type OpenRow = { readonly opened_at: number; readonly opened_by: string | null };

/** What is ours stays ours; of another it may be taken when that one is gone, and nobody works on it. */
async function mayReopen(rows: Rows, claim: SlotClaim, open: OpenRow, nowMs: number): Promise<boolean> {
  const { plan, lastDueMs, openedAtMs: knownMs, manager, work } = claim;
  const isOurs = open.opened_by === manager;
  if (!isOurs) {
    if (open.opened_at !== knownMs || (await isManagerThere(rows, open.opened_by, nowMs))) return false;
    if (await isWorkedOn(rows, work, nowMs)) return false;
  }
  if (await wasDone(rows, work, lastDueMs)) {
    await closeSlotsUpTo(rows, plan, lastDueMs, { outcome: 'success' });
    return false;
  }
  if (!isOurs) await endAbandoned(rows, work, nowMs);
  return true;
}

/** A lease that has run out is taken away first, so that whoever held it cannot renew it any more. */
async function isWorkedOn({ db }: Rows, { plan, kind, lease }: SlotWork, nowMs: number): Promise<boolean> {
  if (lease !== undefined) {
    await db.deleteFrom('leases').where('repository', '=', lease).where('expires_at', '<=', nowMs).execute();
    const held = db.selectFrom('leases').select('id').where('repository', '=', lease).limit(1);
    if ((await held.executeTakeFirst()) !== undefined) return true;
  }
  const begun = db
    .selectFrom('runs')
    .select('id')
    .where('plan', '=', plan)
    .where('kind', '=', kind)
    .where('ended_at', 'is', null)
    .where('started_at', '>', nowMs - beginningMs)
    .limit(1);
  return (await begun.executeTakeFirst()) !== undefined;
}

/** Its manager may have ended between the end of the run and that of the slot. */
async function wasDone({ db }: Rows, { plan, kind }: SlotWork, dueMs: number): Promise<boolean> {
  const run = db
    .selectFrom('runs')
    .select('id')
    .where('plan', '=', plan)
    .where('kind', '=', kind)
    .where('parent_id', 'is', null)
    .where('slot_at', '=', dueMs)
    .where((eb) => eb.or([eb('outcome', '=', 'success'), eb('outcome', '=', 'warning')]))
    .limit(1);
  return (await run.executeTakeFirst()) !== undefined;
}

/** Whoever did it and comes back, as a machine that slept, finds that its lease is gone and its run has ended. */
async function endAbandoned({ db }: Rows, { plan, kind }: SlotWork, nowMs: number): Promise<void> {
  const ending = { ended_at: nowMs, outcome: 'lost', closed_reason: 'its manager is gone, and another one took over' };
  const open = db.updateTable('runs').set(ending).where('plan', '=', plan).where('ended_at', 'is', null);
  await open.where((eb) => eb.or([eb('kind', '=', kind), eb('parent_id', 'is not', null)])).execute();
}

/** @returns false when it has come to its end, or somebody else has opened it since */
export async function holdsSlot(
  { db }: Rows,
  { plan, lastDueMs, openedAtMs }: { readonly plan: string; readonly lastDueMs: number; readonly openedAtMs: number },
): Promise<boolean> {
  const slot = await db
    .selectFrom('slots')
    .select('opened_at')
    .where('plan', '=', plan)
    .where('due_at', '=', lastDueMs)
    .where('closed_at', 'is', null)
    .executeTakeFirst();
  return slot?.opened_at === openedAtMs;
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

/** What a run has done, up to the last slot that it stands for. One that counted as missing is a late success in any case. */
export async function closeSlotsUpTo(
  rows: Rows,
  plan: string,
  lastDueMs: number,
  { outcome, reason }: { readonly outcome: Exclude<SlotOutcome, 'missed'>; readonly reason?: string },
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
