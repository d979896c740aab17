import { asError, CoffreError, isCoffreError } from '../errors.ts';
import { headerEntryBytes, packSizeOf } from '../format/pack-header.ts';
import { parseTree, type TreeNode } from '../format/tree.ts';
import { idToBytes, shortId, type BlobId, type PackId } from '../ids.ts';
import { openBlob } from '../pack/pack-read.ts';
import type { Repository } from '../repository.ts';
import { BlobWriter, type WriterOptions } from './blob-writer.ts';
import { BlobTable, entryWords, type BlobPlace, type BlobType } from './blob-table.ts';

/** Where one copy of a blob lies. */
export type BlobLocation = {
  readonly packId: PackId;
  readonly offset: number;
  /** Sealed bytes. */
  readonly length: number;
  /** Absent when stored raw. */
  readonly uncompressedLength?: number;
};

export type IndexedPackBlob = BlobLocation & { readonly id: BlobId; readonly type: BlobType };

const sealOverheadBytes = 32;

/** A repository whose index is in memory. */
export class IndexedRepository {
  readonly repository: Repository;
  readonly table: BlobTable;

  constructor(repository: Repository, table: BlobTable) {
    this.repository = repository;
    this.table = table;
  }

  /**
   * For whoever read the index before the lock was held: a prune may have ended in between, and what it removed must not
   * count as stored. @throws {CoffreError} REPO_CHANGED
   */
  async requireCurrent(): Promise<void> {
    const listed = new Set((await this.repository.listIds('index')).map(({ id }) => id));
    if (this.table.loadedFrom.every((id) => listed.has(id))) return;
    throw new CoffreError('REPO_CHANGED', 'another program rewrote the index after it was read', {
      hint: 'Nothing was saved. Run the same command again.',
    });
  }

  has(type: BlobType, id: BlobId): boolean {
    return this.table.has(type, idToBytes(id));
  }

  places(type: BlobType, id: BlobId): BlobLocation[] {
    return this.table.places(type, idToBytes(id)).map((place) => this.#locationOf(place));
  }

  /** The first of the places, for whoever asks about every blob of a snapshot. */
  place(type: BlobType, id: BlobId): BlobLocation | undefined {
    const found = this.table.firstPlace(type, idToBytes(id));
    return found === undefined ? undefined : this.#locationOf(found);
  }

  #locationOf({ packNumber, offset, length, uncompressedLength }: BlobPlace): BlobLocation {
    const packId = this.table.packIds[packNumber] as PackId;
    return uncompressedLength === 0 ? { packId, offset, length } : { packId, offset, length, uncompressedLength };
  }

  /** Plaintext bytes, from the index alone. */
  blobSize(type: BlobType, id: BlobId): number | undefined {
    const place = this.table.firstPlace(type, idToBytes(id));
    if (place === undefined) return undefined;
    return place.uncompressedLength === 0 ? place.length - sealOverheadBytes : place.uncompressedLength;
  }

  /** Verified against its id. When one copy is damaged or gone, the others are tried. */
  async loadBlob(type: BlobType, id: BlobId): Promise<Buffer> {
    const places = this.places(type, id);
    let last: Error | undefined;
    for (const place of places) {
      try {
        const sealed = await this.repository.backend.load(
          { kind: 'data', name: place.packId, holdsTrees: type === 'tree' },
          { offset: place.offset, length: place.length },
        );
        return openBlob(this.repository.sealer, { id, ...place }, sealed);
      } catch (error) {
        last = asError(error);
        if (places.length > 1) {
          this.repository.host.warn({ about: `a copy of blob ${shortId(id)} is unreadable, trying another`, error });
        }
      }
    }
    if (last === undefined) {
      throw new CoffreError('REPO_BLOB_MISSING', `${type} blob ${shortId(id)} is not in the index`, {
        hint: 'Run `coffre check`; a copy of the repository may still hold it.',
      });
    }
    if (isCoffreError(last, 'BACKEND_NOT_FOUND')) {
      throw new CoffreError('REPO_BLOB_MISSING', `the pack that holds ${type} blob ${shortId(id)} is gone`, {
        hint: 'Run `coffre check`; a copy of the repository may still hold it.',
        cause: last,
      });
    }
    throw last;
  }

  async loadTreeBytes(id: BlobId): Promise<Buffer> {
    return await this.loadBlob('tree', id);
  }

  /** @throws {CoffreError} REPO_TREE_DAMAGED, REPO_BLOB_MISSING, REPO_BLOB_DAMAGED */
  async loadTree(id: BlobId): Promise<TreeNode[]> {
    return parseTree(await this.loadTreeBytes(id));
  }

  get packCount(): number {
    return this.table.packIds.length;
  }

  /** How long every indexed pack is when it holds exactly what the index says. */
  packSizes(): Map<PackId, number> {
    const sizes = new Float64Array(this.packCount).fill(packSizeOf([]));
    this.table.eachPlace((packNumber, length, uncompressedLength) => {
      sizes[packNumber] = (sizes[packNumber] as number) + length + headerEntryBytes(uncompressedLength !== 0);
    });
    return new Map(this.table.packIds.map((id, number) => [id, sizes[number] as number]));
  }

  /** Every indexed pack with its blobs in order of offset. */
  *packs(): Generator<{ readonly id: PackId; readonly blobs: IndexedPackBlob[] }> {
    const groups = this.table.entriesByPack();
    for (const [number, packId] of this.table.packIds.entries()) {
      const blobs: IndexedPackBlob[] = [];
      for (const { segment, entries, starts } of groups) {
        for (let i = starts[number] as number; i < (starts[number + 1] as number); i++) {
          const entry = entries[i] as number;
          const at = entry * entryWords;
          const plain = segment.words[at + 11] as number;
          blobs.push({
            packId,
            id: segment.idOf(entry),
            type: segment.typeOf(entry),
            offset: segment.words[at + 9] as number,
            length: segment.words[at + 10] as number,
            ...(plain === 0 ? {} : { uncompressedLength: plain }),
          });
        }
      }
      if (groups.length > 1) blobs.sort((a, b) => a.offset - b.offset);
      yield { id: packId, blobs };
    }
  }

  /** Every blob once per place, in no order. */
  *blobs(): Generator<{ readonly type: BlobType; readonly id: BlobId; readonly location: BlobLocation }> {
    for (const segment of this.table.segments) {
      for (let entry = 0; entry < segment.count; entry++) {
        const place = segment.placeOf(entry);
        if (place === undefined) continue;
        const location: BlobLocation = {
          packId: this.table.packIds[place.packNumber] as PackId,
          offset: place.offset,
          length: place.length,
          ...(place.uncompressedLength === 0 ? {} : { uncompressedLength: place.uncompressedLength }),
        };
        yield { type: segment.typeOf(entry), id: segment.idOf(entry), location };
      }
    }
  }

  openWriter(options: WriterOptions = {}): BlobWriter {
    return new BlobWriter(this.repository, this.table, options);
  }
}
