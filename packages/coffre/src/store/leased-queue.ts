/** The queue as a table of SQLite. Whoever claims a job moves its due time to the end of his lease. */
import type { ClaimedJob, NewJob, Queue } from './queue.ts';
import { jobLeaseMs } from './queue.ts';
import type { Rows } from './store.ts';
import type { JobId } from './tables.ts';

type Part = Pick<Rows, 'db' | 'nowMs'>;

export function leasedQueue(rows: Part): Queue {
  return {
    enqueue: (jobs) => enqueue(rows, jobs),
    claim: (notFrom) => claim(rows, notFrom),
    complete: async (job) => (await claimOf(rows, job).executeTakeFirst()).numDeletedRows === 1n,
    retry: (job, afterMs) => retry(rows, job, afterMs),
    tend: async () => undefined,
  };
}

async function enqueue(rows: Part, jobs: readonly NewJob[]): Promise<void> {
  if (jobs.length === 0) return;
  const due_at = await rows.nowMs();
  await rows.db
    .insertInto('jobs')
    .values(jobs.map(({ key, lane, place }) => ({ job_key: key, lane, place, due_at, attempts: 0 })))
    .onConflict((conflict) => conflict.column('job_key').doNothing())
    .execute();
}

async function claim(rows: Part, notFrom: readonly string[]): Promise<ClaimedJob | undefined> {
  const now = await rows.nowMs();
  let next = rows.db.selectFrom('jobs').select('id').where('due_at', '<=', now);
  if (notFrom.length > 0) next = next.where('lane', 'not in', notFrom);
  const row = await rows.db
    .updateTable('jobs')
    .set((eb) => ({ attempts: eb('attempts', '+', 1), due_at: now + jobLeaseMs }))
    .where('id', '=', next.orderBy('place').orderBy('id').limit(1))
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { id: String(row.id), key: row.job_key, lane: row.lane, attempt: row.attempts };
}

/** Of the attempt itself: a job that somebody else has begun again is not ours to end. */
function claimOf({ db }: Part, { id, attempt }: ClaimedJob) {
  return db
    .deleteFrom('jobs')
    .where('id', '=', Number(id) as JobId)
    .where('attempts', '=', attempt);
}

async function retry(rows: Part, { id, attempt }: ClaimedJob, afterMs: number): Promise<boolean> {
  const { numUpdatedRows } = await rows.db
    .updateTable('jobs')
    .set({ due_at: (await rows.nowMs()) + afterMs })
    .where('id', '=', Number(id) as JobId)
    .where('attempts', '=', attempt)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
