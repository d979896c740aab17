import { CoffreError } from '../../errors.ts';

export type Watched = {
  /** Aborts when the caller stops or nothing moved for too long. */
  readonly signal: AbortSignal;
  /** Something moved. */
  readonly progress: () => void;
};

/** Runs a request that counts as failed when nothing moved for `timeoutMs`; an abort rejects with its reason. */
export async function watched<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  work: (watch: Watched) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const stuck = new AbortController();
  const stop = signal === undefined ? stuck.signal : AbortSignal.any([signal, stuck.signal]);
  const timer = setTimeout(() => {
    const message = `nothing moved on a connection for ${timeoutMs / 1000} s`;
    const hint = 'Check the network and the server; --stuck-request-timeout sets how long to wait.';
    stuck.abort(new CoffreError('BACKEND_IO', message, { hint, retryable: true }));
  }, timeoutMs);
  const stopped = Promise.withResolvers<never>();
  // A client that does not hear the signal must not hold up who waits.
  const onStop = (): void => stopped.reject(stop.reason as Error);
  stop.addEventListener('abort', onStop, { once: true });
  try {
    return await Promise.race([work({ signal: stop, progress: () => void timer.refresh() }), stopped.promise]);
  } catch (error) {
    throw stop.aborted ? (stop.reason as Error) : error;
  } finally {
    stop.removeEventListener('abort', onStop);
    clearTimeout(timer);
  }
}
