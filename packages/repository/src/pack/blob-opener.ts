import { ZstdCodec } from '../compress/zstd-codec.ts';
import type { ChunkDigests } from '../crypto/chunk-digests.ts';
import { release } from '../crypto/release.ts';
import type { Sealer } from '../crypto/seal.ts';
import { isCoffreError } from '../errors.ts';
import type { SealedBlob } from './pack-read.ts';

/** Where a sealed blob lies in the bytes at hand. */
export type SealedPlace = SealedBlob & { readonly offset: number; readonly length: number };

/** Plaintext held at a time: enough to fill the lanes of the hash, little enough for the cache. */
const batchBytes = 16 * 1024 * 1024;
/** A larger blob gets memory of its own. */
const arenaBytes = 24 * 1024 * 1024;

type Opened = { readonly number: number; readonly plain: Buffer; readonly isOwn: boolean };

/** Opens many blobs of one pack in one thread: memory is used again, and they are hashed side by side. */
export class BlobOpener {
  readonly #sealer: Sealer;
  readonly #digests: ChunkDigests;
  readonly #codec = new ZstdCodec();
  #arena: Buffer | undefined;
  #used = 0;

  constructor(sealer: Sealer, digests: ChunkDigests) {
    this.#sealer = sealer;
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
        const one = this.#open(bytes.subarray(blob.offset, blob.offset + blob.length), blob, number);
        opened.push(one);
        held += one.plain.byteLength;
      } catch (error) {
        if (!isCoffreError(error, 'REPO_BLOB_DAMAGED') && !isCoffreError(error, 'SEAL_BROKEN')) throw error;
        take(number, undefined);
      }
      if (held >= batchBytes) pass();
    }
    pass();
  }

  #open(sealed: Uint8Array, { uncompressedLength = 0 }: SealedBlob, number: number): Opened {
    const body = this.#sealer.open(sealed);
    if (uncompressedLength === 0) return { number, plain: body, isOwn: true };
    // One byte more, so that a frame that holds more is noticed.
    const out = this.#room(uncompressedLength + 1) ?? Buffer.allocUnsafeSlow(uncompressedLength + 1);
    this.#codec.decompressInto(body, out);
    release(body);
    return { number, plain: out.subarray(0, uncompressedLength), isOwn: out.buffer !== this.#arena?.buffer };
  }

  #room(sizeBytes: number): Buffer | undefined {
    this.#arena ??= Buffer.allocUnsafeSlow(arenaBytes);
    if (this.#used + sizeBytes > arenaBytes) return undefined;
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
    for (const [i, { number, plain, isOwn }] of opened.entries()) {
      const isRight = digests[i]?.toString('hex') === blobs[number]?.id;
      take(number, isRight ? plain : undefined);
      if (isOwn) release(plain);
    }
  }
}
