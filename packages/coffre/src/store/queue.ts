/**
 * Work that is handed out: each job to one worker at a time, again when that one gives no sign of life. A table on SQLite,
 * pg-boss on PostgreSQL, so that several managers share it. Who works on what, how often it was tried and when it is due
 * stand here and nowhere else; what a job is about stands where its key points.
 */
export type NewJob = {
  /** A job with a key that is there already is not taken in. */
  readonly key: string;
  /** Whoever claims leaves out those that are taken care of. */
  readonly lane: string;
  /** Of two that are due the lower is handed out first. */
  readonly place: number;
};

export type ClaimedJob = {
  readonly id: string;
  readonly key: string;
  readonly lane: string;
  /** 1 for the first. With the id it names this claim: an older one of the same job counts no more. */
  readonly attempt: number;
};

/** Bound to the store, or to the transaction with which jobs come to be and end. */
export type Queue = {
  enqueue(jobs: readonly NewJob[]): Promise<void>;
  /** The next that is due, for this worker alone while the lease lasts. */
  claim(notFrom: readonly string[]): Promise<ClaimedJob | undefined>;
  /** @returns false when the claim counts no more: the work was not done by it */
  complete(job: ClaimedJob): Promise<boolean>;
  /** It waits again. @returns as `complete` */
  retry(job: ClaimedJob, afterMs: number): Promise<boolean>;
  /** What has to be done now and then where leases do not end by themselves. Cheap when it was done lately, by anybody. */
  tend(): Promise<void>;
  /** Tells at once of jobs that others put in; absent where only looking helps. */
  readonly listen?: (heard: () => void) => Promise<QueueListener>;
};

/** Hears nothing any more once it is broken, and has to be asked for again. */
export type QueueListener = AsyncDisposable & { readonly isBroken: boolean };

/** From being claimed to being handed to somebody else. */
export const jobLeaseMs = 60_000;
