/** Names that people gave to backups, and which of them never expire. What counts in the end are the snapshots' tags. */
import type { Selectable } from 'kysely';
import type { Rows } from './store.ts';
import type { NamedBackupTable } from './tables.ts';

export type NewNamedBackup = {
  readonly repository: string;
  readonly name: string;
  readonly plan?: string;
  readonly snapshot: string;
  readonly isPinned: boolean;
};
export type NamedBackup = Omit<NewNamedBackup, 'plan'> & {
  readonly plan: string | undefined;
  readonly createdAtMs: number;
};

/** @returns false when the repository has a backup of this name */
export async function nameBackup(rows: Rows, backup: NewNamedBackup): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await rows.db
    .insertInto('named_backups')
    .values({
      repository: backup.repository,
      name: backup.name,
      plan: backup.plan ?? null,
      snapshot: backup.snapshot,
      pinned: backup.isPinned ? 1 : 0,
      created_at: await rows.nowMs(),
    })
    .onConflict((conflict) => conflict.columns(['repository', 'name']).doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** @returns false when no backup has the name */
export async function pinBackup({ db }: Rows, repository: string, name: string, isPinned: boolean): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('named_backups')
    .set({ pinned: isPinned ? 1 : 0 })
    .where('repository', '=', repository)
    .where('name', '=', name)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** After its snapshot is gone; the name is free again. @returns false when no backup has the name */
export async function forgetName({ db }: Rows, repository: string, name: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('named_backups')
    .where('repository', '=', repository)
    .where('name', '=', name)
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

export async function findNamedBackup(
  { db }: Rows,
  repository: string,
  name: string,
): Promise<NamedBackup | undefined> {
  const row = await db
    .selectFrom('named_backups')
    .selectAll()
    .where('repository', '=', repository)
    .where('name', '=', name)
    .executeTakeFirst();
  return row === undefined ? undefined : namedBackupOf(row);
}

/** Newest first. */
export async function listNamedBackups({ db }: Rows, repository: string): Promise<NamedBackup[]> {
  const query = db.selectFrom('named_backups').selectAll().where('repository', '=', repository);
  return (await query.orderBy('created_at', 'desc').orderBy('id', 'desc').execute()).map(namedBackupOf);
}

function namedBackupOf(row: Selectable<NamedBackupTable>): NamedBackup {
  return {
    repository: row.repository,
    name: row.name,
    plan: row.plan ?? undefined,
    snapshot: row.snapshot,
    isPinned: row.pinned === 1,
    createdAtMs: row.created_at,
  };
}
