/** The real clock, random source and identity. Tests hand in their own. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAccounts } from './accounts.ts';
import type { Clock, Identity, Random } from './host.ts';
import { openNative } from './native.ts';

/** The calendar with millisecond resolution; durations by the monotonic clock. */
export function systemClock(): Clock {
  return {
    nowNs: () => BigInt(Date.now()) * 1_000_000n,
    monotonicMs: () => performance.now(),
    sleep: (durationMs, signal) => sleep(durationMs, undefined, signal === undefined ? {} : { signal }),
  };
}

/** Cryptographic randomness of the system. */
export function systemRandom(): Random {
  return { bytes: (size) => randomBytes(size) };
}

/** The user is the one of the password file, not of `$USER`, which `sudo` and cron often leave wrong. */
export function systemIdentity(): Identity {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  const username = createAccounts(openNative()).userName(uid) ?? process.env['USER'] ?? process.env['USERNAME'] ?? '';
  return { hostname: hostname(), username, uid, gid, pid: process.pid };
}
