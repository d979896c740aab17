/** Locks on a repository: the door of this folder. */
import { isCoffreError } from '../errors.ts';
import { systemProcesses } from '../host/processes.ts';
import type { Processes } from '../host/processes.ts';
import { acquireWithin } from './acquire.ts';
import type { LockContext, LockEvent } from './acquire.ts';
import { HeldLock } from './held-lock.ts';
import type { LockStore } from './lock-store.ts';
import { createSightings, fileNotes, memoryNotes } from './sightings.ts';

export type LockOptions = {
  /** Beside an exclusive lock nobody else works; shared ones go together. */
  exclusive: boolean;
  /**
   * A reader does without a lock that cannot be had, and warns: a storage that takes no writes, a lock file that nobody
   * can read. Only a valid exclusive lock stops it.
   */
  reading?: boolean;
  /** How long to wait for others; not at all when absent. */
  retryMs?: number;
  /** Ends the waiting. It does not release a lock that is held. */
  signal?: AbortSignal;
  /** Local state of this repository: with it, left-over locks of other machines are recognised over several runs. */
  stateFolder?: string | undefined;
  processes?: Processes;
  report?: (event: LockEvent) => void;
};

/** A lock on its way. Disposing of it gives up the wait, or releases the lock. */
export type PendingLock = AsyncDisposable & {
  /** Read meanwhile if you like; a repository holds its writes back until this settles. */
  readonly held: Promise<HeldLock>;
};

/** Begins to lock; the work that only reads goes on beside the wait. `held` rejects with REPO_LOCKED or a storage error. */
export function startLock(store: LockStore, options: LockOptions): PendingLock {
  const giveUp = new AbortController();
  const signal = options.signal === undefined ? giveUp.signal : AbortSignal.any([options.signal, giveUp.signal]);
  const held = hold(contextOf(store, options, signal), options.retryMs ?? 0);
  // Whoever began it may fail before looking here; that is not a stray rejection.
  held.catch(() => undefined);
  const pending: PendingLock = {
    held,
    async [Symbol.asyncDispose]() {
      giveUp.abort();
      const lock = await held.catch(() => undefined);
      await lock?.release();
    },
  };
  store.guardBy?.(pending);
  return pending;
}

/** @throws {CoffreError} REPO_LOCKED */
export function acquireLock(store: LockStore, options: LockOptions): Promise<HeldLock> {
  return startLock(store, options).held;
}

async function hold(context: LockContext, retryMs: number): Promise<HeldLock> {
  try {
    return new HeldLock(context, await acquireWithin(context, retryMs));
  } catch (error) {
    if (context.wish !== 'reading' || !isCoffreError(error) || isCoffreError(error, 'REPO_LOCKED')) throw error;
    context.store.host.warn({ about: 'reading without a lock', error });
    return new HeldLock(context, undefined);
  }
}

export function contextOf(store: LockStore, options: LockOptions, signal: AbortSignal): LockContext {
  const { exclusive, reading = false, stateFolder, processes = systemProcesses(), report = () => undefined } = options;
  return {
    store,
    wish: exclusive ? 'exclusive' : reading ? 'reading' : 'shared',
    processes,
    sightings: createSightings(stateFolder === undefined ? memoryNotes() : fileNotes(stateFolder)),
    signal,
    report,
  };
}
