/**
 * A tar archive, POSIX.1-2001: 512-byte blocks; what a header cannot hold goes into an extended header before it.
 *
 *   0 name 100    100 mode 8    108 uid 8     116 gid 8     124 size 12   136 mtime 12   148 checksum 8
 *   156 type 1    157 linkname 100    257 "ustar\0" "00"    265 uname 32  297 gname 32   329 devmajor 8
 *   337 devminor 8                    345 prefix 155
 *
 * Numbers are octal digits and a NUL. An extended header is an entry of type `x` whose content is `LENGTH KEY=VALUE\n`.
 * Names are bytes; where they are no UTF-8 the extended header says `hdrcharset=BINARY`.
 */
import { isUtf8 } from 'node:buffer';
import { bytesOf, toByteString, type ByteString } from '../format/bytestring.ts';
import { unixMode } from '../format/mode.ts';
import type { NodeType, TreeNode } from '../format/tree.ts';
import { formatAcl } from './acl.ts';

export const tarBlockBytes = 512;

export type TarEntry = {
  /** Inside the archive, without a slash in front. */
  readonly path: ByteString;
  readonly node: TreeNode;
  readonly sizeBytes: number;
  /** Path of the entry that holds the content: this is a further name of it. */
  readonly hardLinkTo?: ByteString;
};

const nameBytes = 100;
const prefixBytes = 155;
const ownerNameBytes = 32;
const idMax = 0o7777777;
const longMax = 0o77777777777;

const typeFlags: Readonly<Record<NodeType, string>> = {
  file: '0',
  symlink: '2',
  chardev: '3',
  dev: '4',
  dir: '5',
  fifo: '6',
  socket: '0',
  irregular: '0',
};

/** Everything before the content. */
export function tarHeader(entry: TarEntry): Buffer {
  const { node, hardLinkTo } = entry;
  const path = (node.type === 'dir' ? `${entry.path}/` : entry.path) as ByteString;
  const linkName = hardLinkTo ?? node.linkTarget ?? ('' as ByteString);
  const sizeBytes = hardLinkTo === undefined ? entry.sizeBytes : 0;
  const records = new PaxRecords();
  const split = splitName(path);
  if (split === undefined) records.addPath('path', path);
  if (linkName.length > nameBytes) records.addPath('linkpath', linkName);
  if (sizeBytes > longMax) records.add('size', String(sizeBytes));
  if (node.uid > idMax) records.add('uid', String(node.uid));
  if (node.gid > idMax) records.add('gid', String(node.gid));
  const { sec, nsec } = node.mtime;
  if (nsec !== 0 || sec < 0 || sec > longMax) records.add('mtime', paxTime(sec, nsec));
  const user = records.ownerName('uname', node.user ?? '');
  const group = records.ownerName('gname', node.group ?? '');
  if (hardLinkTo === undefined) addXattrs(records, node);

  const device = deviceNumbers(node);
  const header = ustarHeader({
    name: split?.name ?? path.slice(-nameBytes),
    prefix: split?.prefix ?? '',
    mode: unixMode(node.mode ?? 0, node.type) & 0o7777,
    uid: node.uid > idMax ? 0 : node.uid,
    gid: node.gid > idMax ? 0 : node.gid,
    sizeBytes: sizeBytes > longMax ? 0 : sizeBytes,
    mtime: sec < 0 || sec > longMax ? 0 : sec,
    type: hardLinkTo === undefined ? typeFlags[node.type] : '1',
    linkName: linkName.slice(0, nameBytes),
    user,
    group,
    ...device,
  });
  return records.isEmpty ? header : Buffer.concat([records.entry(), header]);
}

/** Zeros from the end of the content to the next block. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes);
}

export const tarEnd: Buffer = Buffer.alloc(2 * tarBlockBytes);

type UstarFields = {
  name: string;
  prefix: string;
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtime: number;
  type: string;
  linkName: string;
  user: string;
  group: string;
  major: number;
  minor: number;
};

function ustarHeader(fields: UstarFields): Buffer {
  const header = Buffer.alloc(tarBlockBytes);
  const octal = (at: number, length: number, value: number): void => {
    header.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1');
  };
  header.write(fields.name, 0, 'latin1');
  octal(100, 8, fields.mode);
  octal(108, 8, fields.uid);
  octal(116, 8, fields.gid);
  octal(124, 12, fields.sizeBytes);
  octal(136, 12, fields.mtime);
  header.fill(' ', 148, 156);
  header.write(fields.type, 156, 'latin1');
  header.write(fields.linkName, 157, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(fields.user, 265, 'latin1');
  header.write(fields.group, 297, 'latin1');
  octal(329, 8, fields.major);
  octal(337, 8, fields.minor);
  header.write(fields.prefix, 345, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** Long paths are cut at a slash into prefix and name, when such a cut exists. */
function splitName(path: ByteString): { name: string; prefix: string } | undefined {
  if (path.length <= nameBytes) return { name: path, prefix: '' };
  const cut = path.lastIndexOf('/', Math.min(prefixBytes, path.length - 2));
  const name = path.slice(cut + 1);
  return cut <= 0 || name.length > nameBytes || name === '' ? undefined : { name, prefix: path.slice(0, cut) };
}

function paxTime(sec: number, nsec: number): string {
  if (nsec === 0) return String(sec);
  // A negative time counts down: -1 s and 0.25 s after it is -0.75.
  const [whole, fraction] = sec < 0 ? [sec + 1, 1e9 - nsec] : [sec, nsec];
  const sign = sec < 0 && whole === 0 ? '-' : '';
  return `${sign}${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}

/** As `makedev` packs them on Linux. */
function deviceNumbers({ type, device }: TreeNode): { major: number; minor: number } {
  if (type !== 'dev' && type !== 'chardev') return { major: 0, minor: 0 };
  const value = BigInt(device ?? 0);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & ~0xfffn);
  const minor = (value & 0xffn) | ((value >> 12n) & ~0xffn);
  return { major: Number(major & 0x1fffffn), minor: Number(minor & 0x1fffffn) };
}

const aclKeys: Readonly<Record<string, string>> = {
  'system.posix_acl_access': 'SCHILY.acl.access',
  'system.posix_acl_default': 'SCHILY.acl.default',
};

function addXattrs(records: PaxRecords, node: TreeNode): void {
  for (const { name, value } of node.extendedAttributes ?? []) {
    const bytes = value ?? Buffer.alloc(0);
    const aclKey = aclKeys[name];
    const text = aclKey === undefined ? undefined : formatAcl(bytes);
    if (aclKey === undefined) records.add(`SCHILY.xattr.${name}`, bytes.toString('latin1'));
    else if (text !== undefined) records.add(aclKey, text);
  }
}

/** Keys are text, values bytes. */
class PaxRecords {
  readonly #records: string[] = [];
  #isBinary = false;

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  add(key: string, value: string): void {
    const body = ` ${toByteString(key)}=${value}\n`;
    // The length counts itself.
    let length = body.length + String(body.length).length;
    length = body.length + String(length).length;
    this.#records.push(`${length}${body}`);
  }

  addPath(key: string, path: ByteString): void {
    if (!this.#isBinary && !isUtf8(bytesOf(path))) {
      this.#isBinary = true;
      this.add('hdrcharset', 'BINARY');
    }
    this.add(key, path);
  }

  /** @returns what the plain header holds. */
  ownerName(key: string, name: string): string {
    const bytes = toByteString(name);
    if (bytes.length < ownerNameBytes && bytes === name) return bytes;
    this.add(key, bytes);
    return '';
  }

  entry(): Buffer {
    const body = Buffer.from(this.#records.join(''), 'latin1');
    const header = ustarHeader({
      name: 'PaxHeaders/entry',
      prefix: '',
      mode: 0o600,
      uid: 0,
      gid: 0,
      sizeBytes: body.length,
      mtime: 0,
      type: 'x',
      linkName: '',
      user: '',
      group: '',
      major: 0,
      minor: 0,
    });
    return Buffer.concat([header, body, tarPadding(body.length)]);
  }
}
