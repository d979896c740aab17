/** Work that waits for somebody to do it. Behind this interface another queue may stand on a server later. */
import type { JobId } from './tables.ts';

export type NewJob = {
  readonly queue: string;
  /** While a job with this key waits or is being done, no second one is taken in. */
  readonly key?: string;
  readonly payload: unknown;
  /** Higher first; 0 unless told. */
  readonly priority?: number;
  /** Not before. */
  readonly runAtMs?: number;
  /** 1 unless told: a job whose worker died is not begun again. */
  readonly attemptsMax?: number;
};

export type ClaimedJob = {
  readonly id: JobId;
  readonly queue: string;
  readonly payload: unknown;
  /** 1 for the first. With the id it names this claim: an older one of the same job counts no more. */
  readonly attempt: number;
  readonly leaseUntilMs: number;
};

export type Extension = 'extended' | 'cancel-asked' | 'lost';
export type Cancellation = 'cancelled' | 'asked' | 'ended';

export type Queue = {
  /** @returns undefined when a job with its key is there */
  enqueue(job: NewJob): Promise<JobId | undefined>;
  /** The next that is due, for this worker alone until the lease ends. */
  claim(queue: string, worker: string, leaseMs: number): Promise<ClaimedJob | undefined>;
  /** `cancel-asked` is extended too, so that there is time to stop well. */
  extend(job: ClaimedJob, leaseMs: number): Promise<Extension>;
  /** @returns false when the claim counts no more: the work was not done by it */
  complete(job: ClaimedJob): Promise<boolean>;
  /** With `retryAtMs` it waits again, if it has an attempt left. @returns as `complete` */
  fail(job: ClaimedJob, error: string, retryAtMs?: number): Promise<boolean>;
  cancel(id: JobId): Promise<Cancellation>;
  /** Jobs whose worker's lease ended: they wait again, or have failed when no attempt is left. @returns the failed */
  sweep(): Promise<readonly JobId[]>;
};
