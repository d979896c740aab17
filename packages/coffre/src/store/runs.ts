/** What ran, when, and how it ended. A run ends once; who comes second learns that. */
import type { Selectable } from 'kysely';
import type { Rows } from './store.ts';
import type { RunId, RunTable } from './tables.ts';

/** `source`: a part of a backup, one source into one repository. */
export type RunKind = 'backup' | 'source' | 'copy' | 'retention' | 'prune' | 'check' | 'verify' | 'restore' | 'drill';
export type RunTrigger =
  | 'schedule'
  | 'late'
  | 'retry'
  | 'manual'
  | 'change'
  | 'after'
  | 'webhook'
  /** By its name in its extension. */
  | `trigger:${string}`;
/** `lost`: its process is gone and nobody knows how far it came. */
export type RunOutcome = 'success' | 'warning' | 'failed' | 'cancelled' | 'skipped' | 'lost';

export type NewRun = {
  readonly plan: string;
  readonly source?: string;
  readonly kind: RunKind;
  readonly trigger: RunTrigger;
  readonly slotAtMs?: number;
  readonly logPath?: string;
  readonly host: string;
  readonly pid: number;
  readonly bootId: string;
  /** The run that this one is a part of. */
  readonly parent?: RunId;
  /** By its name in the configuration. */
  readonly repository?: string;
};

export type RunFigures = Readonly<Record<string, number>>;

export type RunEnd = {
  readonly outcome: RunOutcome;
  /** Why, where the outcome alone does not say it. */
  readonly reason?: string;
  /** Of the error, where there was one. */
  readonly code?: string;
  readonly figures?: RunFigures;
  readonly snapshots?: readonly string[];
};

export type Run = {
  readonly id: RunId;
  readonly plan: string;
  readonly source: string | undefined;
  readonly kind: RunKind;
  readonly trigger: RunTrigger;
  readonly slotAtMs: number | undefined;
  readonly startedAtMs: number;
  readonly end:
    | {
        readonly atMs: number;
        readonly outcome: RunOutcome;
        readonly reason: string | undefined;
        /** An `ErrorCode`, perhaps of another version. */
        readonly code: string | undefined;
      }
    | undefined;
  readonly figures: RunFigures;
  readonly snapshots: readonly string[];
  readonly logPath: string | undefined;
  readonly host: string;
  readonly pid: number;
  readonly bootId: string;
  readonly parent: RunId | undefined;
  readonly repository: string | undefined;
};

export async function startRun(rows: Rows, run: NewRun): Promise<RunId> {
  const { id } = await rows.db
    .insertInto('runs')
    .values({
      plan: run.plan,
      source: run.source ?? null,
      kind: run.kind,
      trigger: run.trigger,
      slot_at: run.slotAtMs ?? null,
      started_at: await rows.nowMs(),
      figures: '{}',
      snapshots: '[]',
      log_path: run.logPath ?? null,
      host: run.host,
      pid: run.pid,
      boot_id: run.bootId,
      parent_id: run.parent ?? null,
      repository: run.repository ?? null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** @returns false when it has ended before, which then stays as it was */
export async function endRun(rows: Rows, id: RunId, end: RunEnd): Promise<boolean> {
  const { numUpdatedRows } = await rows.db
    .updateTable('runs')
    .set({
      ended_at: await rows.nowMs(),
      outcome: end.outcome,
      closed_reason: end.reason ?? null,
      code: end.code ?? null,
      ...(end.figures !== undefined && { figures: JSON.stringify(end.figures) }),
      ...(end.snapshots !== undefined && { snapshots: JSON.stringify(end.snapshots) }),
    })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Of a run whose process was found gone by somebody who could not hear its last words. */
export const foundGone = 'its process is gone';

/** Whoever heard the last words of a process knows more than who found it gone. */
export async function correctLost(
  rows: Rows,
  { host, pid, sinceMs }: { readonly host: string; readonly pid: number; readonly sinceMs: number },
  { outcome, reason, code }: RunEnd,
): Promise<void> {
  await rows.db
    .updateTable('runs')
    .set({ outcome, closed_reason: reason ?? null, code: code ?? null })
    .where('host', '=', host)
    .where('pid', '=', pid)
    .where('started_at', '>=', sinceMs)
    .where('outcome', '=', 'lost')
    .where('closed_reason', '=', foundGone)
    .execute();
}

export async function findRun(rows: Rows, id: RunId): Promise<Run | undefined> {
  const row = await rows.db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : runOf(row);
}

/** Oldest first. After a start these are looked at: is their process still there? */
export async function openRuns(rows: Rows, host?: string): Promise<Run[]> {
  let query = rows.db.selectFrom('runs').selectAll().where('ended_at', 'is', null);
  if (host !== undefined) query = query.where('host', '=', host);
  return (await query.orderBy('started_at').orderBy('id').execute()).map(runOf);
}

/** In the order of their starts. */
export async function runParts({ db }: Rows, parent: RunId): Promise<Run[]> {
  return (await db.selectFrom('runs').selectAll().where('parent_id', '=', parent).orderBy('id').execute()).map(runOf);
}

export type RunFilter = {
  readonly plan?: string;
  readonly kind?: RunKind;
  readonly source?: string;
  /** By its name in the configuration. */
  readonly repository?: string;
  readonly sinceMs?: number;
};

/** Newest first. */
export async function listRuns(rows: Rows, filter: RunFilter, countMax: number): Promise<Run[]> {
  let query = rows.db.selectFrom('runs').selectAll();
  if (filter.plan !== undefined) query = query.where('plan', '=', filter.plan);
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
  if (filter.source !== undefined) query = query.where('source', '=', filter.source);
  if (filter.repository !== undefined) query = query.where('repository', '=', filter.repository);
  if (filter.sinceMs !== undefined) query = query.where('started_at', '>=', filter.sinceMs);
  return (await query.orderBy('started_at', 'desc').orderBy('id', 'desc').limit(countMax).execute()).map(runOf);
}

/** What stands in these columns was written by the functions above. */
function runOf(row: Selectable<RunTable>): Run {
  return {
    id: row.id,
    plan: row.plan,
    source: row.source ?? undefined,
    kind: row.kind as RunKind,
    trigger: row.trigger as RunTrigger,
    slotAtMs: row.slot_at ?? undefined,
    startedAtMs: row.started_at,
    end:
      row.ended_at === null
        ? undefined
        : {
            atMs: row.ended_at,
            outcome: row.outcome as RunOutcome,
            reason: row.closed_reason ?? undefined,
            code: row.code ?? undefined,
          },
    figures: JSON.parse(row.figures) as RunFigures,
    snapshots: JSON.parse(row.snapshots) as string[],
    logPath: row.log_path ?? undefined,
    host: row.host,
    pid: row.pid,
    bootId: row.boot_id,
    parent: row.parent_id ?? undefined,
    repository: row.repository ?? undefined,
  };
}
