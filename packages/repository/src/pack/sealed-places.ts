import type { BlobId } from '../ids.ts';

/**
 * Where sealed blobs lie in the bytes at hand, and what they must be. Flat, because there may be very many and they cross
 * to threads.
 */
export type SealedPlaces = {
  /** `idBytes` for each. */
  readonly ids: Uint8Array<ArrayBuffer>;
  /** `placeWords` for each: offset, sealed length, plaintext length (0: stored raw), and one for whoever made the list. */
  readonly places: Uint32Array<ArrayBuffer>;
};

export const idBytes = 32;
export const placeWords = 4;

/** Room for so many. */
export function createPlaces(count: number): SealedPlaces & { readonly ids: Buffer<ArrayBuffer> } {
  return {
    ids: Buffer.from(new ArrayBuffer(count * idBytes)),
    places: new Uint32Array(count * placeWords),
  };
}

export type SealedPlace = {
  readonly id: BlobId;
  readonly offset: number;
  readonly length: number;
  /** 0 or absent: stored raw. */
  readonly uncompressedLength?: number;
};

export function placesOf<T extends SealedPlace>(blobs: readonly T[], freeWord?: (blob: T) => number): SealedPlaces {
  const { ids, places } = createPlaces(blobs.length);
  for (const [i, blob] of blobs.entries()) {
    ids.write(blob.id, i * idBytes, 'hex');
    const at = i * placeWords;
    places[at] = blob.offset;
    places[at + 1] = blob.length;
    places[at + 2] = blob.uncompressedLength ?? 0;
    if (freeWord !== undefined) places[at + 3] = freeWord(blob);
  }
  return { ids, places };
}

export function hexAt(ids: Buffer, number: number): string {
  return ids.toString('hex', number * idBytes, (number + 1) * idBytes);
}

/** Structured clone turns Buffers into Uint8Arrays: a Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
