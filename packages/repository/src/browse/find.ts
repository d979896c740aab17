/** Looking for files in many snapshots. What a tree gave at a path is remembered: snapshots share most of their trees. */
import type { ByteString } from '../format/bytestring.ts';
import { compareTimestamps, type Timestamp } from '../format/time.ts';
import type { TreeNode } from '../format/tree.ts';
import type { BlobId } from '../ids.ts';
import type { StoredSnapshot } from '../repository.ts';
import type { PathMatcher } from '../select/patterns.ts';
import { childPath, createLookAhead, rootPath, subtreeOf, type TreeLoader } from './walk.ts';

export type FindOptions = {
  readonly patterns: PathMatcher;
  /** Modified at this time or later. */
  readonly oldest?: Timestamp;
  /** Modified at this time or earlier. */
  readonly newest?: Timestamp;
  /** Files only, when given. */
  readonly sizeBytesMin?: number;
  readonly sizeBytesMax?: number;
};

export type FindEvent =
  | { readonly kind: 'match'; readonly snapshot: StoredSnapshot; readonly path: ByteString; readonly node: TreeNode }
  /** What is below it was not searched. */
  | {
      readonly kind: 'unreadable';
      readonly snapshot: StoredSnapshot;
      readonly treeId: BlobId;
      readonly error: unknown;
    };

type Found = { readonly path: ByteString; readonly node: TreeNode };
type Unread = { readonly treeId: BlobId; readonly error: unknown };
type Outcome = { readonly found: readonly Found[]; readonly unread: readonly Unread[] };

const nothing: Outcome = { found: [], unread: [] };
/** About 150 bytes each; beyond it trees are read again. */
const rememberedMax = 1_000_000;

/** In the order of the snapshots given, and of the paths in each. */
export async function findFiles(
  trees: TreeLoader,
  snapshots: readonly StoredSnapshot[],
  options: FindOptions,
  report: (event: FindEvent) => void,
): Promise<void> {
  const search = createSearch(trees, options);
  for (const snapshot of snapshots) {
    const { found, unread } = await search(snapshot.snapshot.tree);
    for (const { treeId, error } of unread) report({ kind: 'unreadable', snapshot, treeId, error });
    for (const { path, node } of found) report({ kind: 'match', snapshot, path, node });
  }
}

function createSearch(trees: TreeLoader, options: FindOptions) {
  // By the tree and the path it stands at: patterns look at whole paths.
  const remembered = new Map<string, Outcome>();
  const met = new Set<BlobId>();

  async function search(treeId: BlobId, folder: ByteString, load: () => Promise<TreeNode[]>): Promise<Outcome> {
    const key = treeId + folder;
    const known = remembered.get(key);
    if (known !== undefined) return known;
    met.add(treeId);
    const outcome = await searchTree(treeId, folder, load);
    if (remembered.size < rememberedMax) remembered.set(key, outcome);
    return outcome;
  }

  async function searchTree(treeId: BlobId, folder: ByteString, load: () => Promise<TreeNode[]>): Promise<Outcome> {
    let nodes: TreeNode[];
    try {
      nodes = await load();
    } catch (error) {
      return { found: [], unread: [{ treeId, error }] };
    }
    const ahead = createLookAhead(trees, nodes, (id) => met.has(id));
    const found: Found[] = [];
    const unread: Unread[] = [];
    for (const [index, node] of nodes.entries()) {
      const path = childPath(folder, node.name);
      if (isWanted(path, node, options)) found.push({ path, node });
      if (node.type !== 'dir' || !options.patterns.mayMatchBelow(path)) continue;
      const subtree = subtreeOf(node, path);
      const below = await search(subtree, path, () => ahead.take(index, subtree));
      for (const one of below.found) found.push(one);
      for (const one of below.unread) unread.push(one);
    }
    return found.length + unread.length === 0 ? nothing : { found, unread };
  }

  return (root: BlobId) => search(root, rootPath, () => trees.loadTree(root));
}

function isWanted(path: ByteString, node: TreeNode, options: FindOptions): boolean {
  const { patterns, oldest, newest, sizeBytesMin, sizeBytesMax } = options;
  if (!patterns.matches(path)) return false;
  if (oldest !== undefined && compareTimestamps(node.mtime, oldest) < 0) return false;
  if (newest !== undefined && compareTimestamps(node.mtime, newest) > 0) return false;
  if (sizeBytesMin === undefined && sizeBytesMax === undefined) return true;
  const size = node.size ?? 0;
  return node.type === 'file' && size >= (sizeBytesMin ?? 0) && size <= (sizeBytesMax ?? Infinity);
}
