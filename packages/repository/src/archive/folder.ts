import type { BlobId } from '../ids.ts';

/**
 * A folder whose entries are still coming in. Entries are reserved in ascending order of name and filled in any order;
 * when the listing is closed and the last one is in, the tree is complete.
 */
export class OpenFolder {
  readonly #entries: (string | undefined)[] = [];
  /** One for the listing itself. */
  #pending = 1;
  readonly #complete: (folder: OpenFolder) => void;

  constructor(complete: (folder: OpenFolder) => void) {
    this.#complete = complete;
  }

  reserve(): number {
    this.#pending += 1;
    return this.#entries.push(undefined) - 1;
  }

  /** `text` absent: the entry is left out (it could not be read). */
  fill(entry: number, text: string | undefined): void {
    this.#entries[entry] = text;
    this.#settle();
  }

  /** An entry that is known at once. */
  push(text: string): void {
    this.#entries.push(text);
  }

  close(): void {
    this.#settle();
  }

  #settle(): void {
    this.#pending -= 1;
    if (this.#pending === 0) this.#complete(this);
  }

  /** Tree bytes; entries are latin1 text, one char a byte. */
  encode(): Buffer {
    const nodes = this.#entries.filter((entry) => entry !== undefined);
    return Buffer.from(`{"nodes":[${nodes.join(',')}]}\n`, 'latin1');
  }
}

export type FinishedTree = { readonly id: BlobId; readonly isNew: boolean; readonly packedBytes: number };
