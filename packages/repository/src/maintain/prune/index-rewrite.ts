/** Which index files must be written anew so that no index names packs that go, and what the new ones say. */
import { encodeIndexFile, type IndexedPack } from '../../format/index-file.ts';
import type { IndexId, PackId } from '../../ids.ts';
import { entryWords, type BlobSegment, type BlobTable } from '../../index/blob-table.ts';
import type { PruneIndexFile } from './prune-index.ts';

/** An index file is full at so many blobs. */
const indexBlobsMax = 50_000;
/** Smaller files are put together when there is something to write anyway. */
const smallIndexBlobs = 40_000;

export type IndexRewrite = {
  readonly superseded: readonly IndexId[];
  /** In use, named by the superseded files. */
  readonly packs: readonly number[];
};

/**
 * Superseded are files that name a pack that goes, or a mark that changes; with them all that name the same packs, since
 * one pack may be split over several files and another repeated in them, and those that are small.
 */
export function planRewrite(
  files: ReadonlyMap<IndexId, PruneIndexFile>,
  leaving: ReadonlySet<number>,
  hasMarkChanges: (file: PruneIndexFile) => boolean,
): IndexRewrite {
  const superseded = new Set<IndexId>();
  const touched = new Set<number>();
  const take = (id: IndexId, file: PruneIndexFile): void => {
    superseded.add(id);
    for (const packNumber of file.packs) touched.add(packNumber);
  };
  for (const [id, file] of files) {
    if (!file.packs.isDisjointFrom(leaving) || hasMarkChanges(file)) take(id, file);
  }
  if (superseded.size === 0) return { superseded: [], packs: [] };
  for (const [id, file] of files) {
    if (!superseded.has(id) && file.marks.length === 0 && file.blobCount < smallIndexBlobs) take(id, file);
  }
  for (let before = -1; before !== superseded.size;) {
    before = superseded.size;
    for (const [id, file] of files) if (!superseded.has(id) && !file.packs.isDisjointFrom(touched)) take(id, file);
  }
  return { superseded: [...superseded], packs: [...touched].filter((packNumber) => !leaving.has(packNumber)) };
}

/** Blobs of packs, in order of their offset. */
export type PackContents = (packNumber: number) => IndexedPack;

export function packContents(table: BlobTable): PackContents {
  const [group] = table.entriesByPack() as [ReturnType<BlobTable['entriesByPack']>[number]];
  const { segment, entries, starts } = group;
  return (packNumber) => {
    const id = table.packIds[packNumber] as PackId;
    const own = entries.subarray(starts[packNumber], starts[packNumber + 1]);
    return { id, blobs: Array.from(own, (entry) => blobOf(segment, entry)) };
  };
}

function blobOf(segment: BlobSegment, entry: number): IndexedPack['blobs'][number] {
  const at = entry * entryWords;
  const uncompressedLength = segment.words[at + 11] as number;
  return {
    id: segment.idOf(entry),
    type: segment.typeOf(entry),
    offset: segment.words[at + 9] as number,
    length: segment.words[at + 10] as number,
    ...(uncompressedLength === 0 ? {} : { uncompressedLength }),
  };
}

/** Index files of these packs, each full before the next begins. */
export function* indexFilesOf(packs: Iterable<IndexedPack>, as: 'packs' | 'marks'): Generator<Buffer> {
  const encode = (some: IndexedPack[]): Buffer =>
    encodeIndexFile(as === 'packs' ? { packs: some } : { packs: [], packsToDelete: some });
  let some: IndexedPack[] = [];
  let blobs = 0;
  for (const pack of packs) {
    some.push(pack);
    blobs += pack.blobs.length;
    if (blobs < indexBlobsMax && some.length < indexBlobsMax) continue;
    yield encode(some);
    some = [];
    blobs = 0;
  }
  if (some.length > 0) yield encode(some);
}
