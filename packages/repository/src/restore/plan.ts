/** From files to pack ranges: which bytes to fetch in which order, and where each blob of them goes. Pure. */
import type { BlobId, PackId } from '../ids.ts';
import type { BlobLocation } from '../index/indexed-repository.ts';
import { mergeRanges } from './ranges.ts';

/** A hole of this size in a range costs less than a second request. */
const gapBytesMax = 1024 * 1024;
/** Small enough that several are under way within the memory we allow ourselves. */
export const partBytesMax = 16 * 1024 * 1024;

const sealOverheadBytes = 32;

export type WantedFile = {
  readonly content: readonly BlobId[];
  /** 1 where the file on disk holds the blob already. */
  readonly present?: Uint8Array;
};

export type PlannedBlob = BlobLocation & {
  readonly id: BlobId;
  /** Pairs: number of the file, byte position in it. */
  readonly writes: number[];
};

/** One read of the storage. */
export type PackPart = {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly PlannedBlob[];
};

export type RestorePlan = {
  readonly parts: readonly PackPart[];
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

/** Packs come in the order in which the files first need them: files then fill from front to back, nearly. */
export function planRestore(
  files: readonly WantedFile[],
  locate: (id: BlobId) => BlobLocation | undefined,
): RestorePlan {
  const sizes = new Float64Array(files.length);
  const missing = new Map<number, BlobId>();
  const blobs = new Map<BlobId, PlannedBlob>();
  const packs = new Map<PackId, PlannedBlob[]>();
  for (const [number, file] of files.entries()) {
    const places = locateAll(file.content, blobs, locate);
    if (!Array.isArray(places)) {
      missing.set(number, places.missing);
      continue;
    }
    let position = 0;
    for (const [i, place] of places.entries()) {
      const at = position;
      position += plainLength(place);
      if (file.present?.[i] === 1) continue;
      addWrite(file.content[i] as BlobId, place, number, at);
    }
    sizes[number] = position;
  }
  return { ...cutParts(packs, files.length), sizes, missing };

  function addWrite(id: BlobId, place: BlobLocation, file: number, position: number): void {
    const known = blobs.get(id);
    if (known !== undefined) {
      known.writes.push(file, position);
      return;
    }
    const blob: PlannedBlob = { ...place, id, writes: [file, position] };
    blobs.set(id, blob);
    const pack = packs.get(place.packId);
    if (pack === undefined) packs.set(place.packId, [blob]);
    else pack.push(blob);
  }
}

function locateAll(
  content: readonly BlobId[],
  known: ReadonlyMap<BlobId, BlobLocation>,
  locate: (id: BlobId) => BlobLocation | undefined,
): BlobLocation[] | { missing: BlobId } {
  const places: BlobLocation[] = [];
  for (const id of content) {
    const place = known.get(id) ?? locate(id);
    if (place === undefined) return { missing: id };
    places.push(place);
  }
  return places;
}

function cutParts(
  packs: ReadonlyMap<PackId, PlannedBlob[]>,
  fileCount: number,
): Pick<RestorePlan, 'parts' | 'partsOfFile'> {
  const parts: PackPart[] = [];
  const partsOfFile = new Uint32Array(fileCount);
  const lastPart = new Int32Array(fileCount).fill(-1);
  for (const [packId, blobs] of packs) {
    blobs.sort((a, b) => a.offset - b.offset);
    for (const range of mergeRanges(blobs, { gapBytesMax, rangeBytesMax: partBytesMax })) {
      const number = parts.push({ packId, offset: range.offset, length: range.length, blobs: range.parts }) - 1;
      for (const { writes } of range.parts) {
        for (let i = 0; i < writes.length; i += 2) {
          const file = writes[i] as number;
          if (lastPart[file] === number) continue;
          lastPart[file] = number;
          partsOfFile[file] = (partsOfFile[file] as number) + 1;
        }
      }
    }
  }
  return { parts, partsOfFile };
}
