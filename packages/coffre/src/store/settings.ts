/** What was decided while running and must outlive it, such as a pause. What belongs into the configuration is not here. */
import type { Rows } from './store.ts';

export type Setting = {
  readonly value: string;
  /** Then it counts no more, by itself. */
  readonly untilMs?: number;
  readonly changedBy: string;
};
export type StoredSetting = Setting & { readonly name: string; readonly changedAtMs: number };

/** `pause:PLAN`, or this one for all plans. */
export const pauseAll = 'pause:*';

export async function writeSetting(rows: Rows, name: string, setting: Setting): Promise<void> {
  const columns = {
    value: setting.value,
    until_at: setting.untilMs ?? null,
    changed_at: await rows.nowMs(),
    changed_by: setting.changedBy,
  };
  await rows.db
    .insertInto('settings')
    .values({ name, ...columns })
    .onConflict((conflict) => conflict.column('name').doUpdateSet(columns))
    .execute();
}

/** Undefined when it was never set, was taken back, or its time is over. */
export async function readSetting(rows: Rows, name: string): Promise<StoredSetting | undefined> {
  return (await settingsNow(rows)).find((setting) => setting.name === name);
}

/** Those that count now, by name. They are few. */
export async function settingsNow(rows: Rows): Promise<StoredSetting[]> {
  const nowMs = await rows.nowMs();
  const found = await rows.db
    .selectFrom('settings')
    .selectAll()
    .where((eb) => eb.or([eb('until_at', 'is', null), eb('until_at', '>', nowMs)]))
    .orderBy('name')
    .execute();
  return found.map(({ name, value, until_at, changed_at, changed_by }) => ({
    name,
    value,
    ...(until_at !== null && { untilMs: until_at }),
    changedAtMs: changed_at,
    changedBy: changed_by,
  }));
}

/** @returns false when there was none */
export async function removeSetting({ db }: Rows, name: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('settings').where('name', '=', name).executeTakeFirst();
  return numDeletedRows > 0n;
}
