import { ZstdCodec } from '../compress/zstd-codec.ts';
import type { ChunkDigests } from '../crypto/chunk-digests.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { release } from '../crypto/release.ts';
import { createSealer, sealOverheadBytes, type MasterKey, type Sealer } from '../crypto/seal.ts';
import { isCoffreError } from '../errors.ts';
import { createNativeOpener, type NativeOpener } from './native-opener.ts';
import { asBuffer, hexAt, placeWords, type SealedPlaces } from './sealed-places.ts';

/** Plaintext held at a time: enough to fill the lanes of the hash, which many small blobs do with less. */
const batchBytes = 16 * 1024 * 1024;
const manyBlobs = 64;
const manyBlobsBytes = 4 * 1024 * 1024;
/** What does not fit any more gets memory of its own. */
const arenaBytes = 24 * 1024 * 1024;
const arenaBytesMin = 2 * 1024 * 1024;

type TakeBlob = (number: number, plain: Buffer | undefined) => void;

/** Opens many blobs of one pack in one thread: memory is used again, and they are hashed side by side where that is faster. */
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
  openEach(bytes: Uint8Array, sealed: SealedPlaces, take: TakeBlob): void {
    const ids = asBuffer(sealed.ids);
    if (this.#digests.inLanes) this.#openTogether(bytes, ids, sealed.places, take);
    else this.#openSingly(bytes, ids, sealed.places, take);
  }

  /** What was just decrypted is hashed and used while the processor still holds it. */
  #openSingly(bytes: Uint8Array, ids: Buffer, places: Uint32Array, take: TakeBlob): void {
    for (let number = 0; number * placeWords < places.length; number++) {
      const plain = this.#open(bytes, places, number);
      take(number, plain !== undefined && sha256Hex(plain) === hexAt(ids, number) ? plain : undefined);
      this.#giveBack(plain);
      this.#used = 0;
    }
  }

  #openTogether(bytes: Uint8Array, ids: Buffer, places: Uint32Array, take: TakeBlob): void {
    let numbers: number[] = [];
    let plains: Buffer[] = [];
    let held = 0;
    const pass = (): void => {
      const digests = this.#digests.of(plains);
      for (const [i, plain] of plains.entries()) {
        const number = numbers[i] as number;
        take(number, digests[i]?.toString('hex') === hexAt(ids, number) ? plain : undefined);
        this.#giveBack(plain);
      }
      numbers = [];
      plains = [];
      held = 0;
      this.#used = 0;
    };
    for (let number = 0; number * placeWords < places.length; number++) {
      const plain = this.#open(bytes, places, number);
      if (plain === undefined) {
        take(number, undefined);
        continue;
      }
      numbers.push(number);
      plains.push(plain);
      held += plain.byteLength;
      if (held >= batchBytes || (plains.length >= manyBlobs && held >= manyBlobsBytes)) pass();
    }
    pass();
  }

  #giveBack(plain: Buffer | undefined): void {
    if (plain !== undefined && plain.buffer !== this.#arena.buffer) release(plain);
  }

  #open(bytes: Uint8Array, places: Uint32Array, number: number): Buffer | undefined {
    const at = number * placeWords;
    const offset = places[at] as number;
    const sealed = bytes.subarray(offset, offset + (places[at + 1] as number));
    try {
      return this.#openSealed(sealed, places[at + 2] as number);
    } catch (error) {
      if (isCoffreError(error, 'REPO_BLOB_DAMAGED') || isCoffreError(error, 'SEAL_BROKEN')) return undefined;
      throw error;
    }
  }

  #openSealed(sealed: Uint8Array, plainBytes: number): Buffer {
    if (plainBytes === 0) return this.#unseal(sealed, (sizeBytes) => this.#room(sizeBytes));
    const body = this.#unseal(sealed, (sizeBytes) => this.#bodyRoom(sizeBytes));
    // One byte more, so that a frame that holds more is noticed.
    const out = this.#room(plainBytes + 1);
    this.#codec.decompressInto(body, out);
    if (this.#native === undefined) release(body);
    return out.subarray(0, plainBytes);
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

  /** One blob at a time needs little, and little stays in the processor's cache. */
  #room(sizeBytes: number): Buffer {
    const wantedBytes = this.#digests.inLanes ? arenaBytes : Math.min(arenaBytes, Math.max(sizeBytes, arenaBytesMin));
    if (this.#used === 0 && this.#arena.length < wantedBytes) {
      release(this.#arena);
      this.#arena = Buffer.allocUnsafeSlow(wantedBytes);
    }
    if (this.#used + sizeBytes > this.#arena.length) return Buffer.allocUnsafeSlow(sizeBytes);
    const room = this.#arena.subarray(this.#used, this.#used + sizeBytes);
    this.#used += sizeBytes;
    return room;
  }

  [Symbol.dispose](): void {
    this.#native?.[Symbol.dispose]();
  }
}
