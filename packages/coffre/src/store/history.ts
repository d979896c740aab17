/** How long history stays: in days and rows a table, removed in small batches so that nobody waits long. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { readSetting, writeSetting } from './settings.ts';
import type { Rows } from './store.ts';

export type HistoryTable = 'runs' | 'slots' | 'events' | 'verifications';
/** Either alone is enough for a row to go; nothing said keeps all. */
export type HistoryLimit = { readonly days?: number; readonly rowsMax?: number };
export type HistoryLimits = { readonly [Table in HistoryTable]?: HistoryLimit };
export type HistoryRemoved = { readonly [Table in HistoryTable]: number };

export const defaultHistory: HistoryLimits = {
  runs: { days: 400, rowsMax: 1_000_000 },
  slots: { days: 400, rowsMax: 1_000_000 },
  events: { days: 90, rowsMax: 1_000_000 },
  verifications: { days: 400, rowsMax: 200_000 },
};

const dayMs = 86_400_000;

/**
 * What is still going on never goes, nor what the answer to "when was it last good?" rests on: the newest run and the
 * newest good one of a plan, kind, source and repository, its newest slot, the newest good reading of a repository, events
 * that are still to be sent, and the newest of each kind of a plan: whether it is in trouble is read from them.
 */
const tables: Readonly<Record<HistoryTable, { readonly key: string; readonly time: string; readonly mayGo: string }>> =
  {
    runs: {
      key: 'id',
      time: 'started_at',
      mayGo: `ended_at is not null
      and exists (select 1 from runs n where n.plan = t.plan and n.kind = t.kind and n.started_at > t.started_at
        and n.source is not distinct from t.source and n.repository is not distinct from t.repository)
      and (outcome not in ('success', 'warning') or exists (select 1 from runs n where n.plan = t.plan and n.kind = t.kind
        and n.started_at > t.started_at and (n.outcome = 'success' or n.outcome = 'warning')
        and n.source is not distinct from t.source and n.repository is not distinct from t.repository))`,
    },
    slots: {
      key: 'due_at',
      time: 'due_at',
      mayGo: `closed_at is not null and exists (select 1 from slots n where n.plan = t.plan and n.due_at > t.due_at)`,
    },
    events: {
      key: 'id',
      time: 'at',
      mayGo: `not exists (select 1 from outbox o where o.event_id = t.id and o.sent_at is null and o.given_up_at is null)
      and (t.plan is null or exists (select 1 from events n where n.plan = t.plan and n.code = t.code and n.id > t.id))`,
    },
    verifications: {
      key: 'id',
      time: 'at',
      mayGo: `exists (select 1 from verifications n where n.repository = t.repository and n.kind = t.kind and n.at > t.at
      and (t.outcome <> 'good' or n.outcome = 'good'))`,
    },
  };

const trimmed = 'history:trimmed';

/** Once a day, by whoever comes first. @returns undefined when it was done lately */
export async function trimHistoryDaily(rows: Rows, signal: AbortSignal): Promise<HistoryRemoved | undefined> {
  if ((await readSetting(rows, trimmed)) !== undefined) return undefined;
  const untilMs = (await rows.nowMs()) + dayMs;
  await writeSetting(rows, trimmed, { value: '', untilMs, changedBy: 'coffre' });
  return await trimHistory(rows, defaultHistory, { signal });
}

/** @returns how many rows went. Stops between batches when the signal aborts; the next call goes on. */
export async function trimHistory(
  rows: Rows,
  limits: HistoryLimits,
  { batchRows = 500, signal }: { readonly batchRows?: number; readonly signal?: AbortSignal } = {},
): Promise<HistoryRemoved> {
  const removed = { runs: 0, slots: 0, events: 0, verifications: 0 };
  for (const name of Object.keys(removed) as HistoryTable[]) {
    const beforeMs = await boundary(rows, name, limits[name] ?? {});
    for (let more = beforeMs !== undefined; more;) {
      signal?.throwIfAborted();
      const count = await removeBatch(rows, name, beforeMs!, batchRows);
      removed[name] += count;
      more = count === batchRows;
      // Others of this process get a turn between two batches.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return removed;
}

/** Rows from before this time may go; undefined when none has to. */
async function boundary(rows: Rows, name: HistoryTable, { days, rowsMax }: HistoryLimit): Promise<number | undefined> {
  const byAge = days === undefined ? undefined : (await rows.nowMs()) - days * dayMs;
  const byCount = rowsMax === undefined ? undefined : await timeOfRow(rows, name, rowsMax);
  if (byAge === undefined || byCount === undefined) return byAge ?? byCount;
  return Math.max(byAge, byCount);
}

/** When the last row happened that still has room, counted from the newest. */
async function timeOfRow({ db }: Rows, name: HistoryTable, rowsMax: number): Promise<number | undefined> {
  const { time } = tables[name];
  const table = sql.table(name);
  const column = sql.ref(time);
  const { rows } = await sql<{
    time: number;
  }>`select ${column} as time from ${table} where ${column} is not null order by ${column} desc limit 1 offset ${Math.max(0, rowsMax - 1)}`.execute(
    db,
  );
  return rows[0]?.time;
}

async function removeBatch({ db }: Rows, name: HistoryTable, beforeMs: number, batchRows: number): Promise<number> {
  const { time, mayGo } = tables[name];
  const column = sql.ref(`t.${time}`);
  const chosen = sql`select ${keyOf(name, 't.')} from ${sql.table(name)} t where ${column} < ${beforeMs} and ${sql.raw(mayGo)} order by ${column} limit ${batchRows}`;
  const done = await sql`delete from ${sql.table(name)} where (${keyOf(name, '')}) in (${chosen})`.execute(db);
  return Number(done.numAffectedRows ?? 0n);
}

function keyOf(name: HistoryTable, prefix: string): RawBuilder<unknown> {
  return sql.raw(name === 'slots' ? `${prefix}plan, ${prefix}due_at` : `${prefix}${tables[name].key}`);
}
