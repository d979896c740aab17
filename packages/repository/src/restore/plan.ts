/**
 * From files to pack ranges: which bytes to fetch in which order, and where each blob of them goes. Pure.
 * Numbers lie in typed arrays, because a window may hold a quarter of a million blobs.
 */
import type { BlobId, PackId } from '../ids.ts';
import type { BlobLocation } from '../index/indexed-repository.ts';
import { mergeRanges } from './ranges.ts';

/** A hole of this size in a range costs less than a second request. */
const gapBytesMax = 1024 * 1024;
/** About a pack: several of these are under way within the memory we allow ourselves. */
export const partBytesMax = 16 * 1024 * 1024;

const sealOverheadBytes = 32;

export type WantedFile = {
  readonly content: readonly BlobId[];
  /** 1 where the file on disk holds the blob already. */
  readonly present?: Uint8Array;
};

export type PlannedBlob = BlobLocation & { readonly id: BlobId; readonly number: number };

/** One read of the storage. */
export type PackPart = {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly PlannedBlob[];
};

export type RestorePlan = {
  readonly parts: readonly PackPart[];
  readonly writes: WriteList;
  /** By file: how many parts bring something for it. */
  readonly partsOfFile: Uint32Array;
  /** By file: bytes of its content. */
  readonly sizes: Float64Array;
  /** Files that need a blob which the index does not know; nothing is planned for them. */
  readonly missing: ReadonlyMap<number, BlobId>;
};

export function plainLength(place: BlobLocation): number {
  return place.uncompressedLength ?? place.length - sealOverheadBytes;
}

/** For each blob the places it is written to: number of the file, byte position in it. */
export class WriteList {
  #files = new Uint32Array(1024);
  #positions = new Float64Array(1024);
  /** The next write of the same blob, +1; 0 ends the chain. */
  #next = new Uint32Array(1024);
  #first: number[] = [];
  #last: number[] = [];
  #count = 0;

  add(blob: number, file: number, position: number): void {
    if (this.#count === this.#files.length) this.#grow();
    const write = this.#count++;
    this.#files[write] = file;
    this.#positions[write] = position;
    const last = this.#last[blob];
    if (last === undefined) this.#first[blob] = write;
    else this.#next[last] = write + 1;
    this.#last[blob] = write;
  }

  #grow(): void {
    const size = this.#files.length * 2;
    const grown = <T extends Uint32Array | Float64Array>(fresh: T, old: T): T => {
      fresh.set(old);
      return fresh;
    };
    this.#files = grown(new Uint32Array(size), this.#files);
    this.#positions = grown(new Float64Array(size), this.#positions);
    this.#next = grown(new Uint32Array(size), this.#next);
  }

  has(blob: number): boolean {
    return this.#first[blob] !== undefined;
  }

  /** In the order in which they were added. */
  each(blob: number, take: (file: number, position: number) => void): void {
    for (let write = (this.#first[blob] ?? -1) + 1; write > 0; write = this.#next[write - 1] as number) {
      take(this.#files[write - 1] as number, this.#positions[write - 1] as number);
    }
  }
}

/** Packs come in the order in which the files first need them: files then fill from front to back, nearly. */
export function planRestore(
  files: readonly WantedFile[],
  locate: (id: BlobId) => BlobLocation | undefined,
): RestorePlan {
  const sizes = new Float64Array(files.length);
  const missing = new Map<number, BlobId>();
  const blobs = new Map<BlobId, PlannedBlob>();
  const packs = new Map<PackId, PlannedBlob[]>();
  const writes = new WriteList();
  for (const [number, file] of files.entries()) {
    const found = locateAll(file.content, blobs, locate);
    if ('missing' in found) {
      missing.set(number, found.missing);
      continue;
    }
    let position = 0;
    for (const [i, blob] of found.entries()) {
      if (file.present?.[i] !== 1) {
        addToPack(packs, blob, writes);
        writes.add(blob.number, number, position);
      }
      position += plainLength(blob);
    }
    sizes[number] = position;
  }
  return { ...cutParts(packs, writes, files.length), writes, sizes, missing };
}

function addToPack(packs: Map<PackId, PlannedBlob[]>, blob: PlannedBlob, writes: WriteList): void {
  if (writes.has(blob.number)) return;
  const pack = packs.get(blob.packId);
  if (pack === undefined) packs.set(blob.packId, [blob]);
  else pack.push(blob);
}

function locateAll(
  content: readonly BlobId[],
  known: Map<BlobId, PlannedBlob>,
  locate: (id: BlobId) => BlobLocation | undefined,
): PlannedBlob[] | { missing: BlobId } {
  const found: PlannedBlob[] = [];
  for (const id of content) {
    let blob = known.get(id);
    if (blob === undefined) {
      const place = locate(id);
      if (place === undefined) return { missing: id };
      const { packId, offset, length, uncompressedLength } = place;
      const plain = uncompressedLength === undefined ? {} : { uncompressedLength };
      blob = { id, number: known.size, packId, offset, length, ...plain };
      known.set(id, blob);
    }
    found.push(blob);
  }
  return found;
}

function cutParts(
  packs: ReadonlyMap<PackId, PlannedBlob[]>,
  writes: WriteList,
  fileCount: number,
): Pick<RestorePlan, 'parts' | 'partsOfFile'> {
  const parts: PackPart[] = [];
  const partsOfFile = new Uint32Array(fileCount);
  const lastPart = new Int32Array(fileCount).fill(-1);
  for (const [packId, blobs] of packs) {
    blobs.sort((a, b) => a.offset - b.offset);
    for (const range of mergeRanges(blobs, { gapBytesMax, rangeBytesMax: partBytesMax })) {
      const part = parts.push({ packId, offset: range.offset, length: range.length, blobs: range.parts }) - 1;
      for (const { number } of range.parts) {
        writes.each(number, (file) => {
          if (lastPart[file] === part) return;
          lastPart[file] = part;
          partsOfFile[file] = (partsOfFile[file] as number) + 1;
        });
      }
    }
  }
  return { parts, partsOfFile };
}
