import { CoffreError } from '../errors.ts';
import { toText, type ByteString } from '../format/bytestring.ts';
import type { TreeNode } from '../format/tree.ts';
import { shortId, type BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { cleanPath } from '../select/clean-path.ts';

export type TreeLoader = Pick<IndexedRepository, 'loadTree'>;

export type TreeVisitor = {
  /** Every entry, in order of name, a folder before what is in it. False leaves a folder's contents out. */
  entry(path: ByteString, node: TreeNode, treeId: BlobId): boolean | void;
  /** True when folders with this tree will surely be left out, so that it is not loaded ahead of its turn. */
  skips?(treeId: BlobId): boolean;
  /** After the contents of a folder that was entered; not for the root. */
  leave?(path: ByteString, node: TreeNode): void;
  /** A tree that cannot be read; when absent, that ends the walk. */
  unreadable?(path: ByteString, treeId: BlobId, error: unknown): void;
};

/** No file system nests folders deeper; a repository that does is meant to exhaust us. */
const depthMax = 5000;
/** Trees asked for before their turn, per folder that is being walked. */
const aheadMax = 3;

export const rootPath = '/' as ByteString;

export function childPath(folder: ByteString, name: ByteString): ByteString {
  return (folder === rootPath ? `/${name}` : `${folder}/${name}`) as ByteString;
}

/** Depth first. Paths begin at `/`, the given root. @throws {CoffreError} REPO_TREE_DAMAGED, and what the loader and the visitor throw */
export async function walkTree(trees: TreeLoader, root: BlobId, visitor: TreeVisitor): Promise<void> {
  await walkFolder(trees, visitor, { path: rootPath, treeId: root, depth: 0, loading: trees.loadTree(root) });
}

type Folder = { path: ByteString; treeId: BlobId; depth: number; loading: Promise<TreeNode[]> };

async function walkFolder(trees: TreeLoader, visitor: TreeVisitor, folder: Folder): Promise<void> {
  const nodes = await entriesOf(folder, visitor);
  if (nodes === undefined) return;
  const ahead = createLookAhead(trees, nodes, (id) => visitor.skips?.(id) ?? false);
  for (const [index, node] of nodes.entries()) {
    const path = childPath(folder.path, node.name);
    const wanted = visitor.entry(path, node, folder.treeId) !== false;
    if (node.type !== 'dir' || !wanted) continue;
    const treeId = subtreeOf(node, path);
    await walkFolder(trees, visitor, { path, treeId, depth: folder.depth + 1, loading: ahead.take(index, treeId) });
    visitor.leave?.(path, node);
  }
}

async function entriesOf(folder: Folder, visitor: TreeVisitor): Promise<TreeNode[] | undefined> {
  if (folder.depth > depthMax) {
    throw new CoffreError('REPO_TREE_DAMAGED', `folders are nested deeper than ${depthMax} levels`);
  }
  try {
    return await folder.loading;
  } catch (error) {
    if (visitor.unreadable === undefined) throw error;
    visitor.unreadable(folder.path, folder.treeId, error);
    return undefined;
  }
}

/** @throws {CoffreError} REPO_TREE_DAMAGED */
export function subtreeOf(node: TreeNode, path: ByteString): BlobId {
  if (node.subtree !== undefined) return node.subtree;
  throw new CoffreError('REPO_TREE_DAMAGED', `the folder ${toText(path)} has no subtree`);
}

/** Asks for the next few subtrees while the walk is still inside this one: storage answers slowly, but several at once. */
export function createLookAhead(trees: TreeLoader, nodes: readonly TreeNode[], skips: (id: BlobId) => boolean) {
  const asked = new Map<number, Promise<TreeNode[]>>();
  const ask = (index: number, id: BlobId): Promise<TreeNode[]> => {
    const known = asked.get(index);
    if (known !== undefined) return known;
    const loading = trees.loadTree(id);
    // A subtree that is never entered must not fail the process.
    loading.catch(() => undefined);
    asked.set(index, loading);
    return loading;
  };
  return {
    take(index: number, id: BlobId): Promise<TreeNode[]> {
      const loading = ask(index, id);
      asked.delete(index);
      for (let next = index + 1; next < nodes.length && asked.size < aheadMax; next += 1) {
        const subtree = nodes[next]?.subtree;
        if (subtree !== undefined && !skips(subtree)) void ask(next, subtree);
      }
      return loading;
    },
  };
}

/** The tree of a folder inside a snapshot. @throws {CoffreError} PATH_NOT_IN_SNAPSHOT */
export async function findFolder(trees: TreeLoader, root: BlobId, folder: ByteString): Promise<BlobId> {
  let treeId = root;
  let path = '';
  for (const name of cleanPath(folder).split('/')) {
    if (name === '' || name === '.') continue;
    path = `${path}/${name}`;
    const node = (await trees.loadTree(treeId)).find((entry) => entry.name === name);
    if (node?.type !== 'dir' || node.subtree === undefined) {
      const why = node === undefined ? 'is not in the snapshot' : 'is not a folder';
      throw new CoffreError('PATH_NOT_IN_SNAPSHOT', `${toText(path as ByteString)} ${why}`, {
        hint: `Run \`coffre ls\` to see what is there; the search ended in tree ${shortId(treeId)}.`,
      });
    }
    treeId = node.subtree;
  }
  return treeId;
}
