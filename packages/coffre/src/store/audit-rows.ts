/** The rows of the audit log. What they mean, and how they are linked and signed, is known in `audit/` alone. */
import { decideAlone } from './exclusive.ts';
import type { Rows, Store } from './store.ts';
import type { RunId } from './tables.ts';

export type AuditRow = {
  /** 0 for the first. */
  readonly position: number;
  readonly atMs: number;
  readonly action: string;
  readonly body: string;
  readonly hash: string;
};
export type AuditHead = {
  readonly origin: string;
  readonly size: number;
  readonly lastHash: string;
  readonly peaks: readonly string[];
};
export type AuditCheckpointRow = { readonly size: number; readonly keyName: string; readonly note: string };
export type AuditAddition = {
  readonly row: AuditRow;
  readonly head: AuditHead;
  readonly checkpoint: AuditCheckpointRow;
};

/** One at a time, whoever else appends: `make` sees the head that its addition follows. */
export async function appendAudit(
  store: Store,
  make: (head: AuditHead | undefined, nowMs: number) => AuditAddition,
): Promise<AuditAddition> {
  return await store.transaction(async (rows) => {
    const { db } = rows;
    await decideAlone(rows, 'audit');
    const nowMs = await rows.nowMs();
    const addition = make(await auditHead(rows), nowMs);
    const { row, head, checkpoint } = addition;
    const { position, atMs, action, body, hash } = row;
    await db.insertInto('audit_entries').values({ position, at: atMs, action, body, hash }).execute();
    const columns = {
      origin: head.origin,
      size: head.size,
      last_hash: head.lastHash,
      peaks: JSON.stringify(head.peaks),
    };
    await db
      .insertInto('audit_head')
      .values({ id: 1, ...columns })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
      .execute();
    const { size, keyName, note } = checkpoint;
    await db.insertInto('audit_checkpoints').values({ size, key_name: keyName, note, at: nowMs }).execute();
    return addition;
  });
}

export async function auditHead({ db }: Rows): Promise<AuditHead | undefined> {
  const row = await db.selectFrom('audit_head').selectAll().executeTakeFirst();
  if (row === undefined) return undefined;
  return { origin: row.origin, size: row.size, lastHash: row.last_hash, peaks: JSON.parse(row.peaks) as string[] };
}

const pageRows = 1000;

/** From the first on, or from the first at or after a time; in pages, so that a long log needs little memory. */
export async function* auditEntries({ db }: Rows, sinceMs?: number): AsyncGenerator<AuditRow> {
  for (let after = -1; ;) {
    let query = db.selectFrom('audit_entries').selectAll().where('position', '>', after);
    if (sinceMs !== undefined) query = query.where('at', '>=', sinceMs);
    const page = await query.orderBy('position').limit(pageRows).execute();
    for (const row of page) yield auditRowOf(row);
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) return;
    after = last.position;
  }
}

/** Oldest first. */
export async function lastAuditEntries({ db }: Rows, countMax: number): Promise<AuditRow[]> {
  const newest = await db.selectFrom('audit_entries').selectAll().orderBy('position', 'desc').limit(countMax).execute();
  return newest.toReversed().map(auditRowOf);
}

/** By size. */
export async function auditCheckpoints({ db }: Rows): Promise<AuditCheckpointRow[]> {
  const rows = await db.selectFrom('audit_checkpoints').selectAll().orderBy('size').orderBy('key_name').execute();
  return rows.map(({ size, key_name, note }) => ({ size, keyName: key_name, note }));
}

type StoredRow = {
  readonly position: number;
  readonly at: number;
  readonly action: string;
  readonly body: string;
  readonly hash: string;
};

function auditRowOf({ position, at, action, body, hash }: StoredRow): AuditRow {
  return { position, atMs: at, action, body, hash };
}

/** Runs that removed something, which is put on record while they run: those that ended before an instant. */
export async function removalsBefore(
  { db }: Rows,
  atMs: number,
): Promise<{ readonly count: number; readonly firstMs: number } | undefined> {
  let [count, firstMs] = [0, Number.POSITIVE_INFINITY];
  for (let after = 0; ;) {
    let query = db
      .selectFrom('runs')
      .select(['id', 'kind', 'ended_at', 'figures'])
      .where('id', '>', after as RunId);
    query = query.where('kind', 'in', ['retention', 'prune']).where('outcome', '=', 'success');
    if (Number.isFinite(atMs)) query = query.where('ended_at', '<', atMs);
    const page = await query.orderBy('id').limit(pageRows).execute();
    for (const { kind, ended_at: endedMs, figures } of page) {
      // A prune is put on record whatever it found; a retention only when there was something to remove.
      const { snapshotsRemoved = 0 } = JSON.parse(figures ?? '{}') as { readonly snapshotsRemoved?: number };
      if (endedMs === null || (kind === 'retention' && snapshotsRemoved === 0)) continue;
      count += 1;
      firstMs = Math.min(firstMs, endedMs);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) return count === 0 ? undefined : { count, firstMs };
    after = last.id;
  }
}
