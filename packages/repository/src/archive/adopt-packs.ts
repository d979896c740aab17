import { isCoffreError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { readPackHeader } from '../pack/pack-read.ts';

/** Packs that an interrupted run stored but did not index: their own headers say what is in them. */
export async function adoptPacks(
  indexed: IndexedRepository,
  writer: BlobWriter,
  packs: readonly PackId[],
): Promise<void> {
  const { backend, sealer } = indexed.repository;
  for (const id of packs) {
    if (indexed.table.knownPackNumber(id) !== undefined) continue;
    try {
      const { sizeBytes } = await backend.stat({ kind: 'data', name: id });
      const blobs = await readPackHeader(backend, sealer, id, sizeBytes);
      const type = blobs[0]?.type;
      if (type !== undefined) writer.addStored({ id, blobs, type });
    } catch (error) {
      // Pruned or damaged since: what was in it is read again.
      if (!isCoffreError(error, 'BACKEND_NOT_FOUND') && !isCoffreError(error, 'REPO_PACK_DAMAGED')) throw error;
    }
  }
}
