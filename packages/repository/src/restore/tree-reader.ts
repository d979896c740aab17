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
/** Ranges of one family that are read before they are asked for. */
const aheadMax = 4;

type Range = {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
  /** The ranges of one family, in the order in which they will be needed, and the place of this one. */
  readonly family: readonly Range[];
  readonly place: number;
  bytes?: Promise<Buffer>;
};

export class TreeReader {
  readonly #indexed: IndexedRepository;
  readonly #sealer: Sealer;
  readonly #ranges = new Map<PackId, Range[]>();
  /** Those being read or held, oldest first. */
  #held: Range[] = [];

  constructor(indexed: IndexedRepository) {
    this.#indexed = indexed;
    this.#sealer = createSealer(indexed.repository.masterKey);
  }

  /** Tells what `load` will be asked for next, in this order. The first of it begins to be read. */
  prefetch(ids: readonly BlobId[]): void {
    const byPack = new Map<PackId, BlobLocation[]>();
    for (const id of ids) {
      const place = this.#indexed.place('tree', id);
      if (place === undefined || this.#covering(place) !== undefined) continue;
      const group = byPack.get(place.packId);
      if (group === undefined) byPack.set(place.packId, [place]);
      else group.push(place);
    }
    const family: Range[] = [];
    for (const [packId, places] of byPack) {
      places.sort((a, b) => a.offset - b.offset);
      const known = this.#ranges.get(packId) ?? [];
      for (const { offset, length } of mergeRanges(places, { gapBytesMax, rangeBytesMax })) {
        const range: Range = { packId, offset, length, family, place: family.length };
        family.push(range);
        known.push(range);
      }
      this.#ranges.set(packId, known);
    }
    this.#readAhead(family, 0);
  }

  #readAhead(family: readonly Range[], from: number): void {
    for (const range of family.slice(from, from + aheadMax)) void this.#read(range);
  }

  #read(range: Range): Promise<Buffer> {
    if (range.bytes !== undefined) return range.bytes;
    const { packId, offset, length } = range;
    const file = { kind: 'data', name: packId, holdsTrees: true } as const;
    const bytes = this.#indexed.repository.backend.load(file, { offset, length });
    bytes.catch(() => undefined); // whoever needs it will see the error
    range.bytes = bytes;
    this.#held.push(range);
    this.#evict();
    return bytes;
  }

  #covering(place: BlobLocation): Range | undefined {
    const end = place.offset + place.length;
    return this.#ranges
      .get(place.packId)
      ?.findLast((range) => range.offset <= place.offset && range.offset + range.length >= end);
  }

  #evict(): void {
    let bytes = 0;
    const kept = this.#held.findLastIndex((range) => (bytes += range.length) > cacheBytesMax) + 1;
    for (const range of this.#held.splice(0, Math.min(kept, this.#held.length - 1))) {
      const left = this.#ranges.get(range.packId)?.filter((other) => other !== range) ?? [];
      if (left.length > 0) this.#ranges.set(range.packId, left);
      else this.#ranges.delete(range.packId);
    }
  }

  /** @throws {CoffreError} REPO_TREE_DAMAGED, REPO_BLOB_MISSING, REPO_BLOB_DAMAGED */
  async load(id: BlobId): Promise<TreeNode[]> {
    const place = this.#indexed.place('tree', id);
    const plain = place === undefined ? undefined : await this.#open(id, place);
    return plain === undefined ? await this.#indexed.loadTree(id) : parseTree(plain);
  }

  /** Undefined when this copy cannot be read: the slower way knows the others. */
  async #open(id: BlobId, place: BlobLocation): Promise<Buffer | undefined> {
    if (this.#covering(place) === undefined) this.prefetch([id]);
    const range = this.#covering(place);
    if (range === undefined) return undefined;
    try {
      this.#readAhead(range.family, range.place);
      const bytes = await this.#read(range);
      const start = place.offset - range.offset;
      return openBlob(this.#sealer, { id, ...place }, bytes.subarray(start, start + place.length));
    } catch {
      return undefined;
    }
  }
}
