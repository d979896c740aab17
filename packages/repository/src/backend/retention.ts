import { CoffreError } from '../errors.ts';
import { inParallel } from '../parallel.ts';
import type { Backend, FileHandle } from './backend.ts';

/** Of a storage that keeps files from being deleted or replaced until a moment, in ms since 1970. */
export type Retention = {
  /** What a file is given when it is saved. */
  readonly periodMs: number;
  /** Undefined when the file can be deleted at once. @throws {CoffreError} BACKEND_NOT_FOUND */
  until(file: FileHandle, signal?: AbortSignal): Promise<number | undefined>;
  /** Never shortens. */
  extend(file: FileHandle, untilMs: number, signal?: AbortSignal): Promise<void>;
};

type Around = <T>(file: FileHandle, signal: AbortSignal | undefined, call: () => Promise<T>) => Promise<T>;

/** For wrappers: every call goes through `around`; nothing where the storage below has no retention. */
export function retentionWithin({ retention }: Backend, around: Around): Pick<Backend, 'retention'> {
  if (retention === undefined) return {};
  return {
    retention: {
      periodMs: retention.periodMs,
      until: (file, signal) => around(file, signal, () => retention.until(file, signal)),
      extend: (file, untilMs, signal) => around(file, signal, () => retention.extend(file, untilMs, signal)),
    },
  };
}

export type RetentionExtended = { readonly extended: number; readonly longEnough: number };

export type ExtendOptions = {
  readonly untilMs: number;
  /** What is kept until then may stay as it is; `untilMs` when absent. */
  readonly enoughMs?: number;
  readonly signal?: AbortSignal;
  readonly progress?: (done: RetentionExtended) => void;
};

/** @throws {CoffreError} BACKEND_UNPROTECTED where the storage knows no retention */
export function requireRetention({ retention, location }: Backend): Retention {
  if (retention !== undefined) return retention;
  throw new CoffreError('BACKEND_UNPROTECTED', `${location} is not told to keep files from deletion`, {
    hint: 'It takes a bucket with object lock, and the options -o s3.object-lock-mode and -o s3.object-lock-days.',
  });
}

/**
 * Makes the storage keep files that are still used until `untilMs` at least: what an old snapshot and a new one share
 * must not fall out of its protection. Never shortens; after an error, call it again with all files.
 * @throws {CoffreError} BACKEND_UNPROTECTED where the storage knows no retention
 */
export async function extendRetention(
  backend: Backend,
  files: Iterable<FileHandle>,
  options: ExtendOptions,
): Promise<RetentionExtended> {
  const { untilMs, enoughMs = untilMs, signal, progress } = options;
  const retention = requireRetention(backend);
  let [extended, longEnough] = [0, 0];
  await inParallel(files, backend.connectionsMax, async (file) => {
    signal?.throwIfAborted();
    const nowUntilMs = await retention.until(file, signal);
    if (nowUntilMs !== undefined && nowUntilMs >= Math.min(enoughMs, untilMs)) longEnough += 1;
    else {
      await retention.extend(file, untilMs, signal);
      extended += 1;
    }
    progress?.({ extended, longEnough });
  });
  return { extended, longEnough };
}
