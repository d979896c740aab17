/** Getting a lock, as restic does: look, write, wait, look again; whoever then sees the other gives way. */
import { isCoffreError } from '../errors.ts';
import type { Processes } from '../host/processes.ts';
import type { LockId } from '../ids.ts';
import { conflicts, isOfDeadProcess, isUnrefreshed, lockTimes, mayBeAliveHere } from './lock-rules.ts';
import type { Judge, Now } from './lock-rules.ts';
import { readLocks, removeLock, writeLock } from './lock-store.ts';
import type { FoundLocks, LockStore, StoredLock } from './lock-store.ts';
import { describeLock, lockedError, unreadableError } from './lock-words.ts';
import type { Sightings } from './sightings.ts';

/** `reading` is a shared lock that may be missing: see `startLock`. */
export type LockWish = 'reading' | 'shared' | 'exclusive';

export type LockEvent =
  | { readonly kind: 'cleared'; readonly lock: string; readonly why: 'process-gone' | 'unrefreshed' }
  | { readonly kind: 'waiting'; readonly retryMs: number; readonly blockedBy: string };

export type LockContext = {
  readonly store: LockStore;
  readonly wish: LockWish;
  readonly processes: Processes;
  readonly sightings: Sightings;
  readonly signal: AbortSignal;
  readonly report: (event: LockEvent) => void;
};

const unreadableRetriesMs = [5000, 10_000, 20_000];
const retryFirstMs = 5000;
const retryMaxMs = 60_000;

/** Tries until the time is over, the last time at its very end. @throws {CoffreError} REPO_LOCKED */
export async function acquireWithin(context: LockContext, retryMs: number): Promise<LockId> {
  const { clock } = context.store.host;
  const startedMs = clock.monotonicMs();
  for (let pauseMs = retryFirstMs; ; pauseMs = Math.min(2 * pauseMs, retryMaxMs)) {
    try {
      return await acquireOnce(context);
    } catch (error) {
      const leftMs = startedMs + retryMs - clock.monotonicMs();
      if (!isCoffreError(error, 'REPO_LOCKED') || leftMs <= 0) throw error;
      if (pauseMs === retryFirstMs) context.report({ kind: 'waiting', retryMs, blockedBy: error.message });
      await clock.sleep(Math.min(pauseMs, leftMs), context.signal);
    }
  }
}

async function acquireOnce(context: LockContext): Promise<LockId> {
  const { store, signal, wish, processes } = context;
  signal.throwIfAborted();
  await assertFree(context, new Set());
  signal.throwIfAborted();
  const id = await writeLock(store, wish === 'exclusive', processes.space);
  try {
    await store.host.clock.sleep(lockTimes.settleMs, signal);
    await assertFree(context, new Set([id]));
    return id;
  } catch (error) {
    await removeLock(store, id).catch((failure: unknown) => {
      store.host.warn({ about: 'our own lock could not be removed; it is stale from now on', error: failure });
    });
    throw error;
  }
}

/** Nobody is in the way but `own`. Locks in the way that are left over beyond doubt are removed. @throws {CoffreError} REPO_LOCKED */
export async function assertFree(context: LockContext, own: ReadonlySet<LockId>): Promise<void> {
  const { store, wish, signal } = context;
  for (let attempt = 0; ;) {
    const found = await readLocks(store, own);
    const inTheWay = found.locks.filter(({ lock }) => conflicts(wish === 'exclusive', lock));
    if (inTheWay.length === 0 && found.unreadable.length === 0) return;
    const unrefreshed = await findUnrefreshed(context, found);
    const blocking = await clearDead(context, inTheWay, unrefreshed);
    const [first] = blocking;
    if (first !== undefined) throw lockedError(first.id, first.lock, judgeOf(context));
    if (found.unreadable.length === 0) continue;
    if (mayIgnore(wish, found.unreadable, unrefreshed)) {
      // Said once, by the second look.
      if (own.size > 0)
        store.host.warn({ about: 'a lock file is unreadable', error: unreadableError(found.unreadable) });
      return;
    }
    const pauseMs = unreadableRetriesMs[attempt];
    if (pauseMs === undefined) throw unreadableError(found.unreadable);
    attempt += 1;
    await store.host.clock.sleep(pauseMs, signal);
  }
}

/**
 * Reading goes on beside a lock that nobody can read. A backup does once it was seen unrefreshed for half an hour, since
 * a living owner would have written another by then. Exclusive work never does.
 */
function mayIgnore(wish: LockWish, unreadable: readonly LockId[], unrefreshed: ReadonlySet<LockId>): boolean {
  switch (wish) {
    case 'reading':
      return true;
    case 'shared':
      return unreadable.every((id) => unrefreshed.has(id));
    case 'exclusive':
      return false;
    default:
      return wish satisfies never;
  }
}

async function findUnrefreshed(context: LockContext, found: FoundLocks): Promise<ReadonlySet<LockId>> {
  const { store, sightings } = context;
  const now = nowOf(context);
  const locks = new Map(found.locks.map(({ id, lock }) => [id, lock]));
  try {
    const seen = await sightings.watch([...locks.keys(), ...found.unreadable], now);
    const old = [...seen].filter(([id, sighting]) => isUnrefreshed(sighting, now, locks.get(id)));
    return new Set(old.map(([id]) => id));
  } catch (error) {
    store.host.warn({ about: 'the locks of others cannot be noted here', error });
    return new Set();
  }
}

/** What is left of the locks once those of the dead are removed. */
async function clearDead(
  context: LockContext,
  locks: readonly StoredLock[],
  unrefreshed: ReadonlySet<LockId>,
): Promise<StoredLock[]> {
  const { store, report } = context;
  const judge = judgeOf(context);
  const left: StoredLock[] = [];
  for (const stored of locks) {
    const why = whyDead(stored, unrefreshed, judge);
    if (why === undefined) {
      left.push(stored);
      continue;
    }
    try {
      await removeLock(store, stored.id);
      report({ kind: 'cleared', lock: describeLock(stored.id, stored.lock, judge.nowNs), why });
    } catch (error) {
      store.host.warn({ about: 'a lock that was left over cannot be removed', error });
      left.push(stored);
    }
  }
  return left;
}

function whyDead(
  { id, lock }: StoredLock,
  unrefreshed: ReadonlySet<LockId>,
  judge: Judge,
): 'process-gone' | 'unrefreshed' | undefined {
  if (isOfDeadProcess(lock, judge)) return 'process-gone';
  return unrefreshed.has(id) && !mayBeAliveHere(lock, judge) ? 'unrefreshed' : undefined;
}

export function judgeOf({ store, processes }: Pick<LockContext, 'store' | 'processes'>): Judge {
  const { clock, identity } = store.host;
  return {
    hostname: identity.hostname,
    space: processes.space,
    isAlive: (pid) => processes.isAlive(pid),
    nowNs: clock.nowNs(),
  };
}

export function nowOf({ store, processes }: Pick<LockContext, 'store' | 'processes'>): Now {
  return {
    nowMs: Number(store.host.clock.nowNs() / 1_000_000n),
    uptimeMs: processes.uptimeMs(),
    space: processes.space,
  };
}
