/**
 * Reads a tree as Go writes it, straight from the bytes: several times faster than building JSON objects first.
 * Anything unexpected (white space, another order, rare members, escapes beyond ASCII) gives undefined, and the caller
 * takes the general reader, which also words the errors.
 */
import { isId, type BlobId } from '../ids.ts';
import { toText, type ByteString } from './bytestring.ts';
import { unquoteName } from './gostring.ts';
import { isHexId } from './hex.ts';
import { readTimestampIn, type Timestamp } from './time.ts';
import { isNodeName } from './tree-node-reader.ts';
import type { ExtendedAttribute, NodeType, TreeNode, U64 } from './tree.ts';

export function scanTree(bytes: Buffer): TreeNode[] | undefined {
  return new TreeScan(bytes).tree();
}

/** The same, and where the text of each node ends; it begins after the comma that follows the one before. */
export function scanTreeTexts(bytes: Buffer): { nodes: TreeNode[]; ends: number[] } | undefined {
  const ends: number[] = [];
  const nodes = new TreeScan(bytes).tree(ends);
  return nodes === undefined ? undefined : { nodes, ends };
}

/** Where the text of the first node begins. */
export const firstNodeAt = 10;

function literal(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

const treeStart = literal('{"nodes":[');
const treeEnd = literal(']}\n');
const nodeStart = literal('{"name":"');
const typeMember = literal(',"type":"');
const modeMember = literal(',"mode":');
const mtimeMember = literal(',"mtime":"');
const atimeMember = literal(',"atime":"');
const ctimeMember = literal(',"ctime":"');
const uidMember = literal(',"uid":');
const gidMember = literal(',"gid":');
const userMember = literal(',"user":"');
const groupMember = literal(',"group":"');
const inodeMember = literal(',"inode":');
const deviceIdMember = literal(',"device_id":');
const sizeMember = literal(',"size":');
const linksMember = literal(',"links":');
const linkTargetMember = literal(',"linktarget":"');
const attributesMember = literal(',"extended_attributes":[');
const attributeStart = literal('{"name":"');
const attributeValue = literal(',"value":"');
const deviceMember = literal(',"device":');
const contentNull = literal(',"content":null');
const contentEmpty = literal(',"content":[]');
const contentStart = literal(',"content":["');
const contentNext = literal('","');
const contentEnd = literal('"]');
const subtreeMember = literal(',"subtree":"');

const nodeTypes: readonly (readonly [Uint8Array, NodeType])[] = (
  ['file', 'dir', 'symlink', 'dev', 'chardev', 'fifo', 'socket', 'irregular'] as const
).map((type) => [literal(`${type}"`), type]);

const letterC = 0x63;
const comma = 0x2c;
const quote = 0x22;
const backslash = 0x5c;
const endBrace = 0x7d;
const endBracket = 0x5d;
const u32Max = 2 ** 32 - 1;
const u64Max = 2n ** 64n - 1n;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A string met before; neighbours usually have the same owner. */
type Remembered = { from: number; to: number; text: string };

type Members = { [K in keyof TreeNode]: TreeNode[K] | undefined } & Pick<
  TreeNode,
  'name' | 'type' | 'mtime' | 'atime' | 'ctime' | 'uid' | 'gid' | 'content'
>;

/** Nearly every file has all of these, and then the object is used as it is; else only what is there is copied. */
function nodeOf(members: Members): TreeNode {
  const { name, type, mode, mtime, atime, ctime, uid, gid, user, group, inode, deviceId, size, links, content } =
    members;
  const isComplete = mode !== undefined && inode !== undefined && deviceId !== undefined && size !== undefined;
  if (isComplete && user !== undefined && group !== undefined && links !== undefined) return members as TreeNode;
  const node: TreeNode = { name, type, mtime, atime, ctime, uid, gid, content };
  if (mode !== undefined) node.mode = mode;
  if (user !== undefined) node.user = user;
  if (group !== undefined) node.group = group;
  if (inode !== undefined) node.inode = inode;
  if (deviceId !== undefined) node.deviceId = deviceId;
  if (size !== undefined) node.size = size;
  if (links !== undefined) node.links = links;
  return node;
}

class TreeScan {
  readonly #bytes: Buffer;
  #at = 0;
  #isOdd = false;
  readonly #user: Remembered = { from: 0, to: -1, text: '' };
  readonly #group: Remembered = { from: 0, to: -1, text: '' };

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  tree(ends?: number[]): TreeNode[] | undefined {
    const nodes: TreeNode[] = [];
    if (!this.#take(treeStart)) return undefined;
    if (this.#bytes[this.#at] !== endBracket) {
      do {
        const node = this.#node();
        if (this.#isOdd || node === undefined) return undefined;
        nodes.push(node);
        ends?.push(this.#at);
      } while (this.#takeByte(comma));
    }
    return this.#take(treeEnd) && this.#at === this.#bytes.length ? nodes : undefined;
  }

  #node(): TreeNode | undefined {
    this.#expect(nodeStart);
    const name = this.#name();
    const type = this.#type();
    const mode = this.#take(modeMember) ? this.#u32() : undefined;
    const mtime = this.#time(mtimeMember, undefined);
    const atime = this.#time(atimeMember, mtime);
    const ctime = this.#time(ctimeMember, mtime);
    this.#expect(uidMember);
    const uid = this.#u32();
    this.#expect(gidMember);
    const gid = this.#u32();
    const user = this.#take(userMember) ? this.#remembered(this.#user) : undefined;
    const group = this.#take(groupMember) ? this.#remembered(this.#group) : undefined;
    const inode = this.#optionalU64(inodeMember);
    const deviceId = this.#optionalU64(deviceIdMember);
    const size = this.#optionalU64(sizeMember);
    const links = this.#optionalU64(linksMember);
    const rare = this.#rare();
    const content = this.#content();
    if (this.#isOdd || type === undefined || mtime === undefined || atime === undefined || ctime === undefined) {
      return undefined;
    }
    const node = nodeOf({
      name,
      type,
      mode,
      mtime,
      atime,
      ctime,
      uid,
      gid,
      user,
      group,
      inode,
      deviceId,
      size,
      links,
      content,
    });
    if (rare !== undefined) Object.assign(node, rare);
    if (this.#take(subtreeMember)) node.subtree = this.#id();
    return this.#takeByte(endBrace) ? node : undefined;
  }

  /** What stands between `links` and `content`. */
  #rare(): Partial<TreeNode> | undefined {
    if (this.#bytes[this.#at + 2] === letterC) return undefined;
    const rare: Partial<TreeNode> = {};
    if (this.#take(linkTargetMember)) rare.linkTarget = this.#string() as ByteString;
    if (this.#take(attributesMember)) rare.extendedAttributes = this.#attributes();
    if (this.#take(deviceMember)) rare.device = this.#u64();
    return rare;
  }

  #optionalU64(member: Uint8Array): U64 | undefined {
    return this.#take(member) ? this.#u64() : undefined;
  }

  #name(): ByteString {
    const quoted = this.#string();
    // an odd name is left to the general reader, which says what is wrong with it
    if (this.#isOdd) return '' as ByteString;
    const name = unquoteName(quoted);
    if (!isNodeName(name)) this.#isOdd = true;
    return name;
  }

  #type(): NodeType | undefined {
    this.#expect(typeMember);
    return nodeTypes.find(([token]) => this.#take(token))?.[1];
  }

  /** `before` is given again when it is the same time. */
  #time(member: Uint8Array, before: Timestamp | undefined): Timestamp | undefined {
    this.#expect(member);
    const from = this.#at;
    let to = from + 20;
    while (to < this.#bytes.length && this.#bytes[to] !== quote && to - from < 40) to += 1;
    this.#at = to + 1;
    const time = readTimestampIn(this.#bytes, from, to);
    if (time === undefined || before === undefined) return time;
    const isSame = time.sec === before.sec && time.nsec === before.nsec && time.offsetMinutes === before.offsetMinutes;
    return isSame ? before : time;
  }

  #content(): BlobId[] | null {
    if (this.#take(contentNull)) return null;
    if (this.#take(contentEmpty)) return [];
    this.#expect(contentStart);
    const ids: BlobId[] = [];
    do {
      const from = this.#at;
      if (!isHexId(this.#bytes, from)) this.#isOdd = true;
      ids.push(this.#bytes.toString('latin1', from, from + 64) as BlobId);
      this.#at = from + 64;
    } while (this.#take(contentNext));
    this.#expect(contentEnd);
    return ids;
  }

  #id(): BlobId {
    const text = this.#string();
    if (!isId(text)) this.#isOdd = true;
    return text as BlobId;
  }

  #attributes(): ExtendedAttribute[] {
    const attributes: ExtendedAttribute[] = [];
    do {
      this.#expect(attributeStart);
      const name = toText(this.#string() as ByteString);
      this.#expect(attributeValue);
      const value = this.#string();
      if (!base64.test(value) || !this.#takeByte(endBrace)) this.#isOdd = true;
      attributes.push({ name, value: Buffer.from(value, 'base64') });
    } while (!this.#isOdd && this.#takeByte(comma));
    if (!this.#takeByte(endBracket)) this.#isOdd = true;
    return attributes;
  }

  #remembered(last: Remembered): string {
    const bytes = this.#bytes;
    const from = this.#at;
    let i = 0;
    const size = last.to - last.from;
    while (i < size && bytes[from + i] === bytes[last.from + i]) i += 1;
    if (i === size && bytes[from + i] === quote) {
      this.#at = from + size + 1;
      return last.text;
    }
    last.text = toText(this.#string() as ByteString);
    last.from = from;
    last.to = this.#at - 1;
    return last.text;
  }

  /** Bytes up to the closing quote, which is stepped over. */
  #string(): string {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let hasEscape = false;
    for (; ; at += 1) {
      const byte = bytes[at] as number;
      if (byte === quote) break;
      if (byte === backslash) {
        hasEscape = true;
        at += 1;
      } else if (!(byte >= 0x20)) {
        this.#isOdd = true;
        return '';
      }
    }
    this.#at = at + 1;
    const text = bytes.toString('latin1', from, at);
    return hasEscape ? this.#unescape(text) : text;
  }

  /** Only what Go escapes within ASCII; the rest is for the general reader. */
  #unescape(text: string): string {
    let out = '';
    let from = 0;
    for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', from)) {
      out += text.slice(from, at);
      const letter = text.charCodeAt(at + 1);
      if (letter === quote || letter === backslash) {
        out += String.fromCharCode(letter);
        from = at + 2;
        continue;
      }
      const html = htmlEscapes.get(text.slice(at, at + 6));
      if (html === undefined) {
        this.#isOdd = true;
        return '';
      }
      out += html;
      from = at + 6;
    }
    return out + text.slice(from);
  }

  #u32(): number {
    const value = this.#u64();
    if (typeof value === 'number' && value <= u32Max) return value;
    this.#isOdd = true;
    return 0;
  }

  #u64(): U64 {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let value = 0;
    for (let digit = (bytes[at] as number) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[at] as number) - 0x30) {
      value = value * 10 + digit;
      at += 1;
    }
    this.#at = at;
    const size = at - from;
    if (size === 0 || size > 20 || (size > 1 && bytes[from] === 0x30)) this.#isOdd = true;
    return size <= 15 || this.#isOdd ? value : this.#exactly(bytes.toString('latin1', from, at));
  }

  #exactly(digits: string): U64 {
    const value = BigInt(digits);
    if (value > u64Max) this.#isOdd = true;
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  #expect(token: Uint8Array): void {
    if (!this.#take(token)) this.#isOdd = true;
  }

  /** Steps over `token` if it is next. */
  #take(token: Uint8Array): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    for (let i = 0; i < token.length; i += 1) if (bytes[at + i] !== token[i]) return false;
    this.#at = at + token.length;
    return true;
  }

  #takeByte(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at += 1;
    return true;
  }
}

const htmlEscapes: ReadonlyMap<string, string> = new Map([
  ['\\u003c', '<'],
  ['\\u003e', '>'],
  ['\\u0026', '&'],
]);
