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

type Opened = { readonly number: number; readonly plain: Buffer; readonly body: Buffer | undefined };

export type OpenerOptions = {
  /** `take` gets what was compressed as well, for whoever stores it again as it is. */
  readonly keepsBodies?: boolean;
};

/** `body` is the compressed form, where it was asked for and the blob has one. */
export type TakeOpened = (number: number, plain: Buffer | undefined, body: Buffer | undefined) => void;

/** Opens many blobs of one pack in one thread: memory is used again, and they are hashed side by side. */
export class BlobOpener implements Disposable {
  readonly #sealer: Sealer;
  readonly #native: NativeOpener | undefined;
  readonly #digests: ChunkDigests;
  readonly #codec = new ZstdCodec();
  readonly #keepsBodies: boolean;
  #arena: Buffer = Buffer.alloc(0);
  #used = 0;
  /** Compressed bodies. */
  #body: Buffer = Buffer.alloc(0);

  constructor(key: MasterKey, digests: ChunkDigests, options: OpenerOptions = {}) {
    this.#keepsBodies = options.keepsBodies === true;
    this.#sealer = createSealer(key);
    this.#native = createNativeOpener(key);
    this.#digests = digests;
  }

  /**
   * `take` gets each blob's plaintext when it matches the id, and undefined when the blob is damaged, in no order.
   * The plaintext is good until `batchEnded` returns, which comes after every few of them.
   */
  openEach(
    bytes: Uint8Array,
    blobs: readonly SealedPlace[],
    take: TakeOpened,
    batchEnded: () => void = () => undefined,
  ): void {
    let opened: Opened[] = [];
    let held = 0;
    const pass = (): void => {
      this.#verify(opened, blobs, take);
      batchEnded();
      for (const { plain, body } of opened) this.#giveBack(plain, body);
      opened = [];
      held = 0;
      this.#used = 0;
    };
    for (const [number, blob] of blobs.entries()) {
      try {
        const { plain, body } = this.#open(bytes.subarray(blob.offset, blob.offset + blob.length), blob);
        opened.push({ number, plain, body });
        held += plain.byteLength + (body?.byteLength ?? 0);
      } catch (error) {
        if (!isCoffreError(error, 'REPO_BLOB_DAMAGED') && !isCoffreError(error, 'SEAL_BROKEN')) throw error;
        take(number, undefined, undefined);
      }
      if (held >= batchBytes || (opened.length >= manyBlobs && held >= manyBlobsBytes)) pass();
    }
    pass();
  }

  #open(sealed: Uint8Array, { uncompressedLength = 0 }: SealedBlob): Omit<Opened, 'number'> {
    if (uncompressedLength === 0) {
      return { plain: this.#unseal(sealed, (sizeBytes) => this.#room(sizeBytes)), body: undefined };
    }
    const body = this.#unseal(sealed, (sizeBytes) =>
      this.#keepsBodies ? this.#room(sizeBytes) : this.#bodyRoom(sizeBytes),
    );
    // One byte more, so that a frame that holds more is noticed.
    const out = this.#room(uncompressedLength + 1);
    this.#codec.decompressInto(body, out);
    const plain = out.subarray(0, uncompressedLength);
    if (this.#keepsBodies) return { plain, body };
    if (this.#native === undefined) release(body);
    return { plain, body: undefined };
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

  #verify(opened: readonly Opened[], blobs: readonly SealedPlace[], take: TakeOpened): void {
    const digests = this.#digests.of(opened.map(({ plain }) => plain));
    for (const [i, { number, plain, body }] of opened.entries()) {
      const isTrue = digests[i]?.toString('hex') === blobs[number]?.id;
      take(number, isTrue ? plain : undefined, isTrue ? body : undefined);
    }
  }

  #giveBack(...buffers: readonly (Buffer | undefined)[]): void {
    for (const bytes of buffers) if (bytes !== undefined && bytes.buffer !== this.#arena.buffer) release(bytes);
  }

  [Symbol.dispose](): void {
    this.#native?.[Symbol.dispose]();
  }
}
