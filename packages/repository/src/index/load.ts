import { decodeHexId } from '../format/hex.ts';
import { scanIndexFile, type IndexVisitor } from '../format/index-scan.ts';
import { shortId, type PackId } from '../ids.ts';
import { isCoffreError, isDamage } from '../errors.ts';
import { inParallel } from '../parallel.ts';
import type { Repository } from '../repository.ts';
import { BlobTable } from './blob-table.ts';

export type IndexLoadProgress = (done: { files: number; filesTotal: number }) => void;

/** An index entry takes about this many bytes of a stored, compressed index file: a first guess at the table's size. */
const storedBytesPerBlob = 90;

const listingsMax = 5;

/**
 * All index files merged into one table. Unreadable ones are reported and skipped; `check` makes them errors. When one is
 * removed between its listing and its turn, others say the same by now, and all are listed again.
 */
export async function loadBlobTable(repository: Repository, progress?: IndexLoadProgress): Promise<BlobTable> {
  for (let listing = 1; ; listing += 1) {
    try {
      return await loadListed(repository, progress);
    } catch (error) {
      if (!isCoffreError(error, 'BACKEND_NOT_FOUND') || listing === listingsMax) throw error;
    }
  }
}

async function loadListed(repository: Repository, progress: IndexLoadProgress | undefined): Promise<BlobTable> {
  const files = await repository.listIds('index');
  const storedBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const table = new BlobTable(Math.ceil(storedBytes / storedBytesPerBlob));
  const visitor = fillTable(table);
  let done = 0;
  let unreadable = 0;
  await inParallel(files, repository.backend.connectionsMax, async ({ id }) => {
    try {
      scanIndexFile(await repository.loadUnpacked('index', id), visitor);
      table.loadedFrom.push(id);
    } catch (error) {
      if (!isDamage(error)) throw error;
      unreadable += 1;
      repository.host.warn({ about: `index ${shortId(id)} is unreadable and left out`, error });
    }
    done += 1;
    progress?.({ files: done, filesTotal: files.length });
  });
  if (unreadable === 0) await repository.backend.retainPacks?.(table.packIds);
  return table;
}

/** One visitor for all files: each is scanned in one go, so they cannot mix. */
function fillTable(table: BlobTable): IndexVisitor {
  const id = Buffer.alloc(32);
  let packNumber = 0;
  return {
    pack: (source, idAt) => {
      decodeHexId(source, idAt, id, 0);
      packNumber = table.packNumber(id.toString('hex') as PackId);
    },
    blob: (source, idAt, type, offset, length, uncompressedLength) => {
      decodeHexId(source, idAt, id, 0);
      table.addLoaded(type, id, packNumber, offset, length, uncompressedLength);
    },
  };
}
