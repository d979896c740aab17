import type { Backend, FileHandle, LoadOptions } from '../backend/backend.ts';
import { release } from '../crypto/release.ts';

/** Smaller buffers are not worth keeping. */
const keptBytesMin = 512 * 1024;
/**
 * Parts of packs differ in size: with some room one fits where any other was, and few are left to the garbage
 * collector, which is in no hurry. What is not touched takes no memory.
 */
const stepBytes = 6 * 1024 * 1024;

/**
 * Memory for parts of packs that is used again. Fresh memory costs a fault and a cleared page for every 4 KiB, together
 * as much as hashing what is read into it. It is shared with the threads: each arrival of a buffer that was moved is a
 * reason for the engine to collect all garbage.
 */
export class PackMemory {
  readonly #free: SharedArrayBuffer[] = [];
  readonly #keptBytesMax: number;

  /** So many whole packs of the usual size are kept at a time, or more that are smaller. */
  constructor(packsKept: number) {
    this.#keptBytesMax = packsKept * 3 * stepBytes;
  }

  /** About `sizeBytes` are expected. Whoever gets the bytes owes a `give`, when no thread looks at them any more. */
  async load(
    backend: Backend,
    file: FileHandle,
    sizeBytes: number,
    options: Omit<LoadOptions, 'into'> = {},
  ): Promise<Buffer> {
    if (sizeBytes < keptBytesMin) return await backend.load(file, options);
    const into = this.#take(sizeBytes);
    // After an error the memory is not used again: a read that was given up may still be writing to it.
    const bytes = await backend.load(file, { ...options, into });
    if (bytes.buffer !== into) this.#keep(into);
    return bytes;
  }

  #take(sizeBytes: number): SharedArrayBuffer {
    let best: number | undefined;
    for (const [i, { byteLength }] of this.#free.entries()) {
      if (byteLength >= sizeBytes && byteLength < (this.#free[best ?? -1]?.byteLength ?? Infinity)) best = i;
    }
    if (best !== undefined) return this.#free.splice(best, 1)[0] as SharedArrayBuffer;
    return new SharedArrayBuffer(Math.ceil(sizeBytes / stepBytes) * stepBytes);
  }

  #keep(memory: SharedArrayBuffer): void {
    this.#free.push(memory);
    let keptBytes = this.#free.reduce((sum, { byteLength }) => sum + byteLength, 0);
    // What lay about the longest: small ones thrown away for large ones would be made again for each small part.
    while (keptBytes > this.#keptBytesMax && this.#free.length > 1) keptBytes -= this.#free.shift()?.byteLength ?? 0;
  }

  /** Takes back what `load` handed out. */
  give(bytes: Buffer): void {
    if (bytes.buffer instanceof SharedArrayBuffer) this.#keep(bytes.buffer);
    else release(bytes);
  }
}

/** For a message to a thread. What is not shared moves; small buffers share their memory with others and are copied. */
export function handedOver(bytes: Buffer): { bytes: Uint8Array; transfer: ArrayBuffer[] } {
  const { buffer, byteLength } = bytes;
  if (buffer instanceof SharedArrayBuffer) return { bytes, transfer: [] };
  if (buffer.byteLength === byteLength) return { bytes, transfer: [buffer] };
  const copy = new Uint8Array(bytes);
  return { bytes: copy, transfer: [copy.buffer] };
}
