/** Adding to the history what was told by the repositories, each row at the time when it happened. */
import { nameBackup } from './named-backups.ts';
import type { NewNamedBackup } from './named-backups.ts';
import { endRun, startRun } from './runs.ts';
import type { NewRun, RunEnd } from './runs.ts';
import type { Rows } from './store.ts';
import type { RunId } from './tables.ts';

export type PastRun = {
  readonly run: NewRun;
  readonly end: RunEnd;
  readonly startedMs: number;
  readonly endedMs: number;
};

export async function recordPastRun(rows: Rows, { run, end, startedMs, endedMs }: PastRun): Promise<RunId> {
  const id = await startRun(at(rows, startedMs), run);
  await endRun(at(rows, endedMs), id, end);
  return id;
}

export async function recordPastName(rows: Rows, backup: NewNamedBackup, createdMs: number): Promise<boolean> {
  return await nameBackup(at(rows, createdMs), backup);
}

function at(rows: Rows, atMs: number): Rows {
  const { db, engine, queue } = rows;
  return { db, engine, queue, nowMs: async () => atMs };
}

/** Every snapshot of a repository that the history knows of. */
export async function knownSnapshots({ db }: Rows, repository: string): Promise<Set<string>> {
  const rows = await db
    .selectFrom('runs')
    .select('snapshots')
    .where('repository', '=', repository)
    .where('kind', 'in', ['source', 'copy'])
    .execute();
  return new Set(rows.flatMap(({ snapshots }) => JSON.parse(snapshots) as string[]));
}
