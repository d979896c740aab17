/**
 * A tree blob: the entries of one directory, ordered by the bytes of their names.
 *
 *   {"nodes":[NODE,…]}\n                   (the line feed is part of the blob; an empty directory has 13 bytes)
 *   NODE, members in this order, `?` left out when empty or zero:
 *     name  type  mode?  mtime  atime  ctime  uid  gid  user?  group?  inode?  device_id?  size?  links?
 *     linktarget?  linktarget_raw?  extended_attributes?  generic_attributes?  device?  content  subtree?  error?
 *
 * The id of a tree is the hash of this text, so one byte of difference would store every directory anew.
 */
import { assert, CoffreError, messageOf } from '../errors.ts';
import type { BlobId } from '../ids.ts';
import { byteStringOf, type ByteString } from './bytestring.ts';
import { parseJsonExactly } from './json-exact.ts';
import type { Timestamp } from './time.ts';
import { encodeNode } from './tree-node.ts';
import { readNode } from './tree-node-reader.ts';
import { scanTree } from './tree-scan.ts';

export type { Timestamp } from './time.ts';
export { encodeNode } from './tree-node.ts';

/** An unsigned 64-bit number: a `number` while it is exact, a `bigint` above 2^53 - 1 (so `===` compares values). */
export type U64 = number | bigint;

export type NodeType = 'file' | 'dir' | 'symlink' | 'dev' | 'chardev' | 'fifo' | 'socket' | 'irregular';

export type ExtendedAttribute = { readonly name: string; readonly value: Buffer | null };

/** One entry of a directory, as `{"nodes":[…]}` holds it. Absent JSON keys are absent here. */
export type TreeNode = {
  name: ByteString;
  type: NodeType;
  /** Go's file mode bits (not st_mode); see `mode.ts`. */
  mode?: number;
  mtime: Timestamp;
  atime: Timestamp;
  ctime: Timestamp;
  uid: number;
  gid: number;
  user?: string;
  group?: string;
  inode?: U64;
  deviceId?: U64;
  size?: U64;
  links?: U64;
  linkTarget?: ByteString;
  extendedAttributes?: readonly ExtendedAttribute[];
  /** JSON text of every value as the file has it; Windows only. */
  genericAttributes?: Readonly<Record<string, string>>;
  device?: U64;
  /** Data blobs of a file in order; null for everything else. */
  content: readonly BlobId[] | null;
  subtree?: BlobId;
  error?: string;
};

/** The blob of an empty directory. */
export const emptyTree: Buffer = Buffer.from('{"nodes":[]}\n', 'latin1');

/** Names must be in strictly increasing order. */
export function encodeTree(nodes: readonly TreeNode[]): Buffer {
  if (nodes.length === 0) return Buffer.from(emptyTree);
  const text = new BytesOut(nodes.length * 400);
  let separator = '{"nodes":[';
  let last: string | undefined;
  for (const node of nodes) {
    assert(last === undefined || last < node.name, `tree nodes are out of order at ${JSON.stringify(node.name)}`);
    last = node.name;
    text.append(separator + encodeNode(node));
    separator = ',';
  }
  text.append(']}\n');
  return text.bytes();
}

/** Text of bytes appended to a buffer at once: millions of pieces of text waiting to be joined keep the collector busy. */
class BytesOut {
  #buffer: Buffer;
  #used = 0;

  constructor(expectedBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(expectedBytes);
  }

  append(text: string): void {
    if (this.#used + text.length > this.#buffer.length) this.#grow(text.length);
    this.#used += this.#buffer.write(text, this.#used, 'latin1');
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  #grow(more: number): void {
    const larger = Buffer.allocUnsafeSlow(this.#buffer.length * 2 + more);
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }
}

/** Escapes in JSON for anything beyond ASCII, which `JSON.parse` would give as text among bytes. */
const wideEscape = /(?<!\\)(?:\\\\)*\\u(?!00[0-7])/;

/** Nodes in the order of the file.
 *  @throws {CoffreError} REPO_TREE_DAMAGED */
export function parseTree(bytes: Uint8Array): TreeNode[] {
  return scanTree(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) ?? parseAnyTree(byteStringOf(bytes));
}

/** However the JSON is written. */
function parseAnyTree(text: string): TreeNode[] {
  const isWide = text.includes('\\u') && wideEscape.test(text);
  return (isWide ? undefined : readNodes(parsed(JSON.parse, text), false)) ?? exactNodes(text);
}

function exactNodes(text: string): TreeNode[] {
  const nodes = readNodes(
    parsed((json) => parseJsonExactly(json, 'generic_attributes'), text),
    true,
  );
  if (nodes === undefined) throw new CoffreError('REPO_TREE_DAMAGED', 'a tree holds a number outside 64 bits');
  return nodes;
}

function parsed(parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new CoffreError('REPO_TREE_DAMAGED', `a tree is not valid JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** Undefined when a value needs the exact reader. */
function readNodes(document: unknown, isExact: boolean): TreeNode[] | undefined {
  const raw = typeof document === 'object' && document !== null && 'nodes' in document ? document.nodes : undefined;
  if (raw === null) return [];
  if (!Array.isArray(raw)) throw new CoffreError('REPO_TREE_DAMAGED', 'a tree has no list of nodes');
  const nodes: TreeNode[] = [];
  for (const value of raw as unknown[]) {
    const node = readNode(value, isExact);
    if (node === undefined) return undefined;
    nodes.push(node);
  }
  return nodes;
}
