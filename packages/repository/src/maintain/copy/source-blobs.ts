import { idToBytes, type BlobId, type PackId } from '../../ids.ts';
import type { BlobPlace, BlobSegment, BlobType } from '../../index/blob-table.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';

/** The blobs of the source by number: what is known of each fits a bit, however many there are. */
export class SourceBlobs {
  readonly count: number;
  readonly #indexed: IndexedRepository;
  readonly #segments: readonly { readonly segment: BlobSegment; readonly first: number }[];

  constructor(indexed: IndexedRepository) {
    let first = 0;
    this.#indexed = indexed;
    this.#segments = indexed.table.segments.map((segment) => {
      const placed = { segment, first };
      first += segment.count;
      return placed;
    });
    this.count = first;
  }

  /** The same number for the same blob, wherever its copies lie; -1 when the index does not know it. */
  find(type: BlobType, id: BlobId): number {
    const bytes = idToBytes(id);
    for (const { segment, first } of this.#segments) {
      const entry = segment.find(type, bytes);
      if (entry >= 0 && segment.placeOf(entry) !== undefined) return first + entry;
    }
    return -1;
  }

  at(number: number): BlobPlace & { readonly type: BlobType; readonly id: BlobId } {
    const { segment, first } = this.#segmentOf(number);
    const entry = number - first;
    return { ...(segment.placeOf(entry) as BlobPlace), type: segment.typeOf(entry), id: segment.idOf(entry) };
  }

  packId(packNumber: number): PackId {
    return this.#indexed.table.packIds[packNumber] as PackId;
  }

  #segmentOf(number: number): { readonly segment: BlobSegment; readonly first: number } {
    return this.#segments.findLast(({ first }) => first <= number) as { segment: BlobSegment; first: number };
  }
}

/** One bit a blob. */
export class BlobMarks {
  readonly #bits: Uint8Array;

  constructor(count: number) {
    this.#bits = new Uint8Array(Math.ceil(count / 8));
  }

  has(number: number): boolean {
    return ((this.#bits[number >>> 3] as number) & (1 << (number & 7))) !== 0;
  }

  /** @returns false when it was set before. */
  set(number: number): boolean {
    if (this.has(number)) return false;
    this.#bits[number >>> 3] = (this.#bits[number >>> 3] as number) | (1 << (number & 7));
    return true;
  }
}
