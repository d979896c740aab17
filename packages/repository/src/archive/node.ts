import type { ByteString } from '../format/bytestring.ts';
import { goMode } from '../format/mode.ts';
import type { TreeNode, U64 } from '../format/tree.ts';
import type { Files } from '../host/files.ts';
import type { FileStat } from '../host/stat.ts';

export type NodeOptions = {
  /** Store the access time; otherwise it is set to the modification time, so that reading does not change trees. */
  readonly withAtime: boolean;
};

/** Everything about an entry but its content: what `lstat`, the accounts, the link and the attributes say. */
export function describeEntry(
  files: Files,
  path: ByteString,
  name: ByteString,
  stat: FileStat,
  options: NodeOptions,
): TreeNode {
  const { type } = stat;
  const user = files.userName(stat.uid);
  const group = files.groupName(stat.gid);
  const attributes = files.listXattrs(path);
  const countsLinks = type === 'file' || type === 'symlink' || type === 'dev' || type === 'chardev';
  return {
    name,
    type,
    mode: goMode(stat.stMode),
    mtime: stat.mtime,
    atime: options.withAtime ? stat.atime : stat.mtime,
    ctime: stat.ctime,
    uid: stat.uid,
    gid: stat.gid,
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    inode: stat.inode,
    deviceId: stat.deviceId,
    ...(type === 'file' ? { size: stat.sizeBytes } : {}),
    ...(countsLinks ? { links: stat.links } : {}),
    ...(type === 'symlink' ? { linkTarget: files.readLink(path) } : {}),
    ...(attributes.length > 0 ? { extendedAttributes: attributes } : {}),
    ...(type === 'dev' || type === 'chardev' ? { device: stat.rdev } : {}),
    content: type === 'file' ? [] : null,
  };
}

export type ChangeRules = {
  readonly ignoreCtime: boolean;
  readonly ignoreInode: boolean;
  /** Every file is read again, whatever its times say. */
  readonly readAll?: boolean;
};

/** Does the file have to be read again? Times are compared as instants. */
export function mayHaveChanged(stat: FileStat, previous: TreeNode | undefined, rules: ChangeRules): boolean {
  if (rules.readAll === true || previous === undefined || previous.type !== 'file' || stat.type !== 'file') return true;
  if (previous.size !== undefined ? previous.size !== stat.sizeBytes : stat.sizeBytes !== 0) return true;
  if (previous.mtime.sec !== stat.mtime.sec || previous.mtime.nsec !== stat.mtime.nsec) return true;
  const ctimeCounts = !rules.ignoreCtime && !rules.ignoreInode;
  if (ctimeCounts && (previous.ctime.sec !== stat.ctime.sec || previous.ctime.nsec !== stat.ctime.nsec)) return true;
  return !rules.ignoreInode && !sameU64(previous.inode, stat.inode);
}

function sameU64(a: U64 | undefined, b: U64): boolean {
  return (a ?? 0) === b;
}
