/** Files that say what a backup saved, such as a manifest: made last, put beside what they describe. */
import { sha256Hex } from '../crypto/hash.ts';
import type { ByteString } from '../format/bytestring.ts';
import { encodeTree } from '../format/tree.ts';
import { parseId, type BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { StoredSnapshot } from '../repository.ts';
import type { RejectedFile } from './content-judge.ts';
import type { ContentSums } from './content-sums.ts';
import type { SavedStream, StreamSource } from './stream-source.ts';

/** What is durable and can be read back, before the snapshot is published. */
export type SavedContent = {
  /** Of the paths that were walked; undefined when there were none. */
  readonly tree: BlobId | undefined;
  readonly streams: readonly SavedStream[];
  readonly rejected: readonly RejectedFile[];
  /** Hashes of whole files. Of several pieces only those that were read now, when they were asked for. */
  readonly sums: ContentSums;
  readonly parent: StoredSnapshot | undefined;
};

export type Closing = {
  /** All that `make` may give. They do not count when this backup is compared with its parent. */
  readonly paths: readonly ByteString[];
  /** Whole files are hashed while they are read: a second pass over the bytes, and none over the repository. */
  readonly needsSums?: boolean;
  /** Not called on a dry run, nor when nothing is published. A rejection means no snapshot. */
  make(saved: SavedContent): Promise<readonly StreamSource[]>;
};

/** Id that the tree has without these files, and without folders that they leave empty. Nothing is stored. */
export async function idWithout(
  indexed: IndexedRepository,
  tree: BlobId,
  paths: readonly ByteString[],
): Promise<BlobId | undefined> {
  const nodes = await indexed.loadTree(tree);
  const left = [];
  let changed = false;
  for (const node of nodes) {
    const below = paths
      .filter((path) => path === `/${node.name}` || path.startsWith(`/${node.name}/`))
      .map((path) => path.slice(node.name.length + 1) as ByteString);
    if (below.length === 0) {
      left.push(node);
      continue;
    }
    if (node.type !== 'dir' || node.subtree === undefined) {
      if (below.includes('' as ByteString)) changed = true;
      else left.push(node);
      continue;
    }
    const subtree = await idWithout(indexed, node.subtree, below);
    changed ||= subtree !== node.subtree;
    if (subtree !== undefined) left.push({ ...node, subtree });
  }
  if (!changed) return tree;
  return left.length === 0 ? undefined : parseId<BlobId>(sha256Hex(encodeTree(left)));
}
