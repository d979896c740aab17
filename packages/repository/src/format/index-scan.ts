/**
 * Reads an index file as Go and rustic write it, byte by byte and without building objects; layout in `index-file.ts`.
 * Anything unexpected (white space, another order, unknown members) sends the file through the ordinary parser instead.
 */
import { encodeIndexFile, parseIndexFile } from './index-file.ts';
import type { BlobType } from './pack-header.ts';

/** Ids come as the offset of their 64 hexadecimal digits in `source`, not yet checked; decode them with `decodeHexId`. */
export type IndexVisitor = {
  /** The blobs that follow lie in this pack, until the next call. */
  pack(source: Uint8Array, idAt: number): void;
  /** `uncompressedLength` is 0 for a blob that is not compressed. */
  blob(
    source: Uint8Array,
    idAt: number,
    type: BlobType,
    offset: number,
    length: number,
    uncompressedLength: number,
  ): void;
};

/** Visits packs and blobs in file order; packs to delete are left out.
 *  When it throws, some of the file has been visited already.
 *  @throws {CoffreError} REPO_FILE_DAMAGED */
export function scanIndexFile(bytes: Uint8Array, visitor: IndexVisitor): void {
  const scan = new Scan(bytes, visitor);
  if (scan.file()) return;
  const canonical = encodeIndexFile({ packs: parseIndexFile(bytes).packs });
  // what was read before the surprise was valid and stands first in the other reading too
  new Scan(canonical, skipping(visitor, scan.packs, scan.blobs)).file();
}

function skipping(visitor: IndexVisitor, packs: number, blobs: number): IndexVisitor {
  let packsLeft = packs;
  let blobsLeft = blobs;
  return {
    pack: (source, idAt) => {
      if (packsLeft > 0) packsLeft -= 1;
      else visitor.pack(source, idAt);
    },
    blob: (source, idAt, type, offset, length, uncompressedLength) => {
      if (blobsLeft > 0) blobsLeft -= 1;
      else visitor.blob(source, idAt, type, offset, length, uncompressedLength);
    },
  };
}

function literal(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

const fileStart = literal('{"packs":[');
const packStart = literal('{"id":"');
const packBlobs = literal('","blobs":[');
const packTime = literal(',"time":"');
const packSize = literal(',"size":');
const blobData = literal('","type":"data","offset":');
const blobTree = literal('","type":"tree","offset":');
const blobLength = literal(',"length":');
const blobSize = literal(',"uncompressed_length":');
const fileEnd = literal(']}');

const idDigits = 64;
const comma = 0x2c;
const quote = 0x22;
const brace = 0x7b;
const endBrace = 0x7d;
const endBracket = 0x5d;
const lineFeed = 0x0a;
const u32Max = 2 ** 32 - 1;

class Scan {
  /** How many were visited. */
  packs = 0;
  blobs = 0;
  readonly #bytes: Uint8Array;
  readonly #visitor: IndexVisitor;
  #at = 0;

  constructor(bytes: Uint8Array, visitor: IndexVisitor) {
    this.#bytes = bytes;
    this.#visitor = visitor;
  }

  /** False when the text is not canonical. */
  file(): boolean {
    if (!this.#take(fileStart)) return false;
    if (this.#bytes[this.#at] === brace) {
      do if (!this.#pack()) return false;
      while (this.#takeByte(comma));
    }
    if (!this.#take(fileEnd)) return false;
    this.#takeByte(lineFeed);
    return this.#at === this.#bytes.length;
  }

  #pack(): boolean {
    if (!this.#take(packStart)) return false;
    const idAt = this.#at;
    this.#at += idDigits;
    if (!this.#take(packBlobs)) return false;
    this.#visitor.pack(this.#bytes, idAt);
    this.packs += 1;
    if (this.#bytes[this.#at] === brace) {
      do if (!this.#blob()) return false;
      while (this.#takeByte(comma));
    }
    return this.#takeByte(endBracket) && this.#packExtras() && this.#takeByte(endBrace);
  }

  /** What rustic adds to a pack. */
  #packExtras(): boolean {
    if (this.#take(packTime)) {
      const end = this.#bytes.indexOf(quote, this.#at);
      if (end < 0 || this.#bytes.subarray(this.#at, end).includes(0x5c)) return false;
      this.#at = end + 1;
    }
    return !this.#take(packSize) || this.#number() >= 0;
  }

  #blob(): boolean {
    if (!this.#take(packStart)) return false;
    const idAt = this.#at;
    this.#at += idDigits;
    const isData = this.#take(blobData);
    if (!isData && !this.#take(blobTree)) return false;
    const offset = this.#number();
    if (!this.#take(blobLength)) return false;
    const length = this.#number();
    const uncompressedLength = this.#bytes[this.#at] === comma ? this.#optionalSize() : 0;
    if (offset < 0 || length < 0 || uncompressedLength < 0 || !this.#takeByte(endBrace)) return false;
    this.#visitor.blob(this.#bytes, idAt, isData ? 'data' : 'tree', offset, length, uncompressedLength);
    this.blobs += 1;
    return true;
  }

  #optionalSize(): number {
    return this.#take(blobSize) ? this.#number() : -1;
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

  /** An unsigned 32-bit number without superfluous zeros, or -1. */
  #number(): number {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let value = 0;
    for (
      let digit = (bytes[at] ?? 0) - 0x30;
      digit >= 0 && digit <= 9 && at - from < 10;
      digit = (bytes[at] ?? 0) - 0x30
    ) {
      value = value * 10 + digit;
      at += 1;
    }
    this.#at = at;
    if (at === from || value > u32Max || (bytes[from] === 0x30 && at - from > 1)) return -1;
    return value;
  }
}
