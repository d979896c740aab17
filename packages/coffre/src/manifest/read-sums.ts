import { createHash } from 'node:crypto';

export type ReadSum = { readonly sha256: string; readonly sizeBytes: number };

/** Hashes of files that are read to their end for another purpose, so that nobody reads them again. */
export class ReadSums {
  readonly #sums = new Map<string, ReadSum>();

  /** Undefined for a file that nobody read whole. */
  of(path: string): ReadSum | undefined {
    return this.#sums.get(path);
  }

  async *watch(path: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const bytes of content) {
      hash.update(bytes);
      sizeBytes += bytes.byteLength;
      yield bytes;
    }
    this.#sums.set(path, { sha256: hash.digest('hex'), sizeBytes });
  }
}
