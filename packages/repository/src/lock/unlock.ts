/** Removing locks because a person asked for it. */
import { systemProcesses } from '../host/processes.ts';
import type { Processes } from '../host/processes.ts';
import type { LockId } from '../ids.ts';
import { judgeOf, nowOf } from './acquire.ts';
import { isStale, isUnrefreshed } from './lock-rules.ts';
import type { Sighting } from './lock-rules.ts';
import { readLocks, removeLock } from './lock-store.ts';
import type { LockStore, StoredLock } from './lock-store.ts';
import { createSightings, fileNotes, memoryNotes } from './sightings.ts';

export type UnlockOptions = {
  /** Also locks in use and files that nobody can read. */
  removeAll?: boolean;
  stateFolder?: string | undefined;
  processes?: Processes;
};

export type UnlockResult = {
  readonly removed: readonly LockId[];
  /** Not stale. */
  readonly kept: readonly StoredLock[];
  /** Nobody can tell whose they are; `removeAll` removes them. */
  readonly unreadable: readonly LockId[];
};

/** Removes locks that nobody holds any more by restic's rule, or all of them. */
export function unlock(store: LockStore, options: UnlockOptions = {}): Promise<UnlockResult> {
  return options.removeAll === true ? removeAllLocks(store) : removeStaleLocks(store, options);
}

/** By restic's rule: older than half an hour, or of a process of this machine that is gone. */
export async function removeStaleLocks(store: LockStore, options: UnlockOptions = {}): Promise<UnlockResult> {
  const { processes = systemProcesses(), stateFolder } = options;
  const { locks, unreadable } = await readLocks(store, new Set());
  const judge = judgeOf({ store, processes });
  const now = nowOf({ store, processes });
  const sightings = createSightings(stateFolder === undefined ? memoryNotes() : fileNotes(stateFolder));
  const seen = await sightings
    .watch([...locks.map(({ id }) => id), ...unreadable], now)
    .catch((): ReadonlyMap<LockId, Sighting> => new Map());
  const isOld = (id: LockId): boolean => {
    const sighting = seen.get(id);
    return sighting !== undefined && isUnrefreshed(sighting, now, undefined);
  };

  const stale = locks.filter(({ lock }) => isStale(lock, judge)).map(({ id }) => id);
  const garbage = unreadable.filter(isOld);
  return {
    removed: await removeEach(store, [...stale, ...garbage]),
    kept: locks.filter(({ id }) => !stale.includes(id)),
    unreadable: unreadable.filter((id) => !garbage.includes(id)),
  };
}

async function removeAllLocks(store: LockStore): Promise<UnlockResult> {
  const files = await store.listIds('locks');
  return {
    removed: await removeEach(
      store,
      files.map(({ id }) => id),
    ),
    kept: [],
    unreadable: [],
  };
}

async function removeEach(store: LockStore, ids: readonly LockId[]): Promise<LockId[]> {
  const removed: LockId[] = [];
  for (const id of ids) if (await removeLock(store, id)) removed.push(id);
  return removed;
}
