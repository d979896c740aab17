/** The queue as a table. A claim is one statement that only one of several workers can succeed with. */
import { sql } from 'kysely';
import type { Cancellation, ClaimedJob, Extension, NewJob, Queue } from './queue.ts';
import type { Rows } from './store.ts';
import type { JobId } from './tables.ts';

/** In a transaction a job comes to be, or ends, together with what else is written there. */
export function leasedQueue(rows: Rows): Queue {
  return {
    enqueue: (job) => enqueue(rows, job),
    claim: (queue, worker, leaseMs) => claim(rows, queue, worker, leaseMs),
    extend: (job, leaseMs) => extend(rows, job, leaseMs),
    complete: (job) => end(rows, job, { state: 'done', error: null }),
    fail: (job, error, retryAtMs) => fail(rows, job, error, retryAtMs),
    cancel: (id) => cancel(rows, id),
    sweep: () => sweep(rows),
  };
}

async function enqueue(rows: Rows, job: NewJob): Promise<JobId | undefined> {
  const nowMs = await rows.nowMs();
  const row = await rows.db
    .insertInto('jobs')
    .values({
      queue: job.queue,
      job_key: job.key ?? null,
      payload: JSON.stringify(job.payload),
      priority: job.priority ?? 0,
      run_at: job.runAtMs ?? nowMs,
      state: 'waiting',
      attempts: 0,
      attempts_max: job.attemptsMax ?? 1,
      cancel_asked: 0,
      created_at: nowMs,
    })
    .onConflict((conflict) => conflict.columns(['queue', 'job_key']).where('ended_at', 'is', null).doNothing())
    .returning('id')
    .executeTakeFirst();
  return row?.id;
}

async function claim(rows: Rows, queue: string, worker: string, leaseMs: number): Promise<ClaimedJob | undefined> {
  await sweep(rows);
  const nowMs = await rows.nowMs();
  const next = rows.db
    .selectFrom('jobs')
    .select('id')
    .where('queue', '=', queue)
    // A literal, so that the index of waiting jobs is used.
    .where(sql<boolean>`state = 'waiting'`)
    .where('run_at', '<=', nowMs)
    .orderBy('priority', 'desc')
    .orderBy('run_at')
    .orderBy('id')
    .limit(1);
  const row = await rows.db
    .updateTable('jobs')
    .set((eb) => ({
      state: 'claimed',
      worker,
      lease_until: nowMs + leaseMs,
      attempts: eb('attempts', '+', 1),
    }))
    .where('id', '=', rows.engine === 'postgres' ? next.forUpdate().skipLocked() : next)
    .returning(['id', 'queue', 'payload', 'attempts'])
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const payload: unknown = JSON.parse(row.payload);
  return { id: row.id, queue: row.queue, payload, attempt: row.attempts, leaseUntilMs: nowMs + leaseMs };
}

async function extend(rows: Rows, job: ClaimedJob, leaseMs: number): Promise<Extension> {
  const nowMs = await rows.nowMs();
  const row = await claimOf(rows, job)
    .set({ lease_until: nowMs + leaseMs })
    .where('lease_until', '>', nowMs)
    .returning('cancel_asked')
    .executeTakeFirst();
  if (row === undefined) return 'lost';
  return row.cancel_asked === 1 ? 'cancel-asked' : 'extended';
}

type Ending = { readonly state: 'done' | 'failed'; readonly error: string | null };

async function end(rows: Rows, job: ClaimedJob, { state, error }: Ending): Promise<boolean> {
  const nowMs = await rows.nowMs();
  const { numUpdatedRows } = await claimOf(rows, job)
    .set({ state, error, ended_at: nowMs, lease_until: null })
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

async function fail(rows: Rows, job: ClaimedJob, error: string, retryAtMs?: number): Promise<boolean> {
  if (retryAtMs !== undefined) {
    const { numUpdatedRows } = await claimOf(rows, job)
      .set({ state: 'waiting', error, run_at: retryAtMs, worker: null, lease_until: null })
      .whereRef('attempts', '<', 'attempts_max')
      .where('cancel_asked', '=', 0)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) return true;
  }
  return await end(rows, job, { state: 'failed', error });
}

/** Of the attempt itself: a job that somebody else has begun again is not ours to end. */
function claimOf({ db }: Rows, job: ClaimedJob) {
  return db
    .updateTable('jobs')
    .where('id', '=', job.id)
    .where('state', '=', 'claimed')
    .where('attempts', '=', job.attempt);
}

async function cancel(rows: Rows, id: JobId): Promise<Cancellation> {
  const nowMs = await rows.nowMs();
  const waiting = await rows.db
    .updateTable('jobs')
    .set({ state: 'cancelled', ended_at: nowMs })
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .executeTakeFirst();
  if (waiting.numUpdatedRows === 1n) return 'cancelled';
  const claimed = await rows.db
    .updateTable('jobs')
    .set({ cancel_asked: 1 })
    .where('id', '=', id)
    .where('state', '=', 'claimed')
    .executeTakeFirst();
  return claimed.numUpdatedRows === 1n ? 'asked' : 'ended';
}

async function sweep(rows: Rows): Promise<readonly JobId[]> {
  const nowMs = await rows.nowMs();
  const ended = rows.db
    .updateTable('jobs')
    .where(sql<boolean>`state = 'claimed'`)
    .where('lease_until', '<=', nowMs);
  const failed = await ended
    .set({ state: 'failed', ended_at: nowMs, lease_until: null, error: 'its worker gave no sign of life' })
    .where((eb) => eb.or([eb('attempts', '>=', eb.ref('attempts_max')), eb('cancel_asked', '=', 1)]))
    .returning('id')
    .execute();
  await ended.set({ state: 'waiting', worker: null, lease_until: null }).execute();
  return failed.map(({ id }) => id);
}
