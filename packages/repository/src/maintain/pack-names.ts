import type { BatchDigests } from '../crypto/chunk-digests.ts';
import type { KnownDigests } from '../crypto/known-digests.ts';
import { beginDigest, type Continuation, type RunningDigest } from '../crypto/sha256-lanes/lanes.ts';

const blockBytes = 64;

type Stream = { readonly bytes: Uint8Array; readonly running: RunningDigest; at: number };

/**
 * The names of several packs, hashed in the lanes that their blobs leave free. A pack is one long message: alone it would
 * keep one lane busy and seven idle, so each batch of blobs takes every pack a little further.
 */
export class PackNames implements BatchDigests {
  readonly #digests: KnownDigests;
  #streams: Stream[] = [];
  #blobBytesLeft = 0;

  constructor(digests: KnownDigests) {
    this.#digests = digests;
  }

  get inLanes(): boolean {
    return this.#digests.inLanes;
  }

  /** `blobBytes` are about to come through `of`. */
  begin(packs: readonly Uint8Array[], blobBytes: number): void {
    this.#streams = packs.map((bytes) => ({ bytes, running: beginDigest(), at: 0 }));
    this.#blobBytesLeft = blobBytes;
  }

  of(chunks: readonly Uint8Array[]): Buffer[] {
    if (this.#streams.length === 0) return this.#digests.of(chunks);
    const sizeBytes = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const share = Math.min(1, sizeBytes / Math.max(1, this.#blobBytesLeft));
    this.#blobBytesLeft -= sizeBytes;
    const parts = this.#streams.map((stream) => {
      const blocks = Math.floor(((stream.bytes.byteLength - stream.at) * share) / blockBytes);
      return part(stream, blocks * blockBytes, false);
    });
    return this.#digests.together(
      chunks,
      parts.filter(({ bytes }) => bytes.byteLength > 0),
    ).digests;
  }

  /** In the order of `begin`. */
  end(): string[] {
    const rest = this.#streams.map((stream) => part(stream, stream.bytes.byteLength - stream.at, true));
    this.#streams = [];
    return this.#digests.together([], rest).ended.map((digest) => digest.toString('hex'));
  }
}

function part(stream: Stream, sizeBytes: number, last: boolean): Continuation {
  const bytes = stream.bytes.subarray(stream.at, stream.at + sizeBytes);
  stream.at += sizeBytes;
  return { running: stream.running, bytes, last };
}
