import { createHash } from 'node:crypto';

/** Other work of this thread gets its turn after this many bytes. */
const sliceBytes = 4 * 1024 * 1024;

/** SHA-256 of parts that lie in memory shared with other threads, in the order in which they are handed over. */
export class OrderedHash {
  readonly #hash = createHash('sha256');
  #before: Promise<void> = Promise.resolve();

  /** Resolves when the memory may be used again. */
  async update(bytes: Uint8Array): Promise<void> {
    const mine = this.#before.then(async () => await this.#take(bytes));
    this.#before = mine;
    await mine;
  }

  async #take(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += sliceBytes) {
      if (at > 0) await new Promise<void>((resolve) => setImmediate(resolve));
      this.#hash.update(bytes.subarray(at, at + sliceBytes));
    }
  }

  /** Once, after every update has resolved. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
