/** One node of a tree as JSON text; the order of members is in `tree.ts`. */
import { toByteString, type ByteString } from './bytestring.ts';
import { jsonBytes, jsonStringBytes } from './gojson.ts';
import { quoteName } from './gostring.ts';
import { compareTimestamps, formatTimestamp, type Timestamp } from './time.ts';
import type { ExtendedAttribute, TreeNode, U64 } from './tree.ts';
import { isUtf8 } from './utf8.ts';

const safeName = /^[\x20\x21\x23-\x25\x27-\x3b\x3d\x3f-\x5b\x5d-\x7e]*$/;

function nameText(name: ByteString): string {
  return safeName.test(name) ? `"${name}"` : jsonBytes(quoteName(name));
}

function text(key: string, value: string | undefined): string {
  return value === undefined || value === '' ? '' : `,"${key}":${jsonStringBytes(value)}`;
}

function count(key: string, value: U64 | undefined): string {
  return value === undefined || value === 0 || value === 0n ? '' : `,"${key}":${value}`;
}

function timesText(node: TreeNode): string {
  const mtime = formatTimestamp(node.mtime);
  return `,"mtime":"${mtime}","atime":"${textUnless(node.atime, node.mtime, mtime)}","ctime":"${textUnless(node.ctime, node.mtime, mtime)}"`;
}

/** Most nodes have equal times; writing one takes longer than comparing two. */
function textUnless(t: Timestamp, known: Timestamp, knownText: string): string {
  return compareTimestamps(t, known) === 0 && t.offsetMinutes === known.offsetMinutes ? knownText : formatTimestamp(t);
}

function linkText(target: ByteString | undefined): string {
  if (target === undefined || target === '') return '';
  const raw = isUtf8(target) ? '' : `,"linktarget_raw":"${Buffer.from(target, 'latin1').toString('base64')}"`;
  return `,"linktarget":${jsonBytes(target)}${raw}`;
}

function attributesText(attributes: readonly ExtendedAttribute[] | undefined): string {
  if (attributes === undefined || attributes.length === 0) return '';
  const items = attributes.map(({ name, value }) => {
    const valueText = value === null ? 'null' : `"${value.toString('base64')}"`;
    return `{"name":${jsonStringBytes(name)},"value":${valueText}}`;
  });
  return `,"extended_attributes":[${items.join(',')}]`;
}

function genericText(attributes: Readonly<Record<string, string>> | undefined): string {
  const members = Object.entries(attributes ?? {})
    .map(([key, value]): [string, string] => [toByteString(key), toByteString(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (members.length === 0) return '';
  return `,"generic_attributes":{${members.map(([key, value]) => `${jsonBytes(key)}:${value}`).join(',')}}`;
}

function contentText(node: TreeNode): string {
  if (node.content === null) return 'null';
  return node.content.length === 0 ? '[]' : `["${node.content.join('","')}"]`;
}

/** JSON text of one node, as text of bytes (Latin-1). */
export function encodeNode(node: TreeNode): string {
  return (
    `{"name":${nameText(node.name)},"type":"${node.type}"${count('mode', node.mode)}${timesText(node)}` +
    `,"uid":${node.uid},"gid":${node.gid}${text('user', node.user)}${text('group', node.group)}` +
    `${count('inode', node.inode)}${count('device_id', node.deviceId)}${count('size', node.size)}${count('links', node.links)}` +
    `${linkText(node.linkTarget)}${attributesText(node.extendedAttributes)}${genericText(node.genericAttributes)}` +
    `${count('device', node.device)},"content":${contentText(node)}` +
    `${node.subtree === undefined ? '' : `,"subtree":"${node.subtree}"`}${text('error', node.error)}}`
  );
}
