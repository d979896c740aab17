/** A tree without what is lost: files keep the pieces that are left, folders that cannot be read become empty. */
import { childPath, rootPath } from '../../browse/walk.ts';
import type { ByteString } from '../../format/bytestring.ts';
import { emptyTree, encodeTree, type NodeType, type TreeNode } from '../../format/tree.ts';
import type { BlobId } from '../../ids.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import type { SaveTree } from '../rewrite-tree.ts';
import { isLossForGood } from './stored-packs.ts';

export type Mend =
  | {
      readonly kind: 'file-cut';
      readonly path: ByteString;
      readonly lost: readonly BlobId[];
      readonly lostBytes: number;
      readonly sizeBytes: number;
    }
  | { readonly kind: 'size-fixed'; readonly path: ByteString }
  | { readonly kind: 'node-removed'; readonly path: ByteString; readonly type: NodeType }
  | { readonly kind: 'folder-emptied'; readonly path: ByteString; readonly treeId: BlobId | undefined }
  | { readonly kind: 'root-unreadable'; readonly treeId: BlobId };

/** Undefined when the root itself is lost. */
export type TreeMender = (root: BlobId) => Promise<BlobId | undefined>;

/** What a tree became is remembered, and its damage told once: snapshots share most of their trees. */
export function createTreeMender(indexed: IndexedRepository, save: SaveTree, report: (mend: Mend) => void): TreeMender {
  const remembered = new Map<BlobId, BlobId>();

  async function mend(treeId: BlobId, folder: ByteString): Promise<BlobId | undefined> {
    const known = remembered.get(treeId);
    if (known !== undefined) return known;
    const nodes = await loadIfWhole(indexed, treeId);
    if (nodes === undefined) return undefined;
    const mended = await mendNodes(treeId, nodes, folder);
    remembered.set(treeId, mended);
    return mended;
  }

  async function mendNodes(treeId: BlobId, nodes: readonly TreeNode[], folder: ByteString): Promise<BlobId> {
    const kept: TreeNode[] = [];
    for (const node of nodes) {
      const path = childPath(folder, node.name);
      const next = node.type === 'dir' ? await mendFolder(node, path) : mendEntry(indexed, node, path, report);
      if (next !== undefined) kept.push(next);
    }
    const isUnchanged = kept.length === nodes.length && kept.every((node, index) => node === nodes[index]);
    return isUnchanged ? treeId : await save(encodeTree(kept));
  }

  async function mendFolder(node: TreeNode, path: ByteString): Promise<TreeNode> {
    const below = node.subtree === undefined ? undefined : await mend(node.subtree, path);
    if (below === undefined) report({ kind: 'folder-emptied', path, treeId: node.subtree });
    const subtree = below ?? (await save(emptyTree));
    return subtree === node.subtree ? node : { ...node, subtree };
  }

  return async (root) => {
    const mended = await mend(root, rootPath);
    if (mended === undefined) report({ kind: 'root-unreadable', treeId: root });
    return mended;
  };
}

/** Undefined for damage; a storage that does not answer is an error. */
async function loadIfWhole(indexed: IndexedRepository, treeId: BlobId): Promise<TreeNode[] | undefined> {
  try {
    return await indexed.loadTree(treeId);
  } catch (error) {
    if (!isLossForGood(error)) throw error;
    return undefined;
  }
}

function mendEntry(
  indexed: IndexedRepository,
  node: TreeNode,
  path: ByteString,
  report: (mend: Mend) => void,
): TreeNode | undefined {
  if (node.type === 'irregular') {
    report({ kind: 'node-removed', path, type: node.type });
    return undefined;
  }
  if (node.type !== 'file') return node;
  const content: BlobId[] = [];
  const lost: BlobId[] = [];
  let size = 0;
  for (const id of node.content ?? []) {
    const blobBytes = indexed.blobSize('data', id);
    if (blobBytes === undefined) lost.push(id);
    else content.push(id);
    size += blobBytes ?? 0;
  }
  const sizeBytes = Number(node.size ?? 0);
  if (lost.length > 0) {
    report({ kind: 'file-cut', path, lost, lostBytes: Math.max(0, sizeBytes - size), sizeBytes });
  } else if (size !== sizeBytes) report({ kind: 'size-fixed', path });
  else if (node.content !== null) return node;
  return { ...node, content, size };
}
