/**
 * What stands between a repository and its storage, and in which order (ARCHITECTURE.md, "Before the storage"):
 *
 *   lock guard > dry run > list floor > cache > retry > cap > limits > storage
 *
 * The lower half needs an address only, the upper half knows the repository. What nobody asked for is not loaded.
 */
import { join } from 'node:path';
import type { CoffreError } from '../errors.ts';
import type { Clock, Random } from '../host/host.ts';
import type { Backend } from './backend.ts';
import { createFileNote } from './file-note.ts';
import type { Location } from './location.ts';
import { openBackend } from './open-backend.ts';
import { withRetry } from './retry.ts';
import type { RetryEvent } from './retry.ts';
import type { StorageOptions } from './storage-options.ts';
import type { Throttle } from './limits/throttle.ts';
import type { Rates } from './limits/rate-plan.ts';

export type LimitOptions = Rates & {
  /** As `parseRateWindows` reads it; `up` and `down` hold outside of its times. */
  readonly schedule?: string;
};

export type ReachOptions = StorageOptions & {
  readonly random: Random;
  readonly clock: Clock;
  readonly limits?: LimitOptions;
  readonly retrying?: (event: RetryEvent) => void;
};

/** The storage at an address: within the limits, and tried again where that helps. Nothing is read yet. @throws {CoffreError} USAGE */
export async function reachStorage(location: Location, options: ReachOptions): Promise<Backend> {
  const { random, clock, limits, retrying } = options;
  const throttle = limits === undefined ? undefined : await throttleOf(limits, clock);
  const storage = await openBackend(location, throttle === undefined ? options : { ...options, throttle });
  const paced = throttle === undefined ? storage : (await import('./limits/limits.ts')).withLimits(storage, throttle);
  // A folder needs no cap: no connection is opened.
  const capped = location.kind === 'local' ? paced : (await import('./connection-cap.ts')).withConnectionCap(paced);
  return withRetry(capped, { clock, random, ...(retrying === undefined ? {} : { report: retrying }) });
}

async function throttleOf({ schedule, ...usual }: LimitOptions, clock: Clock): Promise<Throttle> {
  const [{ createThrottle }, { parseRateWindows }] = await Promise.all([
    import('./limits/throttle.ts'),
    import('./limits/rate-plan.ts'),
  ]);
  return createThrottle({ usual, windows: schedule === undefined ? [] : parseRateWindows(schedule) }, { clock });
}

export type NearOptions = {
  /** Of this repository on this machine; everything in it may be deleted at any time. */
  readonly folder: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly cached: boolean;
  /** What is listed counts, however little it is. */
  readonly acceptShrunkenLists?: boolean;
  readonly warn?: (error: Error) => void;
};

/** What this machine remembers of a repository: files that need not be fetched again, and how much there should be. */
export async function withMemory(storage: Backend, options: NearOptions): Promise<Backend> {
  const { folder, random, clock, cached, acceptShrunkenLists = false, warn } = options;
  const { withListFloor } = await import('./list-floor/list-floor.ts');
  const near = cached ? await withCacheIn(storage, options) : storage;
  return withListFloor(near, {
    notes: createFileNote(join(folder, 'listings.json'), random),
    clock,
    accept: acceptShrunkenLists,
    ...(warn === undefined ? {} : { warn: (error: CoffreError) => warn(error) }),
  });
}

async function withCacheIn(storage: Backend, { folder, random, warn }: NearOptions): Promise<Backend> {
  const [{ withCache }, { createCacheFiles }] = await Promise.all([
    import('./cache/cache.ts'),
    import('./cache/cache-files.ts'),
  ]);
  return withCache(storage, {
    files: createCacheFiles(folder, random),
    ...(warn === undefined ? {} : { report: warn }),
  });
}
