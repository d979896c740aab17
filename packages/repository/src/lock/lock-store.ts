/** The lock files of a repository, and no more of it than that. */
import { isCoffreError, isDamage } from '../errors.ts';
import { encodeLockFile, parseLockFile } from '../format/lock-file.ts';
import type { LockFile } from '../format/lock-file.ts';
import { formatLocal, timestampOfNs } from '../format/time.ts';
import type { Clock, Identity } from '../host/host.ts';
import type { LockId } from '../ids.ts';
import type { PendingLock } from './lock.ts';

/** What locking needs of a repository; `Repository` is one. */
export type LockStore = {
  readonly host: {
    readonly clock: Clock;
    readonly identity: Identity;
    readonly warn: (warning: { about: string; error: unknown }) => void;
  };
  listIds(kind: 'locks'): Promise<{ id: LockId; sizeBytes: number }[]>;
  loadUnpacked(kind: 'locks', id: LockId): Promise<Buffer>;
  saveUnpacked(kind: 'locks', json: Buffer): Promise<LockId>;
  remove(kind: 'locks', id: LockId): Promise<void>;
  /** Where the storage can hold back writes (`withLockGuard`): told of every lock that is begun. */
  guardBy?(lock: PendingLock): void;
};

export type StoredLock = { readonly id: LockId; readonly lock: LockFile };
export type FoundLocks = {
  readonly locks: readonly StoredLock[];
  /** Damaged, or not yet whole on a storage that shows files too early. */
  readonly unreadable: readonly LockId[];
};

const listingsMax = 10;

/**
 * Every lock but our own. Empty files are passed over as restic does.
 * A lock that vanishes between its name and its content was perhaps refreshed under another: then the list is stale.
 */
export async function readLocks(store: LockStore, own: ReadonlySet<LockId>): Promise<FoundLocks> {
  const known = new Map<LockId, LockFile | 'unreadable'>();
  for (let listing = 1; ; listing += 1) {
    const files = (await store.listIds('locks')).filter(({ id, sizeBytes }) => sizeBytes > 0 && !own.has(id));
    let vanished = false;
    for (const { id } of files) {
      if (known.has(id)) continue;
      const lock = await readLock(store, id);
      if (lock === 'gone') vanished = true;
      else known.set(id, lock);
    }
    if (vanished && listing < listingsMax) continue;
    return sorted(files.map(({ id }) => [id, known.get(id)]));
  }
}

function sorted(files: readonly [LockId, LockFile | 'unreadable' | undefined][]): FoundLocks {
  const locks: StoredLock[] = [];
  const unreadable: LockId[] = [];
  for (const [id, lock] of files) {
    if (lock === 'unreadable') unreadable.push(id);
    else if (lock !== undefined) locks.push({ id, lock });
  }
  return { locks, unreadable };
}

async function readLock(store: LockStore, id: LockId): Promise<LockFile | 'unreadable' | 'gone'> {
  try {
    return parseLockFile(await store.loadUnpacked('locks', id));
  } catch (error) {
    if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return 'gone';
    if (isDamage(error)) return 'unreadable';
    throw error;
  }
}

export function writeLock(store: LockStore, exclusive: boolean, space: string | undefined): Promise<LockId> {
  const { clock, identity } = store.host;
  const { hostname, username, pid, uid, gid } = identity;
  const time = formatLocal(timestampOfNs(clock.nowNs()));
  const lock = { time, exclusive, hostname, username, pid, uid, gid, ...(space !== undefined && { boot_id: space }) };
  return store.saveUnpacked('locks', encodeLockFile(lock));
}

/** Whether it was there. */
export async function removeLock(store: LockStore, id: LockId): Promise<boolean> {
  try {
    await store.remove('locks', id);
    return true;
  } catch (error) {
    if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return false;
    throw error;
  }
}
