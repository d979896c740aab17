import { ZstdCodec } from '../compress/zstd-codec.ts';
import type { BatchDigests } from '../crypto/chunk-digests.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { release } from '../crypto/release.ts';
import { createSealer, sealOverheadBytes, type MasterKey, type Sealer } from '../crypto/seal.ts';
import { isCoffreError } from '../errors.ts';
import { createNativeCipher, type NativeCipher } from './native-cipher.ts';
import { asBuffer, hexAt, placeWords, type SealedPlaces } from './sealed-places.ts';

/** Plaintext held at a time: enough to fill the lanes of the hash, which many small blobs do with less. */
const batchBytesDefault = 16 * 1024 * 1024;
const manyBlobs = 64;
const manyBlobsBytes = 4 * 1024 * 1024;
/** The last blob of a batch goes beyond it; what does not fit any more gets memory of its own. */
const arenaBytesBeyond = 8 * 1024 * 1024;
const arenaBytesMin = 2 * 1024 * 1024;

type Opened = { readonly plain: Buffer; readonly body: Buffer | undefined };

export type OpenerOptions = {
  /** `take` gets what was compressed as well, for whoever stores it again as it is. */
  readonly keepsBodies?: boolean;
  /** Where something else fills the lanes too, less is enough. */
  readonly batchBytes?: number;
};

/** `body` is the compressed form, where it was asked for and the blob has one. */
export type TakeOpened = (number: number, plain: Buffer | undefined, body: Buffer | undefined) => void;

/**
 * Opens many blobs of one pack in one thread. Memory is used again; they are hashed side by side where that is faster, and
 * else each while the processor still holds it.
 */
export class BlobOpener implements Disposable {
  readonly #sealer: Sealer;
  readonly #native: NativeCipher | undefined;
  readonly #digests: BatchDigests;
  readonly #codec = new ZstdCodec();
  readonly #keepsBodies: boolean;
  readonly #inBatches: boolean;
  readonly #batchBytes: number;
  #arena: Buffer = Buffer.alloc(0);
  #used = 0;
  /** Compressed bodies. */
  #body: Buffer = Buffer.alloc(0);

  constructor(key: MasterKey, digests: BatchDigests, options: OpenerOptions = {}) {
    this.#keepsBodies = options.keepsBodies === true;
    this.#inBatches = this.#keepsBodies || digests.inLanes;
    this.#batchBytes = options.batchBytes ?? batchBytesDefault;
    this.#sealer = createSealer(key);
    this.#native = createNativeCipher(key);
    this.#digests = digests;
  }

  /**
   * `take` gets each blob's plaintext when it matches the id, and undefined when the blob is damaged, in no order.
   * The plaintext is good until `batchEnded` returns, which comes after every few of them.
   */
  openEach(bytes: Uint8Array, sealed: SealedPlaces, take: TakeOpened, batchEnded: () => void = () => undefined): void {
    if (this.#inBatches) this.#openTogether(bytes, sealed, take, batchEnded);
    else this.#openSingly(bytes, sealed, take, batchEnded);
  }

  #openSingly(bytes: Uint8Array, sealed: SealedPlaces, take: TakeOpened, batchEnded: () => void): void {
    const ids = asBuffer(sealed.ids);
    for (let number = 0; number * placeWords < sealed.places.length; number++) {
      const plain = this.#open(bytes, sealed.places, number)?.plain;
      const isTrue = plain !== undefined && sha256Hex(plain) === hexAt(ids, number);
      take(number, isTrue ? plain : undefined, undefined);
      batchEnded();
      this.#giveBack(plain);
      this.#used = 0;
    }
  }

  #openTogether(bytes: Uint8Array, sealed: SealedPlaces, take: TakeOpened, batchEnded: () => void): void {
    const ids = asBuffer(sealed.ids);
    let numbers: number[] = [];
    let opened: Opened[] = [];
    let held = 0;
    const pass = (): void => {
      const digests = this.#digests.of(opened.map(({ plain }) => plain));
      for (const [i, { plain, body }] of opened.entries()) {
        const number = numbers[i] as number;
        const isTrue = digests[i]?.toString('hex') === hexAt(ids, number);
        take(number, isTrue ? plain : undefined, isTrue ? body : undefined);
      }
      batchEnded();
      for (const { plain, body } of opened) this.#giveBack(plain, body);
      numbers = [];
      opened = [];
      held = 0;
      this.#used = 0;
    };
    for (let number = 0; number * placeWords < sealed.places.length; number++) {
      const blob = this.#open(bytes, sealed.places, number);
      if (blob === undefined) {
        take(number, undefined, undefined);
        continue;
      }
      numbers.push(number);
      opened.push(blob);
      held += blob.plain.byteLength + (blob.body?.byteLength ?? 0);
      if (held >= this.#batchBytes || (opened.length >= manyBlobs && held >= manyBlobsBytes)) pass();
    }
    pass();
  }

  #giveBack(...buffers: readonly (Buffer | undefined)[]): void {
    for (const bytes of buffers) if (bytes !== undefined && bytes.buffer !== this.#arena.buffer) release(bytes);
  }

  /** Undefined when the blob is damaged. */
  #open(bytes: Uint8Array, places: Uint32Array, number: number): Opened | undefined {
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

  #openSealed(sealed: Uint8Array, plainBytes: number): Opened {
    const bodyBytes = Math.max(0, sealed.length - sealOverheadBytes);
    if (plainBytes === 0) return { plain: this.#unseal(sealed, () => this.#room(bodyBytes)), body: undefined };
    const body = this.#unseal(sealed, () => (this.#keepsBodies ? this.#room(bodyBytes) : this.#bodyRoom(bodyBytes)));
    // One byte more, so that a frame that holds more is noticed.
    const out = this.#room(plainBytes + 1);
    this.#codec.decompressInto(body, out);
    const plain = out.subarray(0, plainBytes);
    if (this.#keepsBodies) return { plain, body };
    if (this.#native === undefined) release(body);
    return { plain, body: undefined };
  }

  #unseal(sealed: Uint8Array, room: () => Buffer): Buffer {
    if (this.#native === undefined) return this.#sealer.open(sealed);
    const out = room();
    this.#native.openInto(sealed, out);
    return out;
  }

  #bodyRoom(sizeBytes: number): Buffer {
    if (this.#body.length < sizeBytes) this.#body = Buffer.allocUnsafeSlow(Math.max(sizeBytes, 1024 * 1024));
    return this.#body.subarray(0, sizeBytes);
  }

  /** One blob at a time needs little, and little stays in the processor's cache. */
  #room(sizeBytes: number): Buffer {
    const arenaBytes = this.#batchBytes + arenaBytesBeyond;
    const wantedBytes = this.#inBatches ? arenaBytes : Math.min(arenaBytes, Math.max(sizeBytes, arenaBytesMin));
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
