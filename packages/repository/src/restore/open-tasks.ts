/** What a thread does for a reader of contents: open the blobs of one range and check them against their ids. */
import { KnownDigests } from '../crypto/known-digests.ts';
import { sealOverheadBytes } from '../crypto/seal.ts';
import { BlobOpener } from '../pack/blob-opener.ts';
import { placeWords, type SealedPlaces } from '../pack/sealed-places.ts';
import { reviveKey, type AskOwner, type OpenSetup, type TaskHandler } from '../workers/tasks.ts';

/** A range is this long at most, nearly: a larger batch would only hold more memory. */
const batchBytes = 4 * 1024 * 1024;

export type OpenPayload = SealedPlaces & { readonly bytes: Uint8Array };

/** The plaintexts one after the other. */
export type OpenedRange = {
  readonly plain: Uint8Array;
  /** By blob, where it begins; `broken` when no byte of it can be had here. */
  readonly starts: Float64Array;
};

export const broken = -1;

export function openTasks(setup: OpenSetup, _ask: AskOwner): Record<string, TaskHandler> {
  const opener = new BlobOpener(reviveKey(setup.key), new KnownDigests(setup.lanes), { batchBytes });
  return {
    open: (payload) => {
      const opened = openRange(opener, payload as OpenPayload);
      return Promise.resolve({ result: opened, transfer: [opened.plain.buffer] });
    },
  };
}

function openRange(opener: BlobOpener, { bytes, ...sealed }: OpenPayload) {
  const starts = new Float64Array(sealed.places.length / placeWords).fill(broken);
  let sizeBytes = 0;
  for (let at = 0; at < sealed.places.length; at += placeWords) sizeBytes += plainBytesAt(sealed.places, at);
  const plain = new Uint8Array(sizeBytes);
  let used = 0;
  opener.openEach(bytes, sealed, (number, blob) => {
    if (blob === undefined) return;
    plain.set(blob, used);
    starts[number] = used;
    used += blob.byteLength;
  });
  return { plain, starts };
}

/** A blob that opens has this length; what a wrong index says of another one only makes room. */
function plainBytesAt(places: Uint32Array, at: number): number {
  return (places[at + 2] as number) || Math.max(0, (places[at + 1] as number) - sealOverheadBytes);
}
