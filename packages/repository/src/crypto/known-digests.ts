import type { BatchDigests } from './chunk-digests.ts';
import { sha256 } from './hash.ts';
import { Sha256Lanes, type Continuation, type LaneEngine } from './sha256-lanes/lanes.ts';

/**
 * SHA-256 of what has a name already. Nothing is hashed twice to distrust the lanes: a wrong digest does not match the
 * name, and the caller looks again.
 */
export class KnownDigests implements BatchDigests {
  readonly #lanes: Sha256Lanes | undefined;

  constructor(engine: LaneEngine | undefined) {
    this.#lanes = engine === undefined ? undefined : new Sha256Lanes(engine);
  }

  get inLanes(): boolean {
    return this.#lanes !== undefined;
  }

  of(chunks: readonly Uint8Array[]): Buffer[] {
    return this.#lanes?.digestMany(chunks).digests ?? chunks.map((chunk) => sha256(chunk));
  }

  /** Parts of long messages share the lanes; only where there are lanes. @returns of those that ended, in their order */
  together(chunks: readonly Uint8Array[], parts: readonly Continuation[]): { digests: Buffer[]; ended: Buffer[] } {
    return this.#lanes?.digestMany(chunks, parts) ?? { digests: this.of(chunks), ended: [] };
  }
}
