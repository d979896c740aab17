/** The doors to the outside, handed in so that every one can be made to fail or to stand still in a test. */

export type Clock = {
  /** Nanoseconds since 1970 UTC, as the system gives it (at least millisecond resolution). */
  nowNs(): bigint;
  /** Monotonic milliseconds, for durations. */
  monotonicMs(): number;
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
};

export type Random = { bytes(size: number): Buffer };

/** Who we are, for snapshots and locks. */
export type Identity = { hostname: string; username: string; uid: number; gid: number; pid: number };
