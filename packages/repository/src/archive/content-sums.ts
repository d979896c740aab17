/** SHA-256 of whole files, by what they are made of: the same pieces in the same order are the same bytes, wherever they lie. */
import { sha256Hex } from '../crypto/hash.ts';
import type { BlobId } from '../ids.ts';

export type ContentSum = {
  /** Stands for the list of pieces, and is short however many there are. */
  readonly key: string;
  readonly sha256: string;
};

const emptySha256 = sha256Hex(new Uint8Array(0));

export function contentSum(content: readonly BlobId[], sha256: string): ContentSum {
  return { key: keyOf(content), sha256 };
}

export class ContentSums {
  readonly #sums = new Map<string, string>();

  add({ key, sha256 }: ContentSum): void {
    this.#sums.set(key, sha256);
  }

  /** A file of one piece has that piece's hash; of longer ones it is known only when it was added. */
  of(content: readonly BlobId[]): string | undefined {
    if (content.length > 1) return this.#sums.get(keyOf(content));
    return content[0] ?? emptySha256;
  }
}

function keyOf(content: readonly BlobId[]): string {
  return sha256Hex(Buffer.from(content.join(''), 'latin1'));
}
