import { isCoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { parseTimestamp, timestampNs } from '../format/time.ts';
import { firstNodeAt, scanTreeTexts } from '../format/tree-scan.ts';
import { parseTree, type TreeNode } from '../format/tree.ts';
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
  readonly #stored: StoredTree | undefined;
  #at = 0;

  constructor(nodes: readonly TreeNode[], stored?: StoredTree) {
    this.#nodes = nodes;
    this.#stored = stored;
  }

  /** Id of the parent's tree when these are its very bytes: comparing is a hundred times faster than hashing. */
  idIfEqual(bytes: Buffer): BlobId | undefined {
    return this.#stored?.bytes.equals(bytes) === true ? this.#stored.id : undefined;
  }

  find(name: ByteString): TreeNode | undefined {
    let node = this.#nodes[this.#at];
    while (node !== undefined && node.name < name) node = this.#nodes[++this.#at];
    return node?.name === name ? node : undefined;
  }

  /** The text of the node that was found last, as the parent has it; undefined where it is not written as we write it. */
  textOf(node: TreeNode): string | undefined {
    const { ends, bytes } = this.#stored ?? {};
    if (ends === undefined || bytes === undefined || this.#nodes[this.#at] !== node) return undefined;
    const before = ends[this.#at - 1];
    return bytes.toString('latin1', before === undefined ? firstNodeAt : before + 1, ends[this.#at]);
  }
}

type StoredTree = { readonly id: BlobId; readonly bytes: Buffer; readonly ends?: readonly number[] | undefined };

/** A parent tree that cannot be read only costs time: its files are read again, which also heals the repository. */
export async function loadParentFolder(
  indexed: IndexedRepository,
  tree: BlobId | undefined,
  unreadable: (error: unknown) => void,
): Promise<ParentFolder> {
  if (tree === undefined) return new ParentFolder([]);
  try {
    const bytes = await indexed.loadTreeBytes(tree);
    const scanned = scanTreeTexts(bytes);
    return new ParentFolder(scanned?.nodes ?? parseTree(bytes), { id: tree, bytes, ends: scanned?.ends });
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    unreadable(error);
    return new ParentFolder([]);
  }
}
