import type { Backend, FileHandle } from './backend.ts';
import { retentionWithin } from './retention.ts';

/**
 * Never more than `connectionsMax` calls at once, first come, first served, whoever makes them. A list counts while the
 * storage is at work on it, not while its reader is, who may make calls of his own.
 *
 * Locks have a lane beside it, one call wide: behind large packs on a thin line a lock could not be kept fresh.
 */
export function withConnectionCap(backend: Backend): Backend {
  const lanes = { files: createLane(Math.max(1, backend.connectionsMax)), locks: createLane(1) };
  const laneOf = ({ kind }: FileHandle): Lane => (kind === 'locks' ? lanes.locks : lanes.files);

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,

    create: () => lanes.files(undefined, () => backend.create()),
    save: (file, parts, signal) => laneOf(file)(signal, () => backend.save(file, parts, signal)),
    load: (file, options) => laneOf(file)(options?.signal, () => backend.load(file, options)),
    stat: (file) => laneOf(file)(undefined, () => backend.stat(file)),
    async *list(kind) {
      const lane = kind === 'locks' ? lanes.locks : lanes.files;
      const files = backend.list(kind)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await lane(undefined, () => files.next());
          if (next.done === true) return;
          yield next.value;
        }
      } finally {
        await files.return?.();
      }
    },
    remove: (file) => laneOf(file)(undefined, () => backend.remove(file)),
    ...retentionWithin(backend, (file, signal, call) => laneOf(file)(signal, call)),
    removeLeftovers: (clock) => lanes.files(undefined, async () => (await backend.removeLeftovers?.(clock)) ?? 0),
    close: () => backend.close(),
  };
}

type Lane = <T>(signal: AbortSignal | undefined, call: () => Promise<T>) => Promise<T>;

function createLane(width: number): Lane {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const leave = (): void => {
      const place = waiting.indexOf(resolve);
      // Who has his turn already gets it: the call itself looks at the signal.
      if (place < 0) return;
      waiting.splice(place, 1);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener('abort', leave, { once: true });
    waiting.push(resolve);
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  return async (signal, call) => {
    signal?.throwIfAborted();
    if (running < width) running += 1;
    // Who leaves hands his place over, so that nobody slips in between.
    else await turn(signal);
    try {
      return await call();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
