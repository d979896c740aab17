/** Counting what each pack holds. A blob in several packs is counted as used in one of them. */
import { sealOverheadBytes } from '../../crypto/seal.ts';
import { headerEntryBytes, headerLengthBytes } from '../../format/pack-header.ts';
import { entryWords, type BlobSegment, type BlobTable } from '../../index/blob-table.ts';
import { Bits } from './bits.ts';
import type { PackUsage } from './plan.ts';
import type { UsedBlobs } from './used-blobs.ts';

/** A tree of so few bytes may not get smaller: stored as it is, it is well stored. */
const compressibleTreeBytes = 512;

export type BlobTotals = { blobs: number; bytes: number };

export type RepositoryUsage = {
  /** Packs in use, in order of their numbers. */
  readonly packs: readonly PackUsage[];
  readonly used: BlobTotals;
  /** Further copies of used blobs. */
  readonly duplicate: BlobTotals;
  readonly unused: BlobTotals;
  /** Marked packs that hold the only copy of something used: they are in use again. */
  readonly recovered: ReadonlySet<number>;
  /** In the storage, and as long as the index says; by number. */
  readonly isUsable: (packNumber: number) => boolean;
  /** Used blobs by the state of the only packs that name them. */
  readonly lost: { readonly missing: ReadonlySet<number>; readonly wrongSize: ReadonlySet<number> };
};

/** Of packs by number. */
export type PackStates = {
  readonly live: ReadonlySet<number>;
  readonly marked: ReadonlySet<number>;
  /** Bytes in the storage; absent where it does not have the pack. */
  readonly storedBytes: ReadonlyMap<number, number>;
};

type Tally = {
  hasTree: boolean;
  hasData: boolean;
  usedBlobs: number;
  usedBytes: number;
  unusedBlobs: number;
  unusedBytes: number;
  duplicates: number;
  isUncompressed: boolean;
};

export function measurePacks(table: BlobTable, used: UsedBlobs, states: PackStates): RepositoryUsage {
  return new Measuring(table, used, states).run();
}

class Measuring {
  readonly #segment: BlobSegment;
  readonly #used: UsedBlobs;
  readonly #states: PackStates;
  readonly #first: Uint32Array;
  readonly #tallies: (Tally | undefined)[];
  /** How often each used blob is in packs that can be read; at most 255. */
  readonly #copies: Uint8Array;
  readonly #usable: Uint8Array;
  readonly #totals = { used: zeroTotals(), duplicate: zeroTotals(), unused: zeroTotals() };

  constructor(table: BlobTable, used: UsedBlobs, states: PackStates) {
    this.#segment = table.segments[0] as BlobSegment;
    this.#used = used;
    this.#states = states;
    this.#first = used.firstEntries();
    this.#tallies = Array.from({ length: table.packIds.length });
    this.#copies = new Uint8Array(this.#first.length);
    this.#usable = this.#findUsable(table.packIds.length);
  }

  run(): RepositoryUsage {
    const recovered = this.#recover();
    const isLive = (packNumber: number): boolean => this.#states.live.has(packNumber) || recovered.has(packNumber);
    this.#countCopies(isLive);
    this.#tally(isLive);
    this.#settleDuplicates(isLive);
    const packs = [...this.#tallies.entries()].flatMap(([packNumber, tally]) =>
      tally === undefined ? [] : [this.#usageOf(packNumber, tally)],
    );
    const isUsable = (packNumber: number): boolean => this.#usable[packNumber] === 1;
    return { packs, ...this.#totals, recovered, isUsable, lost: this.#findLost(isLive) };
  }

  /** 1: in the storage, and as long as the index says. 2: of another length. 0: not there. */
  #findUsable(packCount: number): Uint8Array {
    const sizes = new Float64Array(packCount).fill(sealOverheadBytes + headerLengthBytes);
    for (let entry = 0; entry < this.#first.length; entry++) {
      const at = entry * entryWords;
      const packNumber = this.#packOf(entry);
      const length = this.#segment.words[at + 10] as number;
      sizes[packNumber] = (sizes[packNumber] as number) + length + headerEntryBytes(this.#segment.words[at + 11] !== 0);
    }
    return Uint8Array.from(sizes, (size, packNumber) => {
      const stored = this.#states.storedBytes.get(packNumber);
      return stored === undefined ? 0 : stored === size ? 1 : 2;
    });
  }

  #packOf(entry: number): number {
    return (this.#segment.words[entry * entryWords + 8] as number) & 0x7fff_ffff;
  }

  #isUsed(entry: number): boolean {
    return this.#used.has(this.#first[entry] as number);
  }

  /** Where no pack in use has a blob, a marked one that has it comes back. */
  #recover(): Set<number> {
    const recovered = new Set<number>();
    if (this.#states.marked.size === 0) return recovered;
    const found = new Bits();
    for (let entry = 0; entry < this.#first.length; entry++) {
      const packNumber = this.#packOf(entry);
      if (this.#usable[packNumber] === 1 && this.#states.live.has(packNumber)) found.add(this.#first[entry] as number);
    }
    for (let entry = 0; entry < this.#first.length; entry++) {
      const packNumber = this.#packOf(entry);
      if (this.#usable[packNumber] !== 1 || !this.#states.marked.has(packNumber) || !this.#isUsed(entry)) continue;
      if (found.add(this.#first[entry] as number)) recovered.add(packNumber);
    }
    return recovered;
  }

  #countCopies(isLive: (packNumber: number) => boolean): void {
    for (let entry = 0; entry < this.#first.length; entry++) {
      const packNumber = this.#packOf(entry);
      if (this.#usable[packNumber] !== 1 || !isLive(packNumber) || !this.#isUsed(entry)) continue;
      const first = this.#first[entry] as number;
      this.#copies[first] = Math.min(255, (this.#copies[first] as number) + 1);
    }
  }

  #tally(isLive: (packNumber: number) => boolean): void {
    const { words } = this.#segment;
    for (let entry = 0; entry < this.#first.length; entry++) {
      const packNumber = this.#packOf(entry);
      if (!isLive(packNumber)) continue;
      const tally = (this.#tallies[packNumber] ??= emptyTally());
      const at = entry * entryWords;
      const length = words[at + 10] as number;
      const isTree = this.#segment.typeOf(entry) === 'tree';
      const isRaw = words[at + 11] === 0;
      if (isTree) tally.hasTree = true;
      else tally.hasData = true;
      tally.isUncompressed ||= isRaw && !(isTree && length < compressibleTreeBytes + sealOverheadBytes);
      tally.usedBytes += headerEntryBytes(!isRaw);
      const copies = this.#usable[packNumber] === 1 ? (this.#copies[this.#first[entry] as number] as number) : 0;
      if (copies === 1) {
        tally.usedBlobs += 1;
        tally.usedBytes += length;
        add(this.#totals.used, length);
        continue;
      }
      tally.unusedBlobs += 1;
      tally.unusedBytes += length;
      if (copies > 1) tally.duplicates += 1;
      add(copies > 1 ? this.#totals.duplicate : this.#totals.unused, length);
    }
  }

  /**
   * Of several copies one is kept: in a pack that holds other used blobs, or that holds nothing but copies, as an
   * interrupted prune leaves them; else the last.
   */
  #settleDuplicates(isLive: (packNumber: number) => boolean): void {
    const { duplicate, used } = this.#totals;
    if (duplicate.blobs === 0) return;
    const settled = new Bits();
    const left = this.#copies.slice();
    for (let entry = 0; entry < this.#first.length; entry++) {
      const first = this.#first[entry] as number;
      const packNumber = this.#packOf(entry);
      if ((this.#copies[first] as number) < 2 || settled.has(first)) continue;
      if (this.#usable[packNumber] !== 1 || !isLive(packNumber)) continue;
      const tally = this.#tallies[packNumber] as Tally;
      const isLast = left[first] === 1;
      if (tally.usedBlobs === 0 && tally.duplicates !== tally.unusedBlobs && !isLast) {
        left[first] = (left[first] as number) - 1;
        continue;
      }
      settled.add(first);
      const length = this.#segment.words[entry * entryWords + 10] as number;
      tally.usedBlobs += 1;
      tally.usedBytes += length;
      tally.unusedBlobs -= 1;
      tally.unusedBytes -= length;
      add(used, length);
      duplicate.blobs -= 1;
      duplicate.bytes -= length;
    }
  }

  #usageOf(packNumber: number, tally: Tally): PackUsage {
    const { usedBlobs, usedBytes, unusedBlobs, unusedBytes, isUncompressed } = tally;
    return {
      packNumber,
      kind: tally.hasTree && tally.hasData ? 'mixed' : tally.hasTree ? 'tree' : 'data',
      usedBlobs,
      usedBytes: usedBytes + sealOverheadBytes + headerLengthBytes,
      unusedBlobs,
      unusedBytes,
      isUncompressed,
      isStored: this.#usable[packNumber] !== 0,
    };
  }

  /** Packs that would be needed: all that name a used blob which nothing readable holds. */
  #findLost(isLive: (packNumber: number) => boolean): RepositoryUsage['lost'] {
    const missing = new Set<number>();
    const wrongSize = new Set<number>();
    for (let entry = 0; entry < this.#first.length; entry++) {
      const first = this.#first[entry] as number;
      if (this.#copies[first] !== 0 || !this.#used.has(first)) continue;
      const packNumber = this.#packOf(entry);
      if (!isLive(packNumber) && !this.#states.marked.has(packNumber)) continue;
      (this.#usable[packNumber] === 0 ? missing : wrongSize).add(packNumber);
    }
    return { missing, wrongSize };
  }
}

function emptyTally(): Tally {
  return {
    hasTree: false,
    hasData: false,
    usedBlobs: 0,
    usedBytes: 0,
    unusedBlobs: 0,
    unusedBytes: 0,
    duplicates: 0,
    isUncompressed: false,
  };
}

function add(totals: BlobTotals, bytes: number): void {
  totals.blobs += 1;
  totals.bytes += bytes;
}

export function zeroTotals(): BlobTotals {
  return { blobs: 0, bytes: 0 };
}
