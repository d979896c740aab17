import type { ZstdCodec } from '../compress/zstd-codec.ts';
import type { NonceSource } from '../crypto/nonce-source.ts';
import { nonceBytes, tagBytes } from '../crypto/seal.ts';
import { assert } from '../errors.ts';
import type { BulkSealer } from './bulk-sealer.ts';

const blockBytes = 16;

type Staged = {
  readonly plain: Uint8Array;
  /** Of the body in the stage, a multiple of the block size. */
  readonly at: number;
  readonly bodyBytes: number;
  readonly compressed: boolean;
  /** Of the sealed blob in the pack. */
  readonly offset: number;
};

/**
 * Seals many small blobs in one pass. A cipher object for each costs more than its work, so their bodies lie side by side,
 * each at a whole block, and one AES-256-CTR run covers them all: the nonce of a blob is the counter of its first block.
 * Every counter under the random start is used once, which is all that CTR and the one-time keys of Poly1305 ask for,
 * and each blob opens by itself like any other.
 */
export class SmallBlobs {
  readonly #sealer: BulkSealer;
  readonly #nonces: NonceSource;
  readonly #codec: ZstdCodec;
  readonly #stage: Buffer;
  readonly #back: Buffer;
  readonly #crypted: Buffer;
  #staged: Staged[] = [];
  #used = 0;

  constructor(parts: { sealer: BulkSealer; nonces: NonceSource; codec: ZstdCodec }, stageBytes: number) {
    this.#sealer = parts.sealer;
    this.#nonces = parts.nonces;
    this.#codec = parts.codec;
    this.#stage = Buffer.allocUnsafeSlow(stageBytes);
    this.#back = Buffer.allocUnsafeSlow(stageBytes);
    this.#crypted = Buffer.allocUnsafeSlow(stageBytes);
  }

  hasRoomFor(bodyBytes: number): boolean {
    return this.#used + bodyBytes + blockBytes <= this.#stage.byteLength;
  }

  /** `body` is copied; `plain` must stay as it is until `sealInto`. */
  add(plain: Uint8Array, body: Uint8Array, compressed: boolean, offset: number): void {
    this.#stage.set(body, this.#used);
    this.#staged.push({ plain, at: this.#used, bodyBytes: body.byteLength, compressed, offset });
    // An empty body takes a block as well: its nonce is its own.
    this.#used += Math.max(1, Math.ceil(body.byteLength / blockBytes)) * blockBytes;
  }

  /** Writes every staged blob to its place in the pack, and opens it again from there. */
  sealInto(pack: Buffer): void {
    if (this.#staged.length === 0) return;
    const start = Buffer.from(this.#nonces.next());
    const sealed = this.#crypted;
    this.#sealer.cryptInto(start, this.#stage.subarray(0, this.#used), sealed);
    for (const { at, bodyBytes, offset } of this.#staged) {
      const nonce = pack.subarray(offset, offset + nonceBytes);
      addBlocks(start, at / blockBytes, nonce);
      const body = offset + nonceBytes;
      sealed.copy(pack, body, at, at + bodyBytes);
      this.#sealer.tagOf(nonce, pack.subarray(body, body + bodyBytes)).copy(pack, body + bodyBytes);
    }
    this.#distrust(pack, start);
    this.#staged = [];
    this.#used = 0;
  }

  #distrust(pack: Buffer, start: Buffer): void {
    for (const { at, bodyBytes, offset } of this.#staged) {
      const body = offset + nonceBytes;
      pack.copy(this.#back, at, body, body + bodyBytes);
      const nonce = pack.subarray(offset, body);
      const tag = this.#sealer.tagOf(nonce, this.#back.subarray(at, at + bodyBytes));
      assert(pack.compare(tag, 0, tagBytes, body + bodyBytes, body + bodyBytes + tagBytes) === 0, broken);
    }
    const opened = this.#crypted;
    this.#sealer.cryptInto(start, this.#back.subarray(0, this.#used), opened);
    for (const { plain, at, bodyBytes, compressed } of this.#staged) {
      const body = opened.subarray(at, at + bodyBytes);
      const back = compressed ? this.#codec.decompress(body, plain.byteLength) : body;
      assert(Buffer.compare(back, plain) === 0, broken);
    }
  }
}

const broken = 'a sealed blob does not open to what went in; the memory may be faulty';

/** `start` + `blocks` as a 128-bit big-endian number, as the counter of CTR goes on. */
export function addBlocks(start: Buffer, blocks: number, out: Buffer): void {
  let carry = blocks;
  for (let i = nonceBytes - 1; i >= 0; i--) {
    const sum = (start[i] as number) + (carry & 0xff);
    out[i] = sum & 0xff;
    carry = Math.floor(carry / 256) + (sum >> 8);
  }
}
