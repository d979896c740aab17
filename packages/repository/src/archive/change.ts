import { encodeNode, type Timestamp, type TreeNode } from '../format/tree.ts';
import type { EntryChange } from './report.ts';

/** Which counter an entry goes to. */
export const fileCounter = { new: 'filesNew', changed: 'filesChanged', unchanged: 'filesUnmodified' } as const;
export const dirCounter = { new: 'dirsNew', changed: 'dirsChanged', unchanged: 'dirsUnmodified' } as const;

/** How an entry compares with the parent snapshot; `text` is its node as it is stored now. */
export function changeOf(previous: TreeNode | undefined, text: string): EntryChange {
  if (previous === undefined) return 'new';
  return encodeNode(inUtc(previous)) === text ? 'unchanged' : 'changed';
}

/** Other programs write times in their own zone: the same instant is no change. */
function inUtc(node: TreeNode): TreeNode {
  const { mtime, atime, ctime } = node;
  if (mtime.offsetMinutes === undefined && atime.offsetMinutes === undefined && ctime.offsetMinutes === undefined) {
    return node;
  }
  const utc = ({ sec, nsec }: Timestamp): Timestamp => ({ sec, nsec });
  return { ...node, mtime: utc(mtime), atime: utc(atime), ctime: utc(ctime) };
}
