/**
 * scrypt with its lanes beside each other: p of them are independent, and OpenSSL computes one after the other. Two cores
 * need a bit more than half the time, and vectors make each lane quicker too.
 */
import { availableParallelism } from 'node:os';
import { pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { splitKey, type KdfCosts } from '../crypto/kdf.ts';
import type { MasterKey } from '../crypto/seal.ts';
import { blockBytes } from '../crypto/scrypt/kernel.ts';
import { compileRomix } from '../crypto/scrypt/romix.ts';
import { inParallel } from '../parallel.ts';
import { WorkerPool } from '../workers/pool.ts';

/** Each holds N × 1024 bytes: 32 MiB with the costs that repositories have. */
const threadsMax = 4;
const lanesMax = 64;
const stepsMin = 2 ** 10;
const stepsMax = 2 ** 15;

/** How many threads gain something; 0 when the plain way is the better one. */
export function threadsFor({ N, r, p }: KdfCosts, cores: number = availableParallelism()): number {
  const isPowerOfTwo = Number.isInteger(Math.log2(N));
  if (r * 128 !== blockBytes || !isPowerOfTwo || N < stepsMin || N > stepsMax || p > lanesMax) return 0;
  const threads = Math.min(p, cores, threadsMax);
  return threads < 2 ? 0 : Math.ceil(p / Math.ceil(p / threads));
}

/** @returns 64 bytes, as `scrypt` of OpenSSL does for the same costs. Its threads and their memory are gone then. */
export async function deriveInLanes(
  password: string,
  { N, p }: KdfCosts,
  salt: Uint8Array,
  threads: number,
): Promise<Buffer> {
  const pbkdf = promisify(pbkdf2);
  await using pool = new WorkerPool(threads, { work: 'derive', kernel: compileRomix(N) });
  const lanes = await pbkdf(password, salt, 1, p * blockBytes, 'sha256');
  await inParallel(new Array(p).keys(), threads, async (index) => {
    const at = index * blockBytes;
    lanes.set(await pool.run<Uint8Array>('romix', Uint8Array.from(lanes.subarray(at, at + blockBytes))), at);
  });
  return await pbkdf(password, lanes, 1, 64, 'sha256');
}

/**
 * As `deriveKey`, on several threads. Who finds that nothing opens with this key asks `deriveKey` before
 * he says so: these are our own kernels, and a password must not be called wrong because of them.
 * @returns undefined where this machine or these costs gain nothing
 */
export async function deriveKeyOnThreads(
  password: string,
  costs: KdfCosts,
  salt: Buffer,
): Promise<MasterKey | undefined> {
  const threads = threadsFor(costs);
  if (threads === 0) return undefined;
  try {
    return splitKey(await deriveInLanes(password, costs, salt, threads));
  } catch {
    // No threads, no memory or no vectors here: the plain way has its own words for what is wrong.
    return undefined;
  }
}
