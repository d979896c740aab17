/** How triggers that extensions bring do their work: when they last fired, and since when they fail. */
import type { Rows } from './store.ts';

export type TriggerState = {
  readonly plan: string;
  /** What the extension calls it. */
  readonly name: string;
  readonly fired: { readonly atMs: number; readonly reason: string | undefined } | undefined;
  readonly failing: { readonly sinceMs: number; readonly problem: string } | undefined;
};

export async function noteFired(rows: Rows, plan: string, name: string, reason: string | undefined): Promise<void> {
  const fired = { fired_at: await rows.nowMs(), reason: reason ?? null };
  await rows.db
    .insertInto('trigger_states')
    .values({ plan, name, ...fired, failing_since: null, problem: null })
    .onConflict((conflict) => conflict.columns(['plan', 'name']).doUpdateSet(fired))
    .execute();
}

/** Since when it fails stays as it was first. @returns true when it did not fail before */
export async function noteFailing(rows: Rows, plan: string, name: string, problem: string): Promise<boolean> {
  const nowMs = await rows.nowMs();
  const known = await rows.db
    .selectFrom('trigger_states')
    .select('failing_since')
    .where('plan', '=', plan)
    .where('name', '=', name)
    .executeTakeFirst();
  const failing = { failing_since: known?.failing_since ?? nowMs, problem };
  await rows.db
    .insertInto('trigger_states')
    .values({ plan, name, fired_at: null, reason: null, ...failing })
    .onConflict((conflict) => conflict.columns(['plan', 'name']).doUpdateSet(failing))
    .execute();
  return typeof known?.failing_since !== 'number';
}

/** @returns true when it failed before */
export async function noteWorking({ db }: Rows, plan: string, name: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('trigger_states')
    .set({ failing_since: null, problem: null })
    .where('plan', '=', plan)
    .where('name', '=', name)
    .where('failing_since', 'is not', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Also those that the configuration names no more. */
export async function triggerStates({ db }: Rows): Promise<TriggerState[]> {
  const found = await db.selectFrom('trigger_states').selectAll().orderBy('plan').orderBy('name').execute();
  return found.map(({ plan, name, fired_at, reason, failing_since, problem }) => ({
    plan,
    name,
    fired: fired_at === null ? undefined : { atMs: fired_at, reason: reason ?? undefined },
    failing: failing_since === null ? undefined : { sinceMs: failing_since, problem: problem ?? '' },
  }));
}
