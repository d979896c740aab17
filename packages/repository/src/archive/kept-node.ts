/** Files whose whole node in the parent snapshot still holds: its text is taken over, nothing else is asked of the disk. */
import { goMode } from '../format/mode.ts';
import type { Timestamp, TreeNode } from '../format/tree.ts';
import type { Files } from '../host/files.ts';
import type { FileStat } from '../host/stat.ts';
import type { StoredSnapshot } from '../repository.ts';

/**
 * Extended attributes and ACLs are not read again where the time of change stands still. That holds only for nodes which
 * the same program wrote with the same rights: another one may have seen fewer of them.
 */
export function mayKeepNodes(
  parent: StoredSnapshot | undefined,
  ours: { readonly programVersion: string | undefined; readonly uid: number },
): boolean {
  if (parent === undefined || ours.programVersion === undefined) return false;
  const { program_version: version, uid = 0 } = parent.snapshot;
  return version === ours.programVersion && uid === ours.uid;
}

/** Is everything that a new node of this file would say in the old one already, written as we would write it? */
export function saysTheSame(node: TreeNode, stat: FileStat, files: Files, withAtime: boolean): boolean {
  return (
    node.type === 'file' &&
    stat.type === 'file' &&
    node.size === stat.sizeBytes &&
    isSame(node.ctime, stat.ctime) &&
    isSame(node.mtime, stat.mtime) &&
    isSame(node.atime, withAtime ? stat.atime : stat.mtime) &&
    node.mode === goMode(stat.stMode) &&
    node.inode === stat.inode &&
    node.deviceId === stat.deviceId &&
    node.links === stat.links &&
    node.uid === stat.uid &&
    node.gid === stat.gid &&
    node.user === files.userName(stat.uid) &&
    node.group === files.groupName(stat.gid) &&
    node.genericAttributes === undefined &&
    node.error === undefined
  );
}

/** The same instant, in UTC, as we write times. */
function isSame(stored: Timestamp, now: Timestamp): boolean {
  return stored.sec === now.sec && stored.nsec === now.nsec && stored.offsetMinutes === undefined;
}
