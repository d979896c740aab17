import { assert } from '../errors.ts';
import { sha256 } from './hash.ts';
import { Sha256Lanes, type LaneEngine } from './sha256-lanes/lanes.ts';

/** Whoever hashes many chunks at a time. */
export type BatchDigests = { readonly inLanes: boolean; of(chunks: readonly Uint8Array[]): Buffer[] };

/**
 * SHA-256 of many chunks: in lanes where the machine gains from them, one after the other elsewhere.
 * Lanes are compiled by a young part of the engine, so the shortest chunk of every call is hashed twice, the second time
 * by OpenSSL: a wrong digest would name data by an id that it does not have.
 */
export class ChunkDigests implements BatchDigests {
  readonly #lanes: Sha256Lanes | undefined;
  readonly #zeros = new ZeroDigest();

  constructor(engine: LaneEngine | undefined) {
    this.#lanes = engine === undefined ? undefined : new Sha256Lanes(engine);
  }

  /** Whether many chunks at once are faster than one after the other. */
  get inLanes(): boolean {
    return this.#lanes !== undefined;
  }

  of(chunks: readonly Uint8Array[]): Buffer[] {
    const zeros = chunks.map((chunk) => this.#zeros.of(chunk));
    const others = this.#hashed(chunks.filter((_, i) => zeros[i] === undefined));
    let next = 0;
    return zeros.map((digest) => digest ?? (others[next++] as Buffer));
  }

  #hashed(chunks: readonly Uint8Array[]): Buffer[] {
    if (this.#lanes === undefined || chunks.length < 2) return chunks.map((chunk) => sha256(chunk));
    const { digests } = this.#lanes.digestMany(chunks);
    let shortest = 0;
    for (const [i, chunk] of chunks.entries()) {
      if (chunk.byteLength < (chunks[shortest] as Uint8Array).byteLength) shortest = i;
    }
    const again = sha256(chunks[shortest] as Uint8Array);
    assert(again.equals(digests[shortest] as Buffer), 'two implementations of SHA-256 disagree');
    return digests;
  }
}

/** Chunks of zeros are what sparse files and disk images are full of, nearly all of one length: that one is remembered. */
class ZeroDigest {
  #sizeBytes = 0;
  #digest: Buffer | undefined;

  /** Undefined when anything else is in it. */
  of(chunk: Uint8Array): Buffer | undefined {
    if (chunk.byteLength < zerosBytesMin || !isZeros(chunk)) return undefined;
    if (this.#digest === undefined || this.#sizeBytes !== chunk.byteLength) {
      this.#digest = sha256(chunk);
      this.#sizeBytes = chunk.byteLength;
    }
    return Buffer.from(this.#digest);
  }
}

/** Looking for them in short chunks would cost more than it saves. */
const zerosBytesMin = 4096;

/** Every byte is the one before it, and the first is zero; data that is something else says so at once. */
function isZeros(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
}
