import type { ChunkProfile } from '../chunker/profile.ts';
import type { CutScanner } from '../chunker/rabin.ts';
import type { BlobSegment, SegmentMemory } from '../index/blob-table.ts';
import { BlobSegment as Segment } from '../index/blob-table.ts';
import { PackBuffer, type FinishedPack, type PackOptions } from '../pack/pack-buffer.ts';
import { ChunkDigests } from '../crypto/chunk-digests.ts';
import type { BlobId } from '../ids.ts';

/** New bytes that one file or segment brought, for the report. */
export type AddedData = { blobs: number; bytes: number; packedBytes: number };

export function nothingAdded(): AddedData {
  return { blobs: 0, bytes: 0, packedBytes: 0 };
}

/** Takes a finished pack; when it resolves, the buffer may be filled again. */
export type HandOver = (pack: FinishedPack) => Promise<void>;

/**
 * One thread's way from plain chunks to packs: hash, ask the shared table, seal what is new.
 * At most one finished pack waits to be taken while the next one fills.
 */
export class ChunkStore {
  readonly #segments: BlobSegment[];
  readonly #options: PackOptions;
  readonly #handOver: HandOver;
  readonly #digests: ChunkDigests;
  #pack: PackBuffer;
  #handing: Promise<void> | undefined;
  /** Buffers that came back: allocating 16 MiB for every pack is slow and leaves them to the garbage collector. */
  readonly #spare: SharedArrayBuffer[] = [];

  constructor(segments: readonly SegmentMemory[], options: PackOptions, digests: ChunkDigests, handOver: HandOver) {
    this.#segments = segments.map((memory) => new Segment(memory));
    this.#options = options;
    this.#handOver = handOver;
    this.#digests = digests;
    this.#pack = this.#newPack();
  }

  addSegment(memory: SegmentMemory): void {
    this.#segments.push(new Segment(memory));
  }

  /** Ids of these chunks, in order; what is new is sealed. Many chunks at once hash faster than one after the other. */
  async store(chunks: readonly Uint8Array[], addedBy: (chunk: number) => AddedData): Promise<BlobId[]> {
    const ids: BlobId[] = [];
    for (const [i, bytes] of this.#digests.of(chunks).entries()) {
      const id = bytes.toString('hex') as BlobId;
      ids.push(id);
      if (!this.#claim(bytes)) continue;
      const plain = chunks[i] as Uint8Array;
      const { length } = this.#pack.append(id, plain);
      const added = addedBy(i);
      added.blobs += 1;
      added.bytes += plain.byteLength;
      added.packedBytes += length;
      if (this.#pack.isFull) await this.#sendPack();
    }
    // The chunks lie in a buffer that is used again after this.
    this.#pack.sealSmall();
    return ids;
  }

  #claim(id: Uint8Array): boolean {
    const newest = this.#segments.length - 1;
    for (let i = 0; i < newest; i++) if ((this.#segments[i] as BlobSegment).find('data', id) >= 0) return false;
    // Full before we heard of the next one: store it unclaimed. At worst a chunk is stored twice, which is legal.
    return (this.#segments[newest] as BlobSegment).claim('data', id) !== -1;
  }

  /** Takes a buffer when the first blob comes: until then one may have come back. */
  #newPack(): PackBuffer {
    return new PackBuffer('data', this.#options, () => this.#spare.pop());
  }

  async #sendPack(): Promise<void> {
    const finished = this.#pack.finish();
    // Before anything is awaited: other tasks of this thread go on meanwhile, and what they add belongs to the next pack.
    this.#pack = this.#newPack();
    const before = this.#handing;
    const handing = this.#handAway(finished);
    // The next send awaits it and sees the failure; until then nobody listens.
    handing.catch(() => undefined);
    this.#handing = handing;
    await before;
  }

  async #handAway(pack: FinishedPack): Promise<void> {
    await this.#handOver(pack);
    this.#spare.push(pack.buffer);
  }

  /** Hands over what is left; resolves when the owner has everything. */
  async flush(): Promise<void> {
    if (!this.#pack.isEmpty) await this.#sendPack();
    await this.#handing;
    this.#handing = undefined;
    this.#spare.length = 0;
  }
}

/** Where chunks end, for one profile. */
export class Cutting {
  readonly #scanner: CutScanner | undefined;
  readonly #profile: ChunkProfile;

  constructor(profile: ChunkProfile, scanner: CutScanner | undefined) {
    this.#profile = profile;
    this.#scanner = scanner;
  }

  get largestBytes(): number {
    return this.#profile.kind === 'fixed' ? this.#profile.sizeBytes : this.#profile.maxBytes;
  }

  /**
   * End of the chunk that begins at `start`, offsets in `bytes`, of which `available` are there.
   * @param ended nothing follows them
   * @returns undefined when more bytes are needed to know
   */
  next(bytes: Uint8Array, start: number, available: number, ended: boolean): number | undefined {
    if (start >= available) return undefined;
    const profile = this.#profile;
    const smallest = profile.kind === 'fixed' ? profile.sizeBytes : profile.minBytes;
    const largestEnd = start + this.largestBytes;
    if (available - start >= smallest && profile.kind === 'fixed') return largestEnd;
    const limit = Math.min(available, largestEnd);
    if (start + smallest <= limit) {
      const found = this.#scanner?.first(bytes, start + smallest - 1, limit);
      if (found !== undefined) return found;
    }
    if (limit === largestEnd) return largestEnd;
    return ended ? available : undefined;
  }
}
