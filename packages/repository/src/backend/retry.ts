import { isCoffreError } from '../errors.ts';
import type { CoffreError, ErrorCode } from '../errors.ts';
import type { Clock, Random } from '../host/host.ts';
import { fileName } from './backend.ts';
import type { Backend, FileHandle } from './backend.ts';
import { retentionWithin } from './retention.ts';

export type RetryEvent = {
  /** `saving data/00…` */
  readonly about: string;
  /** 1 for the first try, which has just failed. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: CoffreError;
};

export type RetryOptions = {
  clock: Clock;
  /** For the jitter: clients that failed together do not come back together. */
  random: Random;
  attemptsMax?: number;
  delayFirstMs?: number;
  delayMaxMs?: number;
  /** No new try begins later than this after the first. */
  giveUpAfterMs?: number;
  report?: (event: RetryEvent) => void;
};

/** A storage that asks for a longer pause is asked again all the same. */
const retryAfterMaxMs = 5 * 60_000;

/** However a storage marks them, asking again cannot help. */
const permanentCodes: ReadonlySet<ErrorCode> = new Set([
  'BACKEND_NOT_FOUND',
  'BACKEND_EXISTS',
  'BACKEND_DENIED',
  'BACKEND_FULL',
  'BACKEND_UNREADABLE',
  'BACKEND_NOT_MOUNTED',
  'BACKEND_LIST_SHRANK',
  'BACKEND_HOST_UNKNOWN',
  'BACKEND_HOST_CHANGED',
  'BACKEND_READ_ONLY',
  'BACKEND_UNPROTECTED',
  'BACKEND_URL',
]);

/** Tries calls again whose error is marked as retryable, after a pause that doubles and is jittered. */
export function withRetry(backend: Backend, options: RetryOptions): Backend {
  const again = createRetrier(options);

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,

    create: () => again('making the folders', undefined, () => backend.create()),

    save: async (file, parts, signal) =>
      again(`saving ${fileName(file)}`, signal, async (attempt) => {
        if (attempt === 1 || backend.replacesAtomically) return backend.save(file, parts, signal);
        return saveAgain(backend, file, parts, signal);
      }),

    load: async (file, loadOptions = {}) =>
      again(`reading ${fileName(file)}`, loadOptions.signal, () => backend.load(file, loadOptions)),

    stat: async (file) => again(`looking at ${fileName(file)}`, undefined, () => backend.stat(file)),

    async *list(kind) {
      // A list that breaks off starts anew; what was given out before is passed over.
      const given = new Set<string>();
      let pending = backend.list(kind)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await again(`listing ${kind}`, undefined, async (attempt) => {
            if (attempt > 1) pending = backend.list(kind)[Symbol.asyncIterator]();
            let item = await pending.next();
            while (item.done !== true && given.has(item.value.name)) item = await pending.next();
            return item;
          });
          if (next.done === true) return;
          given.add(next.value.name);
          yield next.value;
        }
      } finally {
        await pending.return?.();
      }
    },

    remove: async (file) =>
      again(`removing ${fileName(file)}`, undefined, async (attempt) => {
        try {
          await backend.remove(file);
        } catch (error) {
          // The first try may have removed it, and only its answer was lost.
          if (attempt === 1 || !isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
        }
      }),

    ...retentionWithin(backend, (file, signal, call) => again(`the retention of ${fileName(file)}`, signal, call)),

    removeLeftovers: async (clock) => (await backend.removeLeftovers?.(clock)) ?? 0,
    close: () => backend.close(),
  };
}

type Retrier = <T>(about: string, signal: AbortSignal | undefined, work: (attempt: number) => Promise<T>) => Promise<T>;

function createRetrier(options: RetryOptions): Retrier {
  const { clock, random, attemptsMax = 12, delayFirstMs = 500, delayMaxMs = 60_000 } = options;
  const { giveUpAfterMs = 15 * 60_000, report } = options;

  return async (about, signal, work) => {
    const startedMs = clock.monotonicMs();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work(attempt);
      } catch (error) {
        if (!isCoffreError(error) || !error.retryable || permanentCodes.has(error.code)) throw error;
        if (attempt >= attemptsMax) throw error;
        const pauseMs = jittered(Math.min(delayFirstMs * 2 ** (attempt - 1), delayMaxMs), random);
        const delayMs = Math.max(pauseMs, Math.min(error.retryAfterMs ?? 0, retryAfterMaxMs));
        if (clock.monotonicMs() - startedMs + delayMs > giveUpAfterMs) throw error;
        report?.({ about, attempt, delayMs, error });
        await clock.sleep(delayMs, signal);
      }
    }
  };
}

/** Between half of it and one and a half times. */
function jittered(delayMs: number, random: Random): number {
  return Math.round(delayMs * (0.5 + random.bytes(4).readUInt32LE() / 2 ** 32));
}

/**
 * After a failed save on a storage that refuses existing names, the file may be there in part, or whole with the answer
 * lost. What is there is removed first; where it may not be (append-only), equal bytes count as saved.
 * The config is never removed: it may be another program's, which created a repository at the same moment.
 */
async function saveAgain(
  backend: Backend,
  file: FileHandle,
  parts: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<void> {
  if (file.kind !== 'config') await backend.remove(file).catch(() => undefined);
  try {
    await backend.save(file, parts, signal);
  } catch (error) {
    if (!isCoffreError(error, 'BACKEND_EXISTS')) throw error;
    if (!(await backend.load(file, signal === undefined ? {} : { signal })).equals(Buffer.concat(parts))) throw error;
  }
}
