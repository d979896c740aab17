/** From a password to the key that opens a key file: scrypt to 64 bytes = encrypt (32) ‖ macK (16) ‖ macR (16). */
import { scrypt } from 'node:crypto';
import { CoffreError } from '../errors.ts';
import type { Clock } from '../host/host.ts';
import type { MasterKey } from './seal.ts';

export type KdfCosts = { readonly N: number; readonly r: number; readonly p: number };

export const saltBytes = 64;

/** 32 MiB of memory; never less, however slow the machine is. */
const leastCosts: KdfCosts = { N: 2 ** 15, r: 8, p: 1 };
const targetMs = 500;
const parallelismMax = 16;

/** Runs on a thread of its own. The password is taken as UTF-8.
 *  @throws {CoffreError} REPO_KEY_DAMAGED when scrypt refuses the costs */
export function deriveKey(password: string, costs: KdfCosts, salt: Buffer): Promise<MasterKey> {
  const { N, r, p } = costs;
  const maxmem = 128 * r * (N + p + 2) + 2 ** 20;
  return new Promise((resolve, reject) => {
    try {
      scrypt(password, salt, 64, { N, r, p, maxmem }, (error, bytes) => {
        if (error === null) resolve(splitKey(bytes));
        else reject(refused(costs, error));
      });
    } catch (error) {
      reject(refused(costs, error));
    }
  });
}

function refused({ N, r, p }: KdfCosts, cause: unknown): CoffreError {
  return new CoffreError('REPO_KEY_DAMAGED', `scrypt cannot run with N=${N} r=${r} p=${p}`, { cause });
}

export function splitKey(bytes: Buffer): MasterKey {
  return { encrypt: bytes.subarray(0, 32), macK: bytes.subarray(32, 48), macR: bytes.subarray(48, 64) };
}

/** Costs that take about half a second and 32 MiB on this machine, for a new key. */
export async function calibrateCosts(clock: Clock): Promise<KdfCosts> {
  // the quicker of two, so that a busy moment does not make a weak key
  const onceMs = Math.min(await deriveMs(clock), await deriveMs(clock));
  const p = Math.round(targetMs / Math.max(onceMs, 1));
  return { ...leastCosts, p: Math.min(Math.max(p, leastCosts.p), parallelismMax) };
}

async function deriveMs(clock: Clock): Promise<number> {
  const before = clock.monotonicMs();
  await deriveKey('calibration', leastCosts, Buffer.alloc(saltBytes));
  return clock.monotonicMs() - before;
}
