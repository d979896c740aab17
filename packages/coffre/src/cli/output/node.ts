/** One entry of a snapshot: the line of `ls -l`, and the JSON objects of `ls` and `find`. */
import { formatTimestamp, modeText, toText } from '@coffre/repository';
import type { ByteString, TreeNode } from '@coffre/repository';
import { showName } from './display.ts';
import { column, formatBytes } from './format.ts';
import { withoutEmpty } from './json.ts';
import { formatLocalTime } from './local-time.ts';

export type NodeLineOptions = { readonly long: boolean; readonly humanReadable: boolean };

/** Go's type bits, for trees whose modes carry the permissions only. */
const typeBits: Readonly<Record<TreeNode['type'], number>> = {
  file: 0,
  dir: 2 ** 31,
  symlink: 2 ** 27,
  dev: 2 ** 26,
  chardev: 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
  irregular: 0,
};

export function nodeLine(path: ByteString, node: TreeNode, options: NodeLineOptions): string {
  const name = showName(path);
  if (!options.long) return name;
  const mode = ((node.mode ?? 0) | typeBits[node.type]) >>> 0;
  const size = options.humanReadable ? formatBytes(node.size ?? 0) : column(node.size ?? 0, 6);
  const time = formatLocalTime(new Date(node.mtime.sec * 1000));
  const target = node.type === 'symlink' ? ` -> ${showName(node.linkTarget ?? ('' as ByteString))}` : '';
  return `${modeText(mode)} ${column(node.uid)} ${column(node.gid)} ${size} ${time} ${name}${target}`;
}

/** The message of `ls --json`. Files carry their size also when it is 0, others never. */
export function listedNodeJson(path: ByteString, node: TreeNode): Record<string, unknown> {
  return {
    name: toText(node.name),
    type: node.type,
    path: toText(path),
    uid: node.uid,
    gid: node.gid,
    ...(node.type === 'file' ? { size: node.size ?? 0 } : {}),
    ...withoutEmpty({ mode: node.mode }),
    permissions: modeText(node.mode ?? 0),
    mtime: formatTimestamp(node.mtime),
    atime: formatTimestamp(node.atime),
    ctime: formatTimestamp(node.ctime),
    ...withoutEmpty({ inode: node.inode }),
    message_type: 'node',
    struct_type: 'node',
  };
}

/** A match of `find --json`: the node as stored, without its name and what it is made of. */
export function foundNodeJson(path: ByteString, node: TreeNode): Record<string, unknown> {
  return {
    path: toText(path),
    permissions: modeText(node.mode ?? 0),
    type: node.type,
    ...withoutEmpty({ mode: node.mode }),
    mtime: formatTimestamp(node.mtime),
    atime: formatTimestamp(node.atime),
    ctime: formatTimestamp(node.ctime),
    uid: node.uid,
    gid: node.gid,
    ...withoutEmpty({
      user: node.user,
      group: node.group,
      inode: node.inode,
      device_id: node.deviceId,
      size: node.size,
      links: node.links,
      linktarget: node.linkTarget === undefined ? undefined : toText(node.linkTarget),
      linktarget_raw: rawTarget(node.linkTarget),
      error: node.error,
    }),
  };
}

/** Present only where the text could not hold the bytes. */
function rawTarget(target: ByteString | undefined): string | undefined {
  if (target === undefined) return undefined;
  const bytes = Buffer.from(target, 'latin1');
  return Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes) ? undefined : bytes.toString('base64');
}
