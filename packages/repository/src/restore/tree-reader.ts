/**
 * Trees in bulk. Reading each with its own call would cost one round trip per folder. Folders that are siblings lie near
 * each other (a backup writes them in one go, deepest first), so one range usually brings the whole family.
 */
import { createSealer, type Sealer } from '../crypto/seal.ts';
import { parseTree, type TreeNode } from '../format/tree.ts';
import type { BlobId, PackId } from '../ids.ts';
import type { BlobLocation, IndexedRepository } from '../index/indexed-repository.ts';
import { openBlob } from '../pack/pack-read.ts';
import { mergeRanges } from './ranges.ts';

const gapBytesMax = 256 * 1024;
const rangeBytesMax = 4 * 1024 * 1024;
const cacheBytesMax = 24 * 1024 * 1024;

type Range = {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
  readonly bytes: Promise<Buffer>;
};

export class TreeReader {
  readonly #indexed: IndexedRepository;
  readonly #sealer: Sealer;
  /** Newest last. */
  #ranges: Range[] = [];

  constructor(indexed: IndexedRepository) {
    this.#indexed = indexed;
    this.#sealer = createSealer(indexed.repository.masterKey);
  }

  /** Starts reading what `load` will soon be asked for. */
  prefetch(ids: readonly BlobId[]): void {
    const byPack = new Map<PackId, BlobLocation[]>();
    for (const id of ids) {
      const place = this.#indexed.place('tree', id);
      if (place === undefined || this.#cached(place) !== undefined) continue;
      const group = byPack.get(place.packId);
      if (group === undefined) byPack.set(place.packId, [place]);
      else group.push(place);
    }
    for (const [packId, places] of byPack) {
      places.sort((a, b) => a.offset - b.offset);
      for (const { offset, length } of mergeRanges(places, { gapBytesMax, rangeBytesMax })) {
        const bytes = this.#indexed.repository.backend.load({ kind: 'data', name: packId }, { offset, length });
        bytes.catch(() => undefined); // whoever needs it will see the error
        this.#ranges.push({ packId, offset, length, bytes });
      }
    }
    this.#evict();
  }

  #cached(place: BlobLocation): Range | undefined {
    return this.#ranges.findLast(
      (range) =>
        range.packId === place.packId &&
        range.offset <= place.offset &&
        range.offset + range.length >= place.offset + place.length,
    );
  }

  #evict(): void {
    let bytes = 0;
    const firstKept = this.#ranges.findLastIndex((range) => (bytes += range.length) > cacheBytesMax) + 1;
    this.#ranges = this.#ranges.slice(Math.min(firstKept, this.#ranges.length - 1));
  }

  /** @throws {CoffreError} REPO_TREE_DAMAGED, REPO_BLOB_MISSING, REPO_BLOB_DAMAGED */
  async load(id: BlobId): Promise<TreeNode[]> {
    const place = this.#indexed.place('tree', id);
    if (place !== undefined) {
      if (this.#cached(place) === undefined) this.prefetch([id]);
      const plain = await this.#open(id, place);
      if (plain !== undefined) return parseTree(plain);
    }
    return await this.#indexed.loadTree(id);
  }

  /** Undefined when this copy cannot be read: the slower way knows the others. */
  async #open(id: BlobId, place: BlobLocation): Promise<Buffer | undefined> {
    const range = this.#cached(place);
    if (range === undefined) return undefined;
    try {
      const bytes = await range.bytes;
      const start = place.offset - range.offset;
      return openBlob(this.#sealer, { id, ...place }, bytes.subarray(start, start + place.length));
    } catch {
      return undefined;
    }
  }
}
