import { isCoffreError } from '../errors.ts';
import { isId, parseId, type PackId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { readPackHeader } from '../pack/pack-read.ts';

export type StoredPack = { readonly id: PackId; readonly sizeBytes: number };

/** Packs that no index names: left by a crash, or their index file is damaged. */
export async function listUnindexedPacks({ repository, table }: IndexedRepository): Promise<StoredPack[]> {
  const found: StoredPack[] = [];
  for await (const { name, sizeBytes } of repository.backend.list('data')) {
    if (!isId(name)) continue;
    const id = parseId<PackId>(name);
    if (table.knownPackNumber(id) === undefined) found.push({ id, sizeBytes });
  }
  return found;
}

/** Writes an index of such packs, from their own headers. Resolves to how many could be read; the others are reported. */
export async function indexPacks(indexed: IndexedRepository, packs: readonly StoredPack[]): Promise<number> {
  const { backend, sealer, host } = indexed.repository;
  const writer = indexed.openWriter();
  let added = 0;
  for (const { id, sizeBytes } of packs) {
    try {
      const blobs = await readPackHeader(backend, sealer, id, sizeBytes);
      writer.addStored({ id, blobs, type: blobs[0]?.type ?? 'data' });
      added += 1;
    } catch (error) {
      if (!isCoffreError(error) || error.retryable) throw error;
      host.warn({ about: `pack ${id.slice(0, 8)} has no readable header and stays out of the index`, error });
    }
  }
  await writer.flush();
  return added;
}
