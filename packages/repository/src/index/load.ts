import { CoffreError } from '../errors.ts';
import { parseIndexFile } from '../format/index-file.ts';
import { idToBytes, shortId } from '../ids.ts';
import { inParallel, isSkippable, type Repository } from '../repository.ts';
import { BlobTable } from './blob-table.ts';

export type IndexLoadProgress = (done: { files: number; filesTotal: number }) => void;

/** All index files merged into one table. Unreadable ones are reported and skipped; `check` makes them errors. */
export async function loadBlobTable(repository: Repository, progress?: IndexLoadProgress): Promise<BlobTable> {
  const files = await repository.listIds('index');
  const table = new BlobTable();
  let done = 0;
  await inParallel(files, repository.backend.connectionsMax, async ({ id }) => {
    try {
      const bytes = await repository.loadUnpacked('index', id);
      for (const pack of parseIndexFile(bytes).packs) {
        const number = table.packNumber(pack.id);
        for (const blob of pack.blobs) {
          table.addLoaded(
            blob.type,
            idToBytes(blob.id),
            number,
            blob.offset,
            blob.length,
            blob.uncompressedLength ?? 0,
          );
        }
      }
    } catch (error) {
      if (!isSkippable(error) && !(error instanceof CoffreError && error.code === 'REPO_FILE_DAMAGED')) throw error;
      repository.host.warn({ about: `index ${shortId(id)} is unreadable and left out`, error });
    }
    done += 1;
    progress?.({ files: done, filesTotal: files.length });
  });
  return table;
}
