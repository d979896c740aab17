/** A pack on its way to a thread that checks it. What crosses is flat: a pack may hold thousands of blobs. */
import { sealOverheadBytes } from '../crypto/seal.ts';
import { headerEntryBytes, writeEntry, type HeaderEntry } from '../format/pack-header.ts';
import { idFromBytes, type BlobId, type PackId } from '../ids.ts';
import { idBytes, placesOf, placeWords, type SealedPlaces } from '../pack/sealed-places.ts';

export type ExpectedBlob = HeaderEntry & { readonly offset: number };

/** The free word of each place is 1 for a tree. */
export type PackPayload = SealedPlaces & {
  readonly packId: PackId;
  readonly bytes: Uint8Array;
};

/** `expected` is what the index says, ordered by offset. */
export function packPayload(packId: PackId, bytes: Uint8Array, expected: readonly ExpectedBlob[]): PackPayload {
  return { packId, bytes, ...placesOf(expected, ({ type }) => (type === 'tree' ? 1 : 0)) };
}

export function expectedOf({ ids, places }: SealedPlaces): ExpectedBlob[] {
  return Array.from({ length: places.length / placeWords }, (_, i) => {
    const [offset = 0, length = 0, uncompressedLength = 0, isTree = 0] = places.subarray(i * placeWords);
    const id = idFromBytes<BlobId>(ids.subarray(i * idBytes, (i + 1) * idBytes));
    const type = isTree === 1 ? 'tree' : 'data';
    return { type, id, offset, length, ...(uncompressedLength > 0 && { uncompressedLength }) };
  });
}

export type ExpectedHeader = { readonly start: number; readonly plain: Buffer };

/** Where the header must lie and what it must hold; undefined when the blobs do not lie one after the other. */
export function headerOf({ ids, places }: SealedPlaces): ExpectedHeader | undefined {
  const count = places.length / placeWords;
  if (count === 0) return undefined;
  const plain = Buffer.allocUnsafe(count * headerEntryBytes(true));
  let [start, at] = [0, 0];
  for (let i = 0; i < count; i++) {
    const [offset, length = 0, uncompressedLength = 0, isTree] = places.subarray(i * placeWords);
    if (offset !== start) return undefined;
    const compressed = uncompressedLength === 0 ? undefined : uncompressedLength;
    at = writeEntry(plain, at, { isTree: isTree === 1, length, uncompressedLength: compressed });
    plain.set(ids.subarray(i * idBytes, (i + 1) * idBytes), at);
    at += idBytes;
    start += length;
  }
  return { start, plain: plain.subarray(0, at) };
}

export function plainBytesOf({ places }: SealedPlaces): number {
  let sum = 0;
  for (let at = 0; at < places.length; at += placeWords) {
    const sealedBytes = places[at + 1] as number;
    sum += (places[at + 2] as number) || Math.max(0, sealedBytes - sealOverheadBytes);
  }
  return sum;
}
