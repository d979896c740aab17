/** What people read about locks. */
import { CoffreError } from '../errors.ts';
import type { LockFile } from '../format/lock-file.ts';
import { shortId } from '../ids.ts';
import type { LockId } from '../ids.ts';
import { ageMs, isStale } from './lock-rules.ts';
import type { Judge } from './lock-rules.ts';

/** restic's lines, which programs look for. */
export function lockedError(id: LockId, lock: LockFile, judge: Judge): CoffreError {
  const how = lock.exclusive ? 'exclusively ' : '';
  return new CoffreError(
    'REPO_LOCKED',
    `repository is already locked ${how}by ${ownerText(lock)}\nlock was created at ${clockText(lock.time)} (${goAge(ageMs(lock, judge.nowNs))} ago)\nstorage ID ${shortId(id)}`,
    {
      hint: hintFor(lock, judge),
      retryable: true,
    },
  );
}

export function describeLock(id: LockId, lock: LockFile, nowNs: bigint): string {
  return `${ownerText(lock)}, lock ${shortId(id)}, last refreshed ${ageText(ageMs(lock, nowNs))}`;
}

function ownerText({ pid, hostname, username, uid = 0, gid = 0 }: LockFile): string {
  return `PID ${pid} on ${hostname} by ${username} (UID ${uid}, GID ${gid})`;
}

/** As the file has it, whatever the zone. */
function clockText(rfc3339: string): string {
  return rfc3339.slice(0, 19).replace('T', ' ');
}

/** Whole seconds as Go prints durations: 1h0m5s. */
function goAge(durationMs: number): string {
  const sec = Math.trunc(Math.abs(durationMs) / 1000);
  const [hours, minutes] = [Math.floor(sec / 3600), Math.floor(sec / 60) % 60];
  const sign = durationMs < 0 ? '-' : '';
  return `${sign}${hours > 0 ? `${hours}h` : ''}${sec >= 60 ? `${minutes}m` : ''}${sec % 60}s`;
}

function hintFor(lock: LockFile, judge: Judge): string {
  if (lock.hostname === judge.hostname && judge.isAlive(lock.pid)) {
    return `Process ${lock.pid} runs on this machine; wait for it, for example with \`--retry-lock 10m\`.`;
  }
  if (isStale(lock, judge)) {
    return 'It looks left over: if nothing works on the repository, remove it with `coffre unlock`.';
  }
  return 'Wait for it, for example with `--retry-lock 10m`; `coffre unlock` removes locks not refreshed for half an hour.';
}

export function unreadableError(ids: readonly LockId[]): CoffreError {
  const [first] = ids;
  const which = first === undefined || ids.length > 1 ? `${ids.length} lock files` : `the lock file ${shortId(first)}`;
  return new CoffreError('REPO_LOCKED', `${which} cannot be read, so somebody may be working on the repository`, {
    hint: 'When nothing works on it, remove all locks with `coffre unlock --remove-all`.',
    retryable: true,
  });
}

export function lostError(why: string, cause?: unknown): CoffreError {
  return new CoffreError('REPO_LOCK_LOST', `the lock on the repository was lost: ${why}`, {
    hint: 'Start the command again; what was stored before stays valid.',
    cause,
  });
}

function ageText(durationMs: number): string {
  if (durationMs < 0) return 'in the future';
  const minutes = Math.floor(durationMs / 60_000);
  if (minutes < 1) return 'less than a minute ago';
  if (minutes < 120) return minutes === 1 ? 'a minute ago' : `${minutes} minutes ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours ago` : `${Math.floor(hours / 24)} days ago`;
}
