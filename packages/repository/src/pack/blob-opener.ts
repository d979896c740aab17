import { ZstdCodec } from '../compress/zstd-codec.ts';
import type { ChunkDigests } from '../crypto/chunk-digests.ts';
import { release } from '../crypto/release.ts';
import { createSealer, sealOverheadBytes, type MasterKey, type Sealer } from '../crypto/seal.ts';
import { isCoffreError } from '../errors.ts';
import { createNativeOpener, type NativeOpener } from './native-opener.ts';
import type { SealedBlob } from './pack-read.ts';

/** Where a sealed blob lies in the bytes at hand. */
export type SealedPlace = SealedBlob & { readonly offset: number; readonly length: number };

/** Plaintext held at a time: enough to fill the lanes of the hash, which many small blobs do with less. */
const batchBytes = 16 * 1024 * 1024;
const manyBlobs = 64;
const manyBlobsBytes = 4 * 1024 * 1024;
/** What does not fit any more gets memory of its own. */
const arenaBytes = 24 * 1024 * 1024;

type Opened = { readonly number: number; readonly plain: Buffer };

/** Opens many blobs of one pack in one thread: memory is used again, and they are hashed side by side. */
export class BlobOpener implements Disposable {
  readonly #sealer: Sealer;
  readonly #native: NativeOpener | undefined;
  readonly #digests: ChunkDigests;
  readonly #codec = new ZstdCodec();
  #arena: Buffer = Buffer.alloc(0);
  #used = 0;
  /** Compressed bodies. */
  #body: Buffer = Buffer.alloc(0);

  constructor(key: MasterKey, digests: ChunkDigests) {
    this.#sealer = createSealer(key);
    this.#native = createNativeOpener(key);
    this.#digests = digests;
  }

  /**
   * `take` gets each blob's plaintext when it matches the id, and undefined when the blob is damaged, in no order.
   * The plaintext is good during the call only.
   */
  openEach(
    bytes: Uint8Array,
    blobs: readonly SealedPlace[],
    take: (number: number, plain: Buffer | undefined) => void,
  ): void {
    let opened: Opened[] = [];
    let held = 0;
    const pass = (): void => {
      this.#verify(opened, blobs, take);
      opened = [];
      held = 0;
      this.#used = 0;
    };
    for (const [number, blob] of blobs.entries()) {
      try {
        const plain = this.#open(bytes.subarray(blob.offset, blob.offset + blob.length), blob);
        opened.push({ number, plain });
        held += plain.byteLength;
      } catch (error) {
        if (!isCoffreError(error, 'REPO_BLOB_DAMAGED') && !isCoffreError(error, 'SEAL_BROKEN')) throw error;
        take(number, undefined);
      }
      if (held >= batchBytes || (opened.length >= manyBlobs && held >= manyBlobsBytes)) pass();
    }
    pass();
  }

  #open(sealed: Uint8Array, { uncompressedLength = 0 }: SealedBlob): Buffer {
    if (uncompressedLength === 0) return this.#unseal(sealed, (sizeBytes) => this.#room(sizeBytes));
    const body = this.#unseal(sealed, (sizeBytes) => this.#bodyRoom(sizeBytes));
    // One byte more, so that a frame that holds more is noticed.
    const out = this.#room(uncompressedLength + 1);
    this.#codec.decompressInto(body, out);
    if (this.#native === undefined) release(body);
    return out.subarray(0, uncompressedLength);
  }

  #unseal(sealed: Uint8Array, room: (sizeBytes: number) => Buffer): Buffer {
    if (this.#native === undefined) return this.#sealer.open(sealed);
    const out = room(Math.max(0, sealed.length - sealOverheadBytes));
    this.#native.openInto(sealed, out);
    return out;
  }

  #bodyRoom(sizeBytes: number): Buffer {
    if (this.#body.length < sizeBytes) this.#body = Buffer.allocUnsafeSlow(Math.max(sizeBytes, 1024 * 1024));
    return this.#body.subarray(0, sizeBytes);
  }

  #room(sizeBytes: number): Buffer {
    if (this.#arena.length === 0) this.#arena = Buffer.allocUnsafeSlow(arenaBytes);
    if (this.#used + sizeBytes > arenaBytes) return Buffer.allocUnsafeSlow(sizeBytes);
    const room = this.#arena.subarray(this.#used, this.#used + sizeBytes);
    this.#used += sizeBytes;
    return room;
  }

  #verify(
    opened: readonly Opened[],
    blobs: readonly SealedPlace[],
    take: (number: number, plain: Buffer | undefined) => void,
  ): void {
    const digests = this.#digests.of(opened.map(({ plain }) => plain));
    for (const [i, { number, plain }] of opened.entries()) {
      take(number, digests[i]?.toString('hex') === blobs[number]?.id ? plain : undefined);
      if (plain.buffer !== this.#arena.buffer) release(plain);
    }
  }

  [Symbol.dispose](): void {
    this.#native?.[Symbol.dispose]();
  }
}
