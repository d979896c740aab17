/** Which blobs snapshots lead to: one bit for each, however many there are. */
import { CoffreError } from '../../errors.ts';
import { toText } from '../../format/bytestring.ts';
import type { TreeNode } from '../../format/tree.ts';
import { idToBytes, shortId, type BlobId } from '../../ids.ts';
import { entryWords, type BlobSegment, type BlobTable, type BlobType } from '../../index/blob-table.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import { followInParallel } from '../../parallel.ts';
import { Bits } from './bits.ts';

/** Blobs are known by the number of their first entry in the table: it stays, also when the table grows. */
export class UsedBlobs {
  readonly #table: BlobTable;
  readonly #bits = new Bits();
  #first = new Uint32Array(0);

  constructor(table: BlobTable) {
    this.#table = table;
  }

  get segment(): BlobSegment {
    return this.#table.segments[0] as BlobSegment;
  }

  has(first: number): boolean {
    return this.#bits.has(first);
  }

  /** The number of the first entry of each blob, by entry. Looked up once for each entry, however often it is asked for. */
  firstEntries(): Uint32Array {
    const { segment } = this;
    const known = this.#first;
    if (known.length === segment.count) return known;
    const first = new Uint32Array(segment.count);
    first.set(known);
    for (let entry = known.length; entry < first.length; entry++) {
      const at = entry * entryWords * 4;
      first[entry] = segment.find(segment.typeOf(entry), segment.bytes.subarray(at, at + 32));
    }
    this.#first = first;
    return first;
  }

  /** Whether it is used for the first time. @throws {CoffreError} REPO_BLOB_MISSING */
  add(type: BlobType, id: BlobId): boolean {
    const first = this.segment.find(type, idToBytes(id));
    if (first < 0) throw missing(type, id);
    return this.#bits.add(first);
  }
}

export type WalkOptions = {
  readonly signal: AbortSignal;
  readonly rootDone?: () => void;
};

/** Trees asked for at once; the storage's own bound counts too. */
const treesAtOnce = 32;

/**
 * Adds everything that these trees lead to. Anything unreadable or missing ends it: what is below would look unused.
 * @throws {CoffreError} REPO_BLOB_MISSING, REPO_BLOB_DAMAGED, REPO_TREE_DAMAGED
 */
export async function addUsed(
  used: UsedBlobs,
  indexed: IndexedRepository,
  roots: readonly BlobId[],
  { signal, rootDone }: WalkOptions,
): Promise<void> {
  const atOnce = Math.min(treesAtOnce, Math.max(2, indexed.repository.backend.connectionsMax * 4));
  const below = async (treeId: BlobId): Promise<BlobId[]> => {
    signal.throwIfAborted();
    const nodes = await indexed.loadTree(treeId);
    return nodes.flatMap((node) => addNode(used, treeId, node));
  };
  for (const root of roots) {
    if (used.add('tree', root)) await followInParallel(root, atOnce, below);
    rootDone?.();
  }
}

/** The subtree that is used for the first time. */
function addNode(used: UsedBlobs, treeId: BlobId, node: TreeNode): BlobId[] {
  const damaged = (why: string): CoffreError =>
    new CoffreError('REPO_TREE_DAMAGED', `tree ${shortId(treeId)}: ${JSON.stringify(toText(node.name))} ${why}`, {
      hint: 'Nothing was removed. Run `coffre check` to see what is damaged.',
    });
  switch (node.type) {
    case 'file':
      if (node.content === null) throw damaged('has no list of blobs');
      for (const id of node.content) used.add('data', id);
      return [];
    case 'dir':
      if (node.subtree === undefined) throw damaged('has no subtree');
      return used.add('tree', node.subtree) ? [node.subtree] : [];
    case 'symlink':
    case 'dev':
    case 'chardev':
    case 'fifo':
    case 'socket':
    case 'irregular':
      return [];
    default:
      return node.type satisfies never;
  }
}

function missing(type: BlobType, id: BlobId): CoffreError {
  return new CoffreError('REPO_BLOB_MISSING', `${type} blob ${shortId(id)} is needed and in no index`, {
    hint: 'Nothing was removed. Run `coffre check` to see which snapshots need it.',
  });
}
