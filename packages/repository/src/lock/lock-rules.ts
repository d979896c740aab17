/** Who may work beside whom, and when a lock is left over. Decisions only; see `acquire.ts` for the deeds. */
import type { LockFile } from '../format/lock-file.ts';
import { parseTimestamp, timestampNs } from '../format/time.ts';

/** How restic's locks live: these figures are a contract with every other program at the repository. */
export const lockTimes = {
  refreshMs: 5 * 60_000,
  /** An owner that could not refresh for this long stops writing, well before others call the lock stale. */
  freezeMs: 22.5 * 60_000,
  staleMs: 30 * 60_000,
  /** Between writing a lock and looking again: whoever wrote at the same moment is visible by then. */
  settleMs: 200,
} as const;

/** The side that judges. */
export type Judge = {
  readonly hostname: string;
  /** See `Processes`. */
  readonly space: string | undefined;
  readonly isAlive: (pid: number) => boolean;
  readonly nowNs: bigint;
};

/** When and by which clock a lock was first seen here. */
export type Sighting = {
  readonly seenMs: number;
  readonly uptimeMs: number;
  readonly space?: string | undefined;
};

export type Now = { readonly nowMs: number; readonly uptimeMs: number; readonly space: string | undefined };

export function conflicts(exclusive: boolean, other: LockFile): boolean {
  return exclusive || other.exclusive;
}

export function ageMs(lock: LockFile, nowNs: bigint): number {
  return Number((nowNs - timestampNs(parseTimestamp(lock.time))) / 1_000_000n);
}

/** restic's rule, for a person who asks for it: half an hour old, or of a process of this host that is gone. */
export function isStale(lock: LockFile, judge: Judge): boolean {
  if (ageMs(lock, judge.nowNs) > lockTimes.staleMs) return true;
  if (lock.hostname !== judge.hostname || isOfOtherContainer(lock, judge)) return false;
  return !judge.isAlive(lock.pid);
}

/** Beyond doubt, so nobody needs to be asked: written in this very pid namespace by a process that is gone. */
export function isOfDeadProcess(lock: LockFile, judge: Judge): boolean {
  if (judge.space === undefined || lock.boot_id !== judge.space || lock.hostname !== judge.hostname) return false;
  return lock.pid > 0 && !judge.isAlive(lock.pid);
}

/** A process that seems to be alive on this host keeps its lock, however long it was not refreshed. */
export function mayBeAliveHere(lock: LockFile, judge: Judge): boolean {
  return lock.hostname === judge.hostname && judge.isAlive(lock.pid);
}

/**
 * A living owner writes a new file every 5 minutes: the same file after 30 minutes has none.
 * Within one boot both clocks must agree, since either may jump; over a reboot the calendar alone is left,
 * and the lock must also be old by its own time.
 */
export function isUnrefreshed(sighting: Sighting, now: Now, lock: LockFile | undefined): boolean {
  const passedMs = now.nowMs - sighting.seenMs;
  if (passedMs < lockTimes.staleMs) return false;
  if (now.space !== undefined && sighting.space === now.space) {
    return now.uptimeMs - sighting.uptimeMs >= lockTimes.staleMs;
  }
  return lock !== undefined && ageMs(lock, BigInt(Math.round(now.nowMs)) * 1_000_000n) > lockTimes.staleMs;
}

/** Same boot, other pid namespace: the pid says nothing to us. */
function isOfOtherContainer(lock: LockFile, judge: Judge): boolean {
  if (lock.boot_id === undefined || judge.space === undefined) return false;
  return lock.boot_id !== judge.space && lock.boot_id.split(' ')[0] === judge.space.split(' ')[0];
}
