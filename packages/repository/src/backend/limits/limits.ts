import type { Backend, FileHandle, LoadOptions } from '../backend.ts';
import { sizeOf } from '../counting.ts';
import { retentionWithin } from '../retention.ts';
import type { Throttle } from './throttle.ts';

/** Smaller requests would cost more in round trips than they smooth. */
const requestBytesMin = 64 * 1024;

/**
 * Keeps a storage to the bandwidth of the throttle. One that takes leave for its own pieces is left as it is. For the
 * others a save waits until its bytes have been earned and then goes at the speed of the line, and a long read of a pack
 * becomes one request a second: no request is ever slow in itself, so none counts as stuck.
 */
export function withLimits(backend: Backend, throttle: Throttle): Backend {
  if (backend.isThrottled === true) return backend;
  const { up, down } = throttle;

  async function loadPack(file: FileHandle, options: LoadOptions): Promise<Buffer> {
    const { offset = 0, signal } = options;
    signal?.throwIfAborted();
    const length = options.length ?? (await backend.stat(file)).sizeBytes - offset;
    if (length <= 0) return await backend.load(file, options);
    const rest = signal === undefined ? {} : { signal };
    const requests: Buffer[] = [];
    for (let at = 0; at < length;) {
      const size = Math.min(length - at, Math.max(down.secondBytes(), requestBytesMin));
      await down.take(size, signal);
      requests.push(await backend.load(file, { ...rest, offset: offset + at, length: size }));
      at += size;
    }
    const [first] = requests;
    return requests.length === 1 && first !== undefined ? first : Buffer.concat(requests);
  }

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,
    isThrottled: true,

    create: () => backend.create(),
    async save(file, parts, signal) {
      await up.take(sizeOf(parts), signal);
      await backend.save(file, parts, signal);
    },
    async load(file, options = {}) {
      if (file.kind === 'data' && down.secondBytes() !== Infinity) return await loadPack(file, options);
      const bytes = await backend.load(file, options);
      await down.take(bytes.byteLength, options.signal);
      return bytes;
    },
    stat: (file) => backend.stat(file),
    list: (kind) => backend.list(kind),
    remove: (file) => backend.remove(file),
    ...retentionWithin(backend, (_file, _signal, call) => call()),
    removeLeftovers: async (clock) => (await backend.removeLeftovers?.(clock)) ?? 0,
    close: () => backend.close(),
  };
}
