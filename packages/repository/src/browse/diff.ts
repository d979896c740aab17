/** What changed between two trees, marked as restic marks it, and how many blobs and bytes came and went. */
import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { TreeNode } from '../format/tree.ts';
import type { BlobId } from '../ids.ts';
import type { BlobType } from '../index/blob-table.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { nodesEqual, sameContent } from './node-equality.ts';
import { childPath, rootPath, subtreeOf, walkTree } from './walk.ts';

export type DiffOptions = {
  /** Also report entries of which only the metadata changed (`U`). */
  readonly metadata?: boolean;
};

export type DiffEvent =
  /** Folders end in a slash. `+ - T M U`, alone or together; `M?` when content changed and no metadata: bit rot. */
  | { readonly kind: 'change'; readonly path: ByteString; readonly modifier: string }
  | { readonly kind: 'unreadable'; readonly path: ByteString; readonly error: unknown };

export type DiffCounts = {
  files: number;
  dirs: number;
  others: number;
  dataBlobs: number;
  treeBlobs: number;
  bytes: number;
};

export type DiffStatistics = {
  readonly changedFiles: number;
  readonly added: Readonly<DiffCounts>;
  readonly removed: Readonly<DiffCounts>;
};

type Side = { readonly counts: DiffCounts; readonly blobs: Set<string> };

/** Reports entries in order of path. Folders with equal trees are not entered. @throws {CoffreError} REPO_TREE_DAMAGED, REPO_BLOB_MISSING */
export async function diffTrees(
  indexed: IndexedRepository,
  [before, after]: readonly [BlobId, BlobId],
  options: DiffOptions,
  report: (event: DiffEvent) => void,
): Promise<DiffStatistics> {
  const comparison = new Comparison(indexed, options.metadata ?? false, report);
  comparison.removed.blobs.add(blobKey('tree', before));
  comparison.added.blobs.add(blobKey('tree', after));
  await comparison.compare(rootPath, before, after);
  return comparison.statistics();
}

class Comparison {
  readonly #indexed: IndexedRepository;
  readonly #metadata: boolean;
  readonly #report: (event: DiffEvent) => void;
  readonly added: Side = createSide();
  readonly removed: Side = createSide();
  readonly #common = new Set<BlobId>();
  #changedFiles = 0;

  constructor(indexed: IndexedRepository, metadata: boolean, report: (event: DiffEvent) => void) {
    this.#indexed = indexed;
    this.#metadata = metadata;
    this.#report = report;
  }

  async compare(folder: ByteString, before: BlobId, after: BlobId): Promise<void> {
    const [old, now] = await Promise.all([this.#indexed.loadTree(before), this.#indexed.loadTree(after)]);
    for (const [a, b] of pairedByName(old, now)) {
      if (a !== undefined) addBlobs(this.removed.blobs, a);
      if (b !== undefined) addBlobs(this.added.blobs, b);
      if (a !== undefined && b !== undefined) await this.#compareNodes(childPath(folder, a.name), a, b);
      else if (a !== undefined) await this.#wholly('-', this.removed, childPath(folder, a.name), a);
      else if (b !== undefined) await this.#wholly('+', this.added, childPath(folder, b.name), b);
    }
  }

  async #compareNodes(path: ByteString, a: TreeNode, b: TreeNode): Promise<void> {
    const modifier = this.#modifierOf(a, b);
    if (modifier !== '') this.#report({ kind: 'change', path: shownPath(path, b), modifier });
    if (a.type !== 'dir' || b.type !== 'dir') return;
    const [before, after] = [subtreeOf(a, path), subtreeOf(b, path)];
    if (before === after) this.#common.add(before);
    else await this.#survive(path, () => this.compare(path, before, after));
  }

  #modifierOf(a: TreeNode, b: TreeNode): string {
    const type = a.type === b.type ? '' : 'T';
    if (a.type === 'file' && b.type === 'file' && !sameContent(a, b)) {
      this.#changedFiles += 1;
      return nodesEqual({ ...a, content: null }, { ...b, content: null }) ? 'M?' : 'M';
    }
    return this.#metadata && !nodesEqual(a, b) ? `${type}U` : type;
  }

  /** An entry that is on one side only, with all that is in it. */
  async #wholly(modifier: '+' | '-', side: Side, path: ByteString, node: TreeNode): Promise<void> {
    const enter = (at: ByteString, entry: TreeNode): void => {
      this.#report({ kind: 'change', path: shownPath(at, entry), modifier });
      side.counts[entry.type === 'file' ? 'files' : entry.type === 'dir' ? 'dirs' : 'others'] += 1;
      addBlobs(side.blobs, entry);
    };
    enter(path, node);
    if (node.type !== 'dir') return;
    await walkTree(this.#indexed, subtreeOf(node, path), {
      entry: (below, entry) => enter(`${path}${below}` as ByteString, entry),
      unreadable: (below, _, error) =>
        this.#report({ kind: 'unreadable', path: `${path}${below}` as ByteString, error }),
    });
  }

  async #survive(path: ByteString, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof CoffreError) || error.retryable) throw error;
      this.#report({ kind: 'unreadable', path, error });
    }
  }

  async statistics(): Promise<DiffStatistics> {
    for (const key of this.removed.blobs) {
      if (this.added.blobs.delete(key)) this.removed.blobs.delete(key);
    }
    await this.#dropCommon();
    for (const { counts, blobs } of [this.added, this.removed]) {
      for (const key of blobs) this.#count(counts, key);
    }
    return { changedFiles: this.#changedFiles, added: this.added.counts, removed: this.removed.counts };
  }

  /** A blob that an unchanged folder uses as well neither came nor went. */
  async #dropCommon(): Promise<void> {
    const seen = new Set<BlobId>();
    const isDone = (): boolean => this.added.blobs.size + this.removed.blobs.size === 0;
    const drop = (key: string): void => {
      this.added.blobs.delete(key);
      this.removed.blobs.delete(key);
    };
    for (const root of this.#common) {
      if (isDone()) return;
      if (seen.has(root)) continue;
      seen.add(root);
      await walkTree(this.#indexed, root, {
        entry(_, node) {
          for (const id of node.content ?? []) drop(blobKey('data', id));
          if (node.subtree === undefined || seen.has(node.subtree)) return false;
          seen.add(node.subtree);
          drop(blobKey('tree', node.subtree));
          return !isDone();
        },
        skips: (treeId) => seen.has(treeId) || isDone(),
        unreadable: (path, _, error) => this.#report({ kind: 'unreadable', path, error }),
      });
    }
  }

  #count(counts: DiffCounts, key: string): void {
    const type: BlobType = key.startsWith('t') ? 'tree' : 'data';
    counts[type === 'tree' ? 'treeBlobs' : 'dataBlobs'] += 1;
    counts.bytes += this.#indexed.blobSize(type, key.slice(1) as BlobId) ?? 0;
  }
}

function createSide(): Side {
  return { counts: { files: 0, dirs: 0, others: 0, dataBlobs: 0, treeBlobs: 0, bytes: 0 }, blobs: new Set() };
}

function shownPath(path: ByteString, node: TreeNode): ByteString {
  return (node.type === 'dir' ? `${path}/` : path) as ByteString;
}

function blobKey(type: BlobType, id: BlobId): string {
  return (type === 'tree' ? 't' : 'd') + id;
}

function addBlobs(blobs: Set<string>, node: TreeNode): void {
  if (node.type === 'file') for (const id of node.content ?? []) blobs.add(blobKey('data', id));
  if (node.type === 'dir' && node.subtree !== undefined) blobs.add(blobKey('tree', node.subtree));
}

/** Both lists are ordered by the bytes of the names. */
function* pairedByName(
  before: readonly TreeNode[],
  after: readonly TreeNode[],
): Generator<readonly [TreeNode | undefined, TreeNode | undefined]> {
  let a = 0;
  let b = 0;
  while (a < before.length || b < after.length) {
    const [old, now] = [before[a], after[b]];
    if (now === undefined || (old !== undefined && old.name < now.name)) {
      a += 1;
      yield [old, undefined];
    } else if (old === undefined || now.name < old.name) {
      b += 1;
      yield [undefined, now];
    } else {
      a += 1;
      b += 1;
      yield [old, now];
    }
  }
}
