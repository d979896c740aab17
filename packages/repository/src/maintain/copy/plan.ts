/** From blobs that are wanted to ranges of packs that are read. Pure. */
import type { BlobId, PackId } from '../../ids.ts';
import type { BlobType } from '../../index/blob-table.ts';
import { mergeRanges } from '../../restore/ranges.ts';
import type { SourceBlobs } from './source-blobs.ts';

/** A hole of this size in a range costs less than a second request. */
const gapBytesMax = 1024 * 1024;
/** A quarter of a pack: some of these are under way at once within the memory we allow ourselves. */
const partBytesMax = 4 * 1024 * 1024;

export type WantedBlob = {
  readonly type: BlobType;
  readonly id: BlobId;
  readonly offset: number;
  /** Sealed bytes. */
  readonly length: number;
  readonly uncompressedLength?: number;
};

/** One read of the source. */
export type CopyPart = {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly WantedBlob[];
  /** The pack has no later part. */
  readonly isLast: boolean;
};

export type CopyPlan = {
  readonly parts: readonly CopyPart[];
  readonly packs: number;
  readonly blobs: number;
  /** Sealed, as the source holds them. */
  readonly sizeBytes: number;
};

/** Packs in the order of their first wanted blob, blobs in the order of the pack: what belongs together stays together. */
export function planParts(wanted: readonly number[], source: SourceBlobs): CopyPlan {
  const packs = new Map<number, WantedBlob[]>();
  let sizeBytes = 0;
  for (const number of wanted) {
    const { packNumber, uncompressedLength, ...place } = source.at(number);
    const blob: WantedBlob = { ...place, ...(uncompressedLength > 0 && { uncompressedLength }) };
    sizeBytes += blob.length;
    const pack = packs.get(packNumber);
    if (pack === undefined) packs.set(packNumber, [blob]);
    else pack.push(blob);
  }
  const parts: CopyPart[] = [];
  for (const [packNumber, blobs] of packs) {
    blobs.sort((a, b) => a.offset - b.offset);
    const packId = source.packId(packNumber);
    const ranges = mergeRanges(blobs, { gapBytesMax, rangeBytesMax: partBytesMax });
    for (const [i, { offset, length, parts: members }] of ranges.entries()) {
      parts.push({ packId, offset, length, blobs: members, isLast: i === ranges.length - 1 });
    }
  }
  return { parts, packs: packs.size, blobs: wanted.length, sizeBytes };
}
