/** All index files for a prune: one table of every place of every blob, and which file says what of which pack. */
import { decodeHexId } from '../../format/hex.ts';
import { parseIndexFile, type IndexedPack } from '../../format/index-file.ts';
import { scanIndexFile, type IndexVisitor } from '../../format/index-scan.ts';
import { readTimestamp, timestampNs } from '../../format/time.ts';
import { idToBytes, type IndexId, type PackId } from '../../ids.ts';
import { BlobTable } from '../../index/blob-table.ts';
import { IndexedRepository } from '../../index/indexed-repository.ts';
import { inParallel } from '../../parallel.ts';
import type { Repository } from '../../repository.ts';

/** A pack that an index file names as to be deleted. */
export type Mark = {
  readonly packNumber: number;
  /** When it was marked; undefined when the file does not tell. */
  readonly markedMs: number | undefined;
  /** Of the file, where the mark says so: its blobs may be unknown. */
  readonly sizeBytes: number | undefined;
  /** Left by another program: our own marks always have both. */
  readonly isForeign: boolean;
};

export type PruneIndexFile = {
  /** Packs in use, each once. */
  readonly packs: ReadonlySet<number>;
  readonly blobCount: number;
  readonly marks: readonly Mark[];
};

export type IndexReadProgress = (done: { files: number; filesTotal: number }) => void;

const marksMember = Buffer.from('"packs_to_delete"');

/** Marked packs are in the table too, so that what was used again meanwhile can be read. */
export class PruneIndex {
  readonly indexed: IndexedRepository;
  readonly files = new Map<IndexId, PruneIndexFile>();
  readonly #repository: Repository;

  constructor(repository: Repository, storedBytes: number) {
    this.#repository = repository;
    this.indexed = new IndexedRepository(repository, new BlobTable(Math.ceil(storedBytes / 90)));
  }

  get table(): BlobTable {
    return this.indexed.table;
  }

  /** One file that cannot be read ends a prune: what it names would look unused. */
  async read(ids: readonly IndexId[], progress?: IndexReadProgress): Promise<void> {
    let done = 0;
    const marked = new Map<IndexId, readonly IndexedPack[]>();
    await inParallel(ids, this.#repository.backend.connectionsMax, async (id) => {
      const bytes = await this.#repository.loadUnpacked('index', id);
      const { visitor, packs, counts } = this.#visitor();
      scanIndexFile(bytes, visitor);
      this.files.set(id, { packs, blobCount: counts.blobs, marks: [] });
      if (bytes.includes(marksMember)) marked.set(id, parseIndexFile(bytes).packsToDelete ?? []);
      done += 1;
      progress?.({ files: done, filesTotal: ids.length });
    });
    // After all packs in use: of several copies the first in the table is read first.
    for (const [id, packs] of marked) {
      const marks = packs.map((pack) => this.#addMark(pack));
      this.files.set(id, { ...(this.files.get(id) as PruneIndexFile), marks });
    }
  }

  #visitor(): { visitor: IndexVisitor; packs: Set<number>; counts: { blobs: number } } {
    const { table } = this;
    const packs = new Set<number>();
    const counts = { blobs: 0 };
    const id = Buffer.alloc(32);
    let packNumber = 0;
    const visitor: IndexVisitor = {
      pack(source, idAt) {
        decodeHexId(source, idAt, id, 0);
        packNumber = table.packNumber(id.toString('hex') as PackId);
        packs.add(packNumber);
      },
      blob(source, idAt, type, offset, length, uncompressedLength) {
        decodeHexId(source, idAt, id, 0);
        table.addLoaded(type, id, packNumber, offset, length, uncompressedLength);
        counts.blobs += 1;
      },
    };
    return { visitor, packs, counts };
  }

  #addMark({ id, blobs, time, size }: IndexedPack): Mark {
    const packNumber = this.table.packNumber(id);
    for (const { id: blobId, type, offset, length, uncompressedLength = 0 } of blobs) {
      this.table.addLoaded(type, idToBytes(blobId), packNumber, offset, length, uncompressedLength);
    }
    const timestamp = time === undefined ? undefined : readTimestamp(time);
    const markedMs = timestamp === undefined ? undefined : Number(timestampNs(timestamp) / 1_000_000n);
    return { packNumber, markedMs, sizeBytes: size, isForeign: size === undefined || markedMs === undefined };
  }

  /** Packs that some file names as in use. */
  livePacks(): Set<number> {
    const live = new Set<number>();
    for (const { packs } of this.files.values()) for (const packNumber of packs) live.add(packNumber);
    return live;
  }
}
