import { isCoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { parseTimestamp, timestampNs } from '../format/time.ts';
import type { TreeNode } from '../format/tree.ts';
import type { BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { StoredSnapshot } from '../repository.ts';

/** Newest snapshot of the same host that covers all paths and is not later than now: what restic compares with. */
export function findParent(
  snapshots: readonly StoredSnapshot[],
  wanted: { readonly hostname: string; readonly paths: readonly string[]; readonly nowNs: bigint },
): StoredSnapshot | undefined {
  let best: StoredSnapshot | undefined;
  let bestNs = -1n;
  for (const stored of snapshots) {
    const { hostname, paths, time } = stored.snapshot;
    if ((hostname ?? '') !== wanted.hostname) continue;
    if (!wanted.paths.every((path) => paths.includes(path))) continue;
    const ns = timestampNs(parseTimestamp(time));
    if (ns > wanted.nowNs || ns <= bestNs) continue;
    best = stored;
    bestNs = ns;
  }
  return best;
}

/** One folder of the parent snapshot, asked name by name in ascending order. */
export class ParentFolder {
  readonly #nodes: readonly TreeNode[];
  #at = 0;

  constructor(nodes: readonly TreeNode[]) {
    this.#nodes = nodes;
  }

  find(name: ByteString): TreeNode | undefined {
    let node = this.#nodes[this.#at];
    while (node !== undefined && node.name < name) node = this.#nodes[++this.#at];
    return node?.name === name ? node : undefined;
  }
}

export const noParent = new ParentFolder([]);

/** A parent tree that cannot be read only costs time: its files are read again, which also heals the repository. */
export async function loadParentFolder(
  indexed: IndexedRepository,
  tree: BlobId | undefined,
  unreadable: (error: unknown) => void,
): Promise<ParentFolder> {
  if (tree === undefined) return new ParentFolder([]);
  try {
    return new ParentFolder(await indexed.loadTree(tree));
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    unreadable(error);
    return new ParentFolder([]);
  }
}
