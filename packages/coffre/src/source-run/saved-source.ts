/** A source inside a snapshot, found by its manifest. */
import { CoffreError, toByteString, type BlobId, type IndexedRepository } from '@coffre/repository';
import type { ManifestSource } from '../manifest/manifest.ts';
import type { ReadSums } from '../manifest/read-sums.ts';
import { readFile } from '../manifest/saved-files.ts';
import type { SavedSource, SourceType } from '../source/source.ts';
import { isSourceKind, typeOf } from '../source/source-types.ts';

export type FoundSource = { readonly type: SourceType<unknown, unknown>; readonly saved: SavedSource<unknown> };

/**
 * @param sums take the hashes of what the source reads
 * @throws {CoffreError} MANIFEST_DAMAGED for a kind that this version does not know */
export function openSavedSource(
  indexed: IndexedRepository,
  tree: BlobId,
  entry: ManifestSource,
  signal: AbortSignal,
  sums?: ReadSums,
): FoundSource {
  if (!isSourceKind(entry.kind)) {
    throw new CoffreError('MANIFEST_DAMAGED', `${entry.name} is a ${entry.kind}, which this version does not know`, {
      hint: 'Use the version that made the snapshot, or restore its files as they are.',
    });
  }
  const type = typeOf(entry.kind);
  return {
    type,
    saved: {
      name: entry.name,
      truth: type.parseTruth(entry.truth),
      streams: entry.streams,
      read: (path) => {
        const bytes = toByteString(path);
        const content = readFile(indexed, tree, bytes, signal);
        return sums === undefined ? content : sums.watch(bytes, content);
      },
    },
  };
}
