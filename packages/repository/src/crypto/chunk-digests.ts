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

  constructor(engine: LaneEngine | undefined) {
    this.#lanes = engine === undefined ? undefined : new Sha256Lanes(engine);
  }

  /** Whether many chunks at once are faster than one after the other. */
  get inLanes(): boolean {
    return this.#lanes !== undefined;
  }

  of(chunks: readonly Uint8Array[]): Buffer[] {
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
