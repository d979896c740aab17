/** A tree without some of its entries. Unchanged trees stay the blobs they are. */
import { childPath, rootPath, subtreeOf } from '../browse/walk.ts';
import { CoffreError } from '../errors.ts';
import { toText, type ByteString } from '../format/bytestring.ts';
import { encodeTree, parseTree, type TreeNode } from '../format/tree.ts';
import { shortId, type BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { PathMatcher } from '../select/patterns.ts';

/** Not both. Without either, every entry stays and is counted. */
export type RewriteSelection = { readonly excludes?: PathMatcher; readonly includes?: PathMatcher };

export type RewrittenTree = {
  /** Undefined when nothing is left, which only includes can bring about. */
  readonly treeId: BlobId | undefined;
  readonly files: number;
  readonly bytes: number;
};

/** Stores a tree, or only names it in a dry run. */
export type SaveTree = (tree: Buffer) => Promise<BlobId>;

export type TreeRewriter = (root: BlobId) => Promise<RewrittenTree>;

/** What a tree became at a path is remembered: snapshots share most of their trees. */
const rememberedMax = 500_000;

export function createTreeRewriter(
  indexed: IndexedRepository,
  selection: RewriteSelection,
  save: SaveTree,
): TreeRewriter {
  const remembered = new Map<string, RewrittenTree>();

  async function rewrite(treeId: BlobId, folder: ByteString): Promise<RewrittenTree> {
    const key = treeId + folder;
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const rewritten = await rewriteOne(treeId, folder);
    if (remembered.size < rememberedMax) remembered.set(key, rewritten);
    return rewritten;
  }

  async function rewriteOne(treeId: BlobId, folder: ByteString): Promise<RewrittenTree> {
    const nodes = await loadRewritable(indexed, treeId, folder);
    const kept: TreeNode[] = [];
    let files = 0;
    let bytes = 0;
    for (const node of nodes) {
      const path = childPath(folder, node.name);
      if (!staysIn(selection, path, node)) continue;
      if (node.type !== 'dir') {
        kept.push(node);
        if (node.type === 'file') files += 1;
        if (node.type === 'file') bytes += Number(node.size ?? 0);
        continue;
      }
      const below = await rewrite(subtreeOf(node, path), path);
      files += below.files;
      bytes += below.bytes;
      if (below.treeId !== undefined)
        kept.push(below.treeId === node.subtree ? node : { ...node, subtree: below.treeId });
    }
    if (kept.length === 0 && selection.includes?.matches(folder) === false) return { treeId: undefined, files, bytes };
    const isUnchanged = kept.length === nodes.length && kept.every((node, index) => node === nodes[index]);
    return { treeId: isUnchanged ? treeId : await save(encodeTree(kept)), files, bytes };
  }

  return (root) => rewrite(root, rootPath);
}

function staysIn({ excludes, includes }: RewriteSelection, path: ByteString, node: TreeNode): boolean {
  if (excludes?.matches(path) === true) return false;
  if (includes === undefined || includes.matches(path)) return true;
  return node.type === 'dir' && includes.mayMatchBelow(path);
}

/** Another program may have stored more in a tree than we know: written back by us, it would be lost. */
async function loadRewritable(indexed: IndexedRepository, treeId: BlobId, folder: ByteString): Promise<TreeNode[]> {
  const bytes = await indexed.loadTreeBytes(treeId);
  const nodes = parseTree(bytes);
  if (encodeTree(nodes).equals(bytes)) return nodes;
  throw new CoffreError(
    'REWRITE_REFUSED',
    `the folder ${toText(folder)} (tree ${shortId(treeId)}) cannot be written again without losing information`,
    { hint: 'Another program wrote it with details that this version does not know; use that program to rewrite it.' },
  );
}
