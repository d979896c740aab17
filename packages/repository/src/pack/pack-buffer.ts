import type { NonceSource } from '../crypto/nonce-source.ts';
import { sealOverheadBytes } from '../crypto/seal.ts';
import { sha256, sha256Hex } from '../crypto/hash.ts';
import type { ZstdCodec } from '../compress/zstd-codec.ts';
import type { CompressionLevel } from '../compress/zstd.ts';
import { encodeHeader, headerEntryBytes, type HeaderEntry } from '../format/pack-header.ts';
import { assert } from '../errors.ts';
import type { BlobId, PackId } from '../ids.ts';
import type { BulkSealer } from './bulk-sealer.ts';
import { SmallBlobs } from './small-blobs.ts';
import type { BlobType } from '../index/blob-table.ts';

/** Where a blob went inside a pack that is being filled. */
export type PackedBlob = HeaderEntry & { readonly offset: number };

export type FinishedPack = {
  readonly id: PackId;
  /**
   * The file is the first `sizeBytes` of this buffer. Shared, so that it goes to another thread without moving: each
   * arrival of a moved one is a reason for the engine to collect all garbage.
   */
  readonly buffer: SharedArrayBuffer;
  readonly sizeBytes: number;
  readonly type: BlobType;
  readonly blobs: readonly PackedBlob[];
};

/** A header is at most 16 MiB sealed; restic refuses longer ones. */
const entriesMax = 400_000;

/** Sealed together with others up to this size. */
const smallBodyBytesMax = 64 * 1024;
const stageBytes = 1024 * 1024;

/** Of one thread; its packs are filled one after the other. */
export type PackOptions = {
  readonly sealer: BulkSealer;
  readonly nonces: NonceSource;
  readonly codec: ZstdCodec;
  readonly version: 1 | 2;
  readonly compression: CompressionLevel;
  /** Made when the first small blob comes. Belongs to the pack that is being filled. */
  small?: SmallBlobs;
  /** Close the pack at this size. */
  readonly targetBytes: number;
};

/**
 * One pack being filled, blob after blob, each sealed on its own and opened again before it counts.
 * Data and trees never share a pack.
 */
export class PackBuffer {
  readonly type: BlobType;
  readonly #options: PackOptions;
  readonly #recycled: (() => SharedArrayBuffer | undefined) | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  #used = 0;
  #headerBytes = sealOverheadBytes + 4;
  #blobs: PackedBlob[] = [];

  /** @param recycled gives memory that is not needed any more, when there is some */
  constructor(type: BlobType, options: PackOptions, recycled?: () => SharedArrayBuffer | undefined) {
    this.type = type;
    this.#options = options;
    this.#recycled = recycled;
  }

  get isFull(): boolean {
    return this.#used >= this.#options.targetBytes || this.#blobs.length >= entriesMax;
  }

  get isEmpty(): boolean {
    return this.#blobs.length === 0;
  }

  /** `plain` must stay as it is until the next `sealSmall` or `finish`. */
  append(id: BlobId, plain: Uint8Array): PackedBlob {
    const { version, compression } = this.#options;
    // Trees stay compressed even with `off`: that is what restic does and it only concerns file data.
    const level = this.type === 'tree' && compression === 'off' ? 'auto' : compression;
    const packed = version === 1 ? undefined : this.#options.codec.compress(plain, level);
    if (packed === undefined) return this.#add(id, plain, plain, 0);
    return this.#add(id, plain, packed, plain.byteLength);
  }

  /** A blob that comes compressed and goes in as it is; that it opens to `uncompressedLength` bytes is the caller's word. */
  appendPacked(id: BlobId, body: Uint8Array, uncompressedLength: number): PackedBlob {
    assert(this.#options.version === 2 && uncompressedLength > 0, 'a compressed blob needs a repository of version 2');
    return this.#add(id, body, body, uncompressedLength);
  }

  /** What is opened again to be compared is `plain`; where it is the body itself, nothing is decompressed for that. */
  #add(id: BlobId, plain: Uint8Array, body: Uint8Array, uncompressedLength: number): PackedBlob {
    const length = body.byteLength + sealOverheadBytes;
    const offset = this.#used;
    this.#used += length;
    this.#seal(plain, body, body !== plain, offset);
    const isCompressed = uncompressedLength > 0;
    const blob: PackedBlob = { type: this.type, id, length, offset, ...(isCompressed && { uncompressedLength }) };
    this.#blobs.push(blob);
    this.#headerBytes += headerEntryBytes(isCompressed);
    return blob;
  }

  #seal(plain: Uint8Array, body: Uint8Array, compressed: boolean, offset: number): void {
    if (body.byteLength <= smallBodyBytesMax) {
      const small = (this.#options.small ??= new SmallBlobs(this.#options, stageBytes));
      if (!small.hasRoomFor(body.byteLength)) this.sealSmall(offset);
      small.add(plain, body, compressed, offset);
      return;
    }
    const length = body.byteLength + sealOverheadBytes;
    this.#reserve(offset + length, offset);
    this.#options.sealer.sealInto(this.#options.nonces.next(), body, this.#buffer, offset);
    this.#distrust(plain, compressed, offset, length);
  }

  /** Small blobs are sealed together; until then the buffers they came from are still needed. */
  sealSmall(used = this.#used): void {
    this.#reserve(used, used);
    this.#options.small?.sealInto(this.#buffer);
  }

  /** Opens what was just sealed: zstd encoders have corrupted blobs twice in the history of this format. */
  #distrust(plain: Uint8Array, compressed: boolean, offset: number, length: number): void {
    const { sealer, codec } = this.#options;
    const sealed = this.#buffer.subarray(offset, offset + length);
    const same = compressed
      ? codec.decompress(sealer.open(sealed), plain.byteLength).equals(plain)
      : sealer.opensTo(sealed, plain);
    assert(same, 'a sealed blob does not open to what went in; the memory may be faulty');
  }

  /** Seals the header, names the file. The buffer is given away; a new one is needed for more. */
  finish(): FinishedPack {
    this.sealSmall();
    const header = encodeHeader(this.#blobs);
    const sealedLength = header.byteLength + sealOverheadBytes;
    this.#reserve(this.#used + sealedLength + 4, this.#used);
    const { sealer, nonces } = this.#options;
    sealer.sealInto(nonces.next(), header, this.#buffer, this.#used);
    this.#buffer.writeUInt32LE(sealedLength, this.#used + sealedLength);
    const sizeBytes = this.#used + sealedLength + 4;
    assert(sizeBytes === this.#used + this.#headerBytes, 'a pack header has an unexpected size');
    const file = this.#buffer.subarray(0, sizeBytes);
    const result: FinishedPack = {
      id: sha256Hex(file) as PackId,
      buffer: this.#buffer.buffer as SharedArrayBuffer,
      sizeBytes,
      type: this.type,
      blobs: this.#blobs,
    };
    this.#buffer = Buffer.alloc(0);
    this.#used = 0;
    this.#headerBytes = sealOverheadBytes + 4;
    this.#blobs = [];
    return result;
  }

  /** Room for `needed` bytes, of which `kept` are there already. */
  #reserve(needed: number, kept: number): void {
    if (needed <= this.#buffer.byteLength) return;
    const back = this.#buffer.byteLength === 0 ? this.#recycled?.() : undefined;
    if (back !== undefined) this.#buffer = Buffer.from(back);
    if (needed <= this.#buffer.byteLength) return;
    const grown = roomFor(needed, this.#options.targetBytes);
    const next = Buffer.from(new SharedArrayBuffer(grown));
    this.#buffer.copy(next, 0, 0, Math.min(kept, this.#buffer.byteLength));
    this.#buffer = next;
  }
}

/**
 * The full size at once, with room for the largest last blob and the header: what is left untouched takes no memory, and
 * a buffer that had to grow would leave its old self behind.
 */
function roomFor(needed: number, targetBytes: number): number {
  const roomy = targetBytes + 9 * 1024 * 1024;
  return needed > roomy ? needed + 512 * 1024 : roomy;
}

export function blobIdOf(plain: Uint8Array): { id: BlobId; bytes: Buffer } {
  const bytes = sha256(plain);
  return { bytes, id: bytes.toString('hex') as BlobId };
}
