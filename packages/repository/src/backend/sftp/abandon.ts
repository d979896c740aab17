import type { Clock } from '../../host/host.ts';

export type Abandon = {
  /** Rejects with the signal's reason as soon as it is aborted, and lets the work clean up behind. */
  whenAborted<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Resolves when nothing abandoned is left to clean up, or after a bounded time. */
  settled(): Promise<void>;
};

const cleanupMaxMs = 2000;

/** Who aborts does not wait for a server that may be hanging. */
export function createAbandon(clock: Clock): Abandon {
  const left = new Set<Promise<unknown>>();

  return {
    async whenAborted(work, signal) {
      if (signal === undefined) return work();
      signal.throwIfAborted();
      const working = work();
      const aborted = Promise.withResolvers<never>();
      const abort = (): void => {
        left.add(working);
        const forget = (): void => void left.delete(working);
        working.then(forget, forget);
        aborted.reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort, { once: true });
      try {
        return await Promise.race([working, aborted.promise]);
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    async settled() {
      if (left.size === 0) return;
      const enough = new AbortController();
      const late = clock.sleep(cleanupMaxMs, enough.signal).catch(() => undefined);
      await Promise.race([Promise.allSettled(left), late]);
      enough.abort();
    },
  };
}
