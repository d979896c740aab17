/** Every tree that snapshots lead to, once: it loads, is well-formed, and the index knows all that it names. */
import { CoffreError, isCoffreError, messageOf } from '../errors.ts';
import { toText } from '../format/bytestring.ts';
import type { TreeNode } from '../format/tree.ts';
import type { BlobId, PackId } from '../ids.ts';
import type { BlobLocation, IndexedRepository } from '../index/indexed-repository.ts';
import { followInParallel } from '../parallel.ts';
import { finding, type CheckFinding } from './check-findings.ts';

export type TreeCheckOptions = {
  readonly report: (finding: CheckFinding) => void;
  /** Filled with the packs that the trees and their files need. */
  readonly packs?: Set<PackId>;
  readonly rootDone?: () => void;
};

/** With the packs on bad sectors that were named already. */
type TreeWalk = TreeCheckOptions & { readonly unreadable: Set<PackId> };

/** Trees asked for at once; the storage's own bound counts too. */
const treesAtOnce = 16;

export async function checkTrees(
  indexed: IndexedRepository,
  roots: readonly BlobId[],
  options: TreeCheckOptions,
): Promise<void> {
  const seen = new Set<BlobId>();
  const walk = { ...options, unreadable: new Set<PackId>() };
  for (const root of roots) {
    if (!seen.has(root)) {
      seen.add(root);
      await checkBelow(indexed, root, seen, walk);
    }
    options.rootDone?.();
  }
}

async function checkBelow(
  indexed: IndexedRepository,
  root: BlobId,
  seen: Set<BlobId>,
  options: TreeWalk,
): Promise<void> {
  const atOnce = Math.min(treesAtOnce, Math.max(2, indexed.repository.backend.connectionsMax * 2));
  await followInParallel(root, atOnce, async (treeId) => {
    const fresh: BlobId[] = [];
    for (const id of await checkTree(indexed, treeId, options)) {
      if (seen.has(id)) continue;
      seen.add(id);
      fresh.push(id);
    }
    return fresh;
  });
}

/** The subtrees it names. */
async function checkTree(indexed: IndexedRepository, treeId: BlobId, walk: TreeWalk): Promise<BlobId[]> {
  const { report, packs } = walk;
  let nodes: TreeNode[];
  try {
    nodes = await indexed.loadTree(treeId);
  } catch (error) {
    if (!(error instanceof CoffreError) || error.retryable) throw error;
    report(damagedTree(treeId, [messageOf(error)]));
    if (isCoffreError(error, 'BACKEND_UNREADABLE')) nameUnreadable(indexed.places('tree', treeId), walk);
    return [];
  }
  for (const { packId } of packs === undefined ? [] : indexed.places('tree', treeId)) packs?.add(packId);
  const problems = nodes.flatMap((node) => problemsOf(indexed, node, packs));
  if (problems.length > 0) report(damagedTree(treeId, problems));
  return nodes.flatMap(({ type, subtree }) => (type === 'dir' && subtree !== undefined ? [subtree] : []));
}

/** That needs no reading of packs to be known, and is mended like what it finds. */
function nameUnreadable(places: readonly BlobLocation[], { report, unreadable }: TreeWalk): void {
  for (const { packId } of places) {
    if (unreadable.has(packId)) continue;
    unreadable.add(packId);
    report(finding('pack-damaged', `pack ${packId}: the disk cannot read it`, { packId }));
  }
}

function damagedTree(treeId: BlobId, problems: readonly string[]): CheckFinding {
  const details = problems.map((problem) => `tree ${treeId}: ${problem}`);
  return finding('tree-damaged', `error for tree ${treeId.slice(0, 8)}:`, { details });
}

function problemsOf(indexed: IndexedRepository, node: TreeNode, packs: Set<PackId> | undefined): string[] {
  const name = JSON.stringify(toText(node.name));
  switch (node.type) {
    case 'file':
      // That the sizes of the blobs add up to the size of the file is not asked: files may change while they are read.
      if (node.content === null) return [`file ${name} has nil blob list`];
      return node.content.flatMap((id) => {
        if (packs === undefined) return indexed.has('data', id) ? [] : [`file ${name} blob ${id} not found in index`];
        const places = indexed.places('data', id);
        for (const { packId } of places) packs.add(packId);
        return places.length > 0 ? [] : [`file ${name} blob ${id} not found in index`];
      });
    case 'dir':
      return node.subtree === undefined ? [`dir node ${name} has no subtree`] : [];
    case 'irregular':
      return [`node ${name} with invalid type "irregular"`];
    case 'symlink':
    case 'socket':
    case 'chardev':
    case 'dev':
    case 'fifo':
      return [];
    default:
      return node.type satisfies never;
  }
}
