import { compareTimestamps } from '../format/time.ts';
import type { TreeNode } from '../format/tree.ts';

/** Everything that a snapshot says about an entry is the same; times as instants, attributes in any order. */
export function nodesEqual(a: TreeNode, b: TreeNode): boolean {
  return (
    plainMembers.every((member) => (a[member] ?? zeros[member]) === (b[member] ?? zeros[member])) &&
    compareTimestamps(a.mtime, b.mtime) === 0 &&
    compareTimestamps(a.atime, b.atime) === 0 &&
    compareTimestamps(a.ctime, b.ctime) === 0 &&
    sameContent(a, b) &&
    sameExtendedAttributes(a, b) &&
    sameGenericAttributes(a, b)
  );
}

const plainMembers = [
  'name',
  'type',
  'mode',
  'uid',
  'gid',
  'user',
  'group',
  'inode',
  'deviceId',
  'size',
  'links',
  'linkTarget',
  'device',
  'subtree',
  'error',
] as const;

/** What an absent member means, so that absent and zero are the same. */
const zeros: { readonly [Member in (typeof plainMembers)[number]]?: string | number } = {
  mode: 0,
  user: '',
  group: '',
  inode: 0,
  deviceId: 0,
  size: 0,
  links: 0,
  linkTarget: '',
  device: 0,
  error: '',
};

export function sameContent(a: TreeNode, b: TreeNode): boolean {
  if (a.content === null || b.content === null) return a.content === b.content;
  return a.content.length === b.content.length && a.content.every((id, index) => id === b.content?.[index]);
}

function sameExtendedAttributes(a: TreeNode, b: TreeNode): boolean {
  const [mine = [], others = []] = [a.extendedAttributes, b.extendedAttributes];
  if (mine.length !== others.length) return false;
  const values = new Map(mine.map(({ name, value }) => [name, value ?? Buffer.alloc(0)]));
  return others.every(({ name, value }) => values.get(name)?.equals(value ?? Buffer.alloc(0)) === true);
}

function sameGenericAttributes(a: TreeNode, b: TreeNode): boolean {
  const [mine = {}, others = {}] = [a.genericAttributes, b.genericAttributes];
  const names = Object.keys(mine);
  return names.length === Object.keys(others).length && names.every((name) => mine[name] === others[name]);
}
