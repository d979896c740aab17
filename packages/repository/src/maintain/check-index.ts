/** Reading all index files the way a check does: into the common table, but remembering what each of them says. */
import { isCoffreError, isDamage } from '../errors.ts';
import { decodeHexId } from '../format/hex.ts';
import { parseIndexFile, type IndexedPack } from '../format/index-file.ts';
import { scanIndexFile, type IndexVisitor } from '../format/index-scan.ts';
import { idFromBytes, type IndexId, type PackId } from '../ids.ts';
import { BlobTable } from '../index/blob-table.ts';
import { IndexedRepository } from '../index/indexed-repository.ts';
import { inParallel } from '../parallel.ts';
import type { Repository } from '../repository.ts';

export type PackEntries = {
  /** Index files that name the pack. */
  readonly indexes: IndexId[];
  /** They do not agree on what is in it. */
  differs: boolean;
  /** Holds trees, data or both. */
  hasTree: boolean;
  hasData: boolean;
};

export type CheckedIndex = {
  readonly indexed: IndexedRepository;
  readonly packs: ReadonlyMap<PackId, PackEntries>;
  readonly unreadable: readonly { readonly id: IndexId; readonly error: unknown }[];
  /** Stored, and marked to be deleted later: what index files say beside their packs. */
  readonly marked: ReadonlyMap<IndexId, readonly IndexedPack[]>;
};

type Known = PackEntries & { readonly mark: Mark };

export async function readIndexes(repository: Repository): Promise<CheckedIndex> {
  const table = new BlobTable();
  const packs = new Map<PackId, Known>();
  const unreadable: { id: IndexId; error: unknown }[] = [];
  const marked = new Map<IndexId, readonly IndexedPack[]>();
  await inParallel(await repository.listIds('index'), repository.backend.connectionsMax, async ({ id }) => {
    try {
      const bytes = await repository.loadUnpacked('index', id);
      const marks = createMarks(table);
      scanIndexFile(bytes, marks.visitor);
      if (bytes.includes('"packs_to_delete"')) marked.set(id, parseIndexFile(bytes).packsToDelete ?? []);
      for (const [packId, mark] of marks.finish()) addMark(packs, id, packId, mark);
    } catch (error) {
      if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return;
      if (!isDamage(error)) throw error;
      unreadable.push({ id, error });
    }
  });
  return { indexed: new IndexedRepository(repository, table), packs, unreadable, marked };
}

/** Beside the wait for the lock, and once more when the index files are others by then. */
export async function readIndexesBeside(repository: Repository, locked: Promise<void>): Promise<CheckedIndex> {
  const names = async (): Promise<string> =>
    (await repository.listIds('index'))
      .map(({ id }) => id)
      .sort()
      .join();
  const early = (async () => ({ before: await names(), index: await readIndexes(repository) }))();
  // What fails without the lock is tried again with it.
  early.catch(() => undefined);
  await locked;
  const read = await early.catch(() => undefined);
  return read !== undefined && read.before === (await names()) ? read.index : await readIndexes(repository);
}

/** What one file says of one pack: sums over its blobs that do not depend on their order. */
type Mark = { count: number; first: number; second: number; hasTree: boolean; hasData: boolean };

function addMark(packs: Map<PackId, Known>, indexId: IndexId, packId: PackId, mark: Mark): void {
  const { hasTree, hasData } = mark;
  const known = packs.get(packId);
  if (known === undefined) {
    packs.set(packId, { indexes: [indexId], differs: false, hasTree, hasData, mark });
    return;
  }
  const { count, first, second } = known.mark;
  known.indexes.push(indexId);
  known.differs ||= count !== mark.count || first !== mark.first || second !== mark.second;
  known.hasTree ||= hasTree;
  known.hasData ||= hasData;
}

function emptyMark(): Mark {
  return { count: 0, first: 0, second: 0, hasTree: false, hasData: false };
}

function createMarks(table: BlobTable): { visitor: IndexVisitor; finish: () => Map<PackId, Mark> } {
  const marks = new Map<PackId, Mark>();
  const id = Buffer.alloc(32);
  let packNumber = 0;
  let mark = emptyMark();
  const visitor: IndexVisitor = {
    pack(source, idAt) {
      decodeHexId(source, idAt, id, 0);
      const packId = idFromBytes<PackId>(id);
      packNumber = table.packNumber(packId);
      mark = marks.get(packId) ?? emptyMark();
      marks.set(packId, mark);
    },
    blob(source, idAt, type, offset, length, uncompressedLength) {
      decodeHexId(source, idAt, id, 0);
      table.addLoaded(type, id, packNumber, offset, length, uncompressedLength);
      // Ids are hashes: part of one and the numbers, mixed, tell entries apart well enough.
      const place =
        Math.imul(offset + 1, 0x9e3779b1) ^ Math.imul(length, 0x85ebca6b) ^ Math.imul(uncompressedLength, 0xc2b2ae35);
      mark.count += 1;
      mark.first = (mark.first + (id.readInt32LE(0) ^ place)) | 0;
      mark.second = (mark.second + Math.imul(id.readInt32LE(4) ^ place, 0x27d4eb2f)) | 0;
      if (type === 'tree') mark.hasTree = true;
      else mark.hasData = true;
    },
  };
  return { visitor, finish: () => marks };
}
