/** One node of a tree from its JSON object, every member checked: trees come from repositories that others can write. */
import { CoffreError } from '../errors.ts';
import { isId, type BlobId } from '../ids.ts';
import { toText, type ByteString } from './bytestring.ts';
import { unquoteName } from './gostring.ts';
import { shown } from './shape.ts';
import { readTimestamp, zeroTimestamp, type Timestamp } from './time.ts';
import type { ExtendedAttribute, NodeType, TreeNode, U64 } from './tree.ts';

const nodeTypes: ReadonlySet<string> = new Set<NodeType>([
  'file',
  'dir',
  'symlink',
  'dev',
  'chardev',
  'fifo',
  'socket',
  'irregular',
]);
const u64Max = 2n ** 64n - 1n;
const u32Max = 2 ** 32 - 1;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

type RawNode = Readonly<Record<string, unknown>>;

function damaged(what: string): never {
  throw new CoffreError('REPO_TREE_DAMAGED', `a tree node ${what}`);
}

function nameOf(raw: RawNode): ByteString {
  if (typeof raw['name'] !== 'string') return damaged('has no name');
  const name = unquoteName(raw['name']);
  return isNodeName(name) ? name : damaged(`has the forbidden name ${JSON.stringify(name.slice(0, 256))}`);
}

/** One component of a path and nothing else: names become paths when a tree is restored. */
export function isNodeName(name: ByteString): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');
}

function typeOf(raw: RawNode): NodeType {
  const type = raw['type'];
  if (typeof type === 'string' && nodeTypes.has(type)) return type as NodeType;
  return damaged(`has the unknown type ${shown(type)}`);
}

/** rustic leaves out times it does not know; Go's zero time says the same. */
function timeOf(value: unknown, key: string): Timestamp {
  if (value === undefined || value === null) return zeroTimestamp;
  return (typeof value === 'string' ? readTimestamp(value) : undefined) ?? damaged(`has no valid ${key}`);
}

function u32(value: unknown, key: string): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'number' && value >= 0 && value <= u32Max && Number.isInteger(value)) return value;
  return damaged(`has an invalid ${key}`);
}

function textOf(value: unknown, key: string): string {
  return typeof value === 'string' ? toText(value as ByteString) : damaged(`has an invalid ${key}`);
}

function bytesFrom(value: unknown, key: string): Buffer {
  if (typeof value !== 'string' || !base64.test(value)) return damaged(`has an invalid ${key}`);
  return Buffer.from(value, 'base64');
}

function idOf(value: unknown, key: string): BlobId {
  return typeof value === 'string' && isId(value) ? (value as BlobId) : damaged(`has an invalid ${key}`);
}

function contentOf(value: unknown): readonly BlobId[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value)) return damaged('has an invalid content');
  for (const id of value as unknown[]) idOf(id, 'content');
  return value as BlobId[];
}

function attributesOf(value: unknown): ExtendedAttribute[] {
  if (!Array.isArray(value)) return damaged('has invalid extended attributes');
  return (value as unknown[]).map((item) => {
    if (typeof item !== 'object' || item === null || !('name' in item))
      return damaged('has invalid extended attributes');
    const data = 'value' in item ? item.value : null;
    return {
      name: textOf(item.name, 'attribute name'),
      value: data === null ? null : bytesFrom(data, 'attribute value'),
    };
  });
}

function genericOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return damaged('has invalid generic attributes');
  return Object.fromEntries(
    Object.entries(value).map(([key, raw]) => [toText(key as ByteString), textOf(raw, 'generic attribute')]),
  );
}

/** A 64-bit number; undefined when it must be read exactly. */
function exactNumber(value: unknown, key: string): U64 | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value === 'bigint') return value >= 0n && value <= u64Max ? value : undefined;
  return damaged(`has an invalid ${key}`);
}

const numberMembers = [
  ['inode', 'inode'],
  ['device_id', 'deviceId'],
  ['size', 'size'],
  ['links', 'links'],
  ['device', 'device'],
] as const;

/** Sets the 64-bit numbers; false when one of them must be read exactly. */
function setNumbers(node: TreeNode, raw: RawNode): boolean {
  for (const [key, member] of numberMembers) {
    const value = raw[key];
    if (value === undefined || value === null) continue;
    const number = exactNumber(value, key);
    if (number === undefined) return false;
    node[member] = number;
  }
  return true;
}

function setRare(node: TreeNode, raw: RawNode): void {
  if (raw['linktarget_raw'] != null) {
    node.linkTarget = bytesFrom(raw['linktarget_raw'], 'link target').toString('latin1') as ByteString;
  } else if (raw['linktarget'] != null) {
    if (typeof raw['linktarget'] !== 'string') damaged('has an invalid link target');
    node.linkTarget = raw['linktarget'] as ByteString;
  }
  if (raw['extended_attributes'] != null) node.extendedAttributes = attributesOf(raw['extended_attributes']);
  if (raw['generic_attributes'] != null) node.genericAttributes = genericOf(raw['generic_attributes']);
  if (raw['error'] != null) node.error = textOf(raw['error'], 'error');
}

/** `isExact`: numbers above 2^53 are bigint and generic attributes are raw text.
 *  Undefined when that is needed and not so. Text in `value` is bytes (Latin-1).
 *  @throws {CoffreError} REPO_TREE_DAMAGED */
export function readNode(value: unknown, isExact: boolean): TreeNode | undefined {
  if (typeof value !== 'object' || value === null) return damaged('is not an object');
  const raw = value as RawNode;
  if (!isExact && raw['generic_attributes'] != null) return undefined;
  const mtime = timeOf(raw['mtime'], 'mtime');
  const node: TreeNode = {
    name: nameOf(raw),
    type: typeOf(raw),
    mtime,
    atime: raw['atime'] === raw['mtime'] ? mtime : timeOf(raw['atime'], 'atime'),
    ctime: raw['ctime'] === raw['mtime'] ? mtime : timeOf(raw['ctime'], 'ctime'),
    uid: u32(raw['uid'], 'uid'),
    gid: u32(raw['gid'], 'gid'),
    content: contentOf(raw['content']),
  };
  if (!setNumbers(node, raw)) return undefined;
  const mode = u32(raw['mode'], 'mode');
  if (mode !== 0) node.mode = mode;
  if (raw['user'] != null) node.user = textOf(raw['user'], 'user');
  if (raw['group'] != null) node.group = textOf(raw['group'], 'group');
  if (raw['subtree'] != null) node.subtree = idOf(raw['subtree'], 'subtree');
  setRare(node, raw);
  return node;
}
