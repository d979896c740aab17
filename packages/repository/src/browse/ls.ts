import type { ByteString } from '../format/bytestring.ts';
import { compareTimestamps } from '../format/time.ts';
import type { TreeNode } from '../format/tree.ts';
import type { BlobId } from '../ids.ts';
import { cleanPath } from '../select/clean-path.ts';
import { walkTree, type TreeLoader } from './walk.ts';

export type ListOptions = {
  /** Absolute; only these and what is directly in them. Empty means the whole tree. */
  readonly folders?: readonly ByteString[];
  /** With `folders`: everything below them. */
  readonly recursive?: boolean;
};

export type ListedEntry = { readonly path: ByteString; readonly node: TreeNode };

export type ListEvent =
  /** `isLeading`: not asked for, only on the way to a folder that was; an outline needs it, a list does not. */
  | ({ readonly kind: 'entry'; readonly isLeading: boolean } & ListedEntry)
  /** The contents of a folder are complete; for outlines. */
  | { readonly kind: 'leave'; readonly path: ByteString };

/** The entries of a tree, depth first in order of name. @throws {CoffreError} what `walkTree` throws */
export async function listTree(
  trees: TreeLoader,
  root: BlobId,
  options: ListOptions,
  report: (event: ListEvent) => void,
): Promise<void> {
  const folders = (options.folders ?? []).map((folder) => cleanPath(folder));
  const isEverything = folders.length === 0;
  const recursive = options.recursive ?? false;
  await walkTree(trees, root, {
    entry(path, node) {
      const isWithin = isEverything || folders.some((folder) => isAtOrBelow(path, folder));
      const leadsTo = isEverything || folders.some((folder) => isAtOrBelow(folder, path));
      if (isWithin || leadsTo) report({ kind: 'entry', path, node, isLeading: !isWithin });
      if (leadsTo || (isWithin && recursive)) return true;
      if (isWithin && node.type === 'dir') report({ kind: 'leave', path });
      return false;
    },
    leave: (path) => report({ kind: 'leave', path }),
  });
}

function isAtOrBelow(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

export type SortMode = 'name' | 'size' | 'mtime' | 'atime' | 'ctime' | 'extension';

/** By name means the order of the walk. */
export function sortEntries(entries: readonly ListedEntry[], mode: SortMode, isReversed: boolean): ListedEntry[] {
  const sorted = mode === 'name' ? [...entries] : entries.toSorted(comparisons[mode]);
  return isReversed ? sorted.toReversed() : sorted;
}

type Comparison = (a: ListedEntry, b: ListedEntry) => number;

const byPath: Comparison = (a, b) => compare(a.path, b.path);

const comparisons: { readonly [Mode in Exclude<SortMode, 'name'>]: Comparison } = {
  size: (a, b) => compare(a.node.size ?? 0, b.node.size ?? 0) || byPath(a, b),
  mtime: (a, b) => compareTimestamps(a.node.mtime, b.node.mtime) || byPath(a, b),
  atime: (a, b) => compareTimestamps(a.node.atime, b.node.atime) || byPath(a, b),
  ctime: (a, b) => compareTimestamps(a.node.ctime, b.node.ctime) || byPath(a, b),
  extension: (a, b) => compare(extensionOf(a.path), extensionOf(b.path)) || byPath(a, b),
};

function compare<T extends string | number | bigint>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** From the last dot of the name on, also when the name begins with it. */
function extensionOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot);
}
