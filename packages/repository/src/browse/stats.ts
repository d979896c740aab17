/** Sizes of snapshots, counted in the four ways of `restic stats`. */
import { sealOverheadBytes } from '../crypto/seal.ts';
import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { TreeNode } from '../format/tree.ts';
import { shortId, type BlobId } from '../ids.ts';
import type { BlobType } from '../index/blob-table.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { StoredSnapshot } from '../repository.ts';
import { childPath, rootPath, subtreeOf, walkTree } from './walk.ts';

/** What is counted: files as restored, files of different contents, their blobs, or the stored bytes. */
export const statsModes = ['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data'] as const;
export type StatsMode = (typeof statsModes)[number];

export type Statistics = {
  snapshotsCount: number;
  totalBytes: number;
  /** Entries of any kind in `restore-size`; otherwise files. 0 where the mode does not count them. */
  totalFileCount: number;
  totalBlobCount: number;
  /** `raw-data` of version 2 only, with the encryption's overhead as `totalBytes`. */
  uncompressedBytes: number;
  /** Of blobs that are compressed: as they are, and as they were. */
  compressedBlobsBytes: number;
  compressedBlobsUncompressedBytes: number;
};

export type StatsProgress = (done: { snapshots: number; snapshotsTotal: number }) => void;

/** All snapshots given together, counted in one of the `statsModes`.
 *  @throws {CoffreError} REPO_TREE_DAMAGED, REPO_BLOB_MISSING, REPO_BLOB_DAMAGED */
export async function measure(
  indexed: IndexedRepository,
  snapshots: readonly StoredSnapshot[],
  options: { readonly mode: StatsMode; readonly progress?: StatsProgress },
): Promise<Statistics> {
  const total: Statistics = {
    snapshotsCount: 0,
    totalBytes: 0,
    totalFileCount: 0,
    totalBlobCount: 0,
    uncompressedBytes: 0,
    compressedBlobsBytes: 0,
    compressedBlobsUncompressedBytes: 0,
  };
  const add = counters[options.mode](indexed, total);
  for (const { snapshot } of snapshots) {
    await add(snapshot.tree);
    total.snapshotsCount += 1;
    options.progress?.({ snapshots: total.snapshotsCount, snapshotsTotal: snapshots.length });
  }
  return total;
}

/** Counts one snapshot more. */
type Counter = (root: BlobId) => Promise<void>;

const counters: { readonly [Mode in StatsMode]: (indexed: IndexedRepository, total: Statistics) => Counter } = {
  'restore-size': restoreSize,
  'files-by-contents': filesByContents,
  'blobs-per-file': blobsPerFile,
  'raw-data': rawData,
};

/** What a restore of each snapshot would write; a hard-linked file counts once in each. */
function restoreSize(indexed: IndexedRepository, total: Statistics): Counter {
  // A tree without hard links always counts the same, and most snapshots share most trees.
  const known = new Map<BlobId, TreeSum>();

  async function sumOf(treeId: BlobId, path: ByteString, linked: Set<string>): Promise<TreeSum> {
    const before = known.get(treeId);
    if (before !== undefined) return before;
    const sum = { entries: 0, bytes: 0, hasLinks: false };
    for (const node of await indexed.loadTree(treeId)) {
      sum.entries += 1;
      sum.bytes += ownBytes(node, linked);
      sum.hasLinks ||= isLinked(node);
      if (node.type !== 'dir') continue;
      const at = childPath(path, node.name);
      const below = await sumOf(subtreeOf(node, at), at, linked);
      sum.entries += below.entries;
      sum.bytes += below.bytes;
      sum.hasLinks ||= below.hasLinks;
    }
    if (!sum.hasLinks) known.set(treeId, sum);
    return sum;
  }

  return async (root) => {
    const { entries, bytes } = await sumOf(root, rootPath, new Set());
    total.totalFileCount += entries;
    total.totalBytes += bytes;
  };
}

type TreeSum = { readonly entries: number; readonly bytes: number; readonly hasLinks: boolean };

function isLinked(node: TreeNode): boolean {
  return node.type !== 'dir' && node.links !== 1 && (node.inode ?? 0) !== 0;
}

function ownBytes(node: TreeNode, linked: Set<string>): number {
  const size = Number(node.size ?? 0);
  if (!isLinked(node)) return size;
  const key = `${node.deviceId ?? 0}/${node.inode ?? 0}`;
  if (linked.has(key)) return 0;
  linked.add(key);
  return size;
}

/** Files with the same blobs in the same order are one file; so are all entries without any. */
function filesByContents(indexed: IndexedRepository, total: Statistics): Counter {
  return eachNewContent(indexed, (_, node) => {
    total.totalFileCount += 1;
    total.totalBytes += Number(node.size ?? 0);
  });
}

function blobsPerFile(indexed: IndexedRepository, total: Statistics): Counter {
  const blobsAt = new Map<ByteString, Set<BlobId>>();
  return eachNewContent(indexed, (path, node) => {
    for (const id of node.content ?? []) {
      let blobs = blobsAt.get(path);
      if (blobs === undefined) {
        blobs = new Set();
        blobsAt.set(path, blobs);
        total.totalFileCount += 1;
      }
      if (blobs.has(id)) continue;
      blobs.add(id);
      total.totalBlobCount += 1;
      total.totalBytes += indexed.blobSize('data', id) ?? missing('data', id);
    }
  });
}

/** Entries whose list of blobs was not met before. A tree met before holds none. */
function eachNewContent(indexed: IndexedRepository, visit: (path: ByteString, node: TreeNode) => void): Counter {
  const contents = new Set<string>();
  const trees = new Set<BlobId>();
  return async (root) => {
    if (trees.has(root)) return;
    trees.add(root);
    await walkTree(indexed, root, {
      entry(path, node) {
        const content = (node.content ?? []).join('');
        if (!contents.has(content)) {
          contents.add(content);
          visit(path, node);
        }
        if (node.subtree === undefined || trees.has(node.subtree)) return false;
        trees.add(node.subtree);
        return true;
      },
      skips: (treeId) => trees.has(treeId),
    });
  };
}

/** What the blobs of the snapshots take in the repository, each once. */
function rawData(indexed: IndexedRepository, total: Statistics): Counter {
  const met = new Set<string>();
  const isVersion2 = indexed.repository.config.version >= 2;

  /** False when it was counted before. */
  const add = (type: BlobType, id: BlobId): boolean => {
    const key = type + id;
    if (met.has(key)) return false;
    met.add(key);
    const place = indexed.places(type, id)[0] ?? missing(type, id);
    total.totalBlobCount += 1;
    total.totalBytes += place.length;
    if (!isVersion2) return true;
    const { uncompressedLength } = place;
    const uncompressed = uncompressedLength === undefined ? place.length : uncompressedLength + sealOverheadBytes;
    total.uncompressedBytes += uncompressed;
    if (uncompressedLength === undefined) return true;
    total.compressedBlobsBytes += place.length;
    total.compressedBlobsUncompressedBytes += uncompressed;
    return true;
  };

  return async (root) => {
    if (!add('tree', root)) return;
    await walkTree(indexed, root, {
      entry(_, node) {
        if (node.type === 'file') for (const id of node.content ?? []) add('data', id);
        return node.subtree !== undefined && add('tree', node.subtree);
      },
      skips: (treeId) => met.has(`tree${treeId}`),
    });
  };
}

function missing(type: BlobType, id: BlobId): never {
  throw new CoffreError('REPO_BLOB_MISSING', `${type} blob ${shortId(id)} is not in the index`, {
    hint: 'Run `coffre check`; a copy of the repository may still hold it.',
  });
}
