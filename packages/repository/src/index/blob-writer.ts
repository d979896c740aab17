import { asError, CoffreError } from '../errors.ts';
import { encodeIndexFile, type IndexedPack } from '../format/index-file.ts';
import { ZstdCodec } from '../compress/zstd-codec.ts';
import type { CompressionLevel } from '../compress/zstd.ts';
import { NonceSource } from '../crypto/nonce-source.ts';
import { release } from '../crypto/release.ts';
import { idToBytes, type BlobId, type IndexId } from '../ids.ts';
import { BulkSealer } from '../pack/bulk-sealer.ts';
import { blobIdOf, PackBuffer, type FinishedPack, type PackOptions } from '../pack/pack-buffer.ts';
import type { Repository } from '../repository.ts';
import type { BlobSegment, BlobTable, BlobType, SegmentMemory } from './blob-table.ts';

export const packTargetBytesDefault = 16 * 1024 * 1024;
/** As restic: an index file is written at this many blobs or after this time. */
const indexBlobsMax = 50_000;
const indexAgeMaxMs = 10 * 60_000;

export type WriterOptions = {
  readonly compression?: CompressionLevel;
  readonly packTargetBytes?: number;
  /** Nothing is written before this resolves (the lock's second look); a rejection fails the first write. */
  readonly mayWrite?: Promise<unknown>;
  /** Called when a pack is durable; the resume journal listens. */
  readonly packStored?: (pack: FinishedPack) => void;
  /** Worker threads are told of more room in the blob table. */
  readonly segmentAdded?: (memory: SegmentMemory) => void;
  readonly signal?: AbortSignal;
};

export type WriteTotals = {
  dataBlobs: number;
  treeBlobs: number;
  /** Plaintext bytes of new blobs. */
  addedBytes: number;
  /** The same sealed, without pack headers. */
  addedPackedBytes: number;
};

/**
 * New blobs on their way into the repository: packs first, then the index that names them. Packs may also come finished
 * from worker threads (`acceptPack`). Saves run in parallel, bounded; the first failure fails everything after it.
 */
export class BlobWriter {
  readonly #repository: Repository;
  readonly #table: BlobTable;
  readonly #options: WriterOptions;
  readonly #packOptions: PackOptions;
  readonly #sealer: BulkSealer;
  readonly #open: Record<BlobType, PackBuffer>;
  readonly #saving = new Set<Promise<void>>();
  #segment: BlobSegment;
  #pending: IndexedPack[] = [];
  #pendingBlobs = 0;
  #indexStartedMs: number;
  #failure: Error | undefined;
  readonly totals: WriteTotals = { dataBlobs: 0, treeBlobs: 0, addedBytes: 0, addedPackedBytes: 0 };
  readonly indexesSaved: IndexId[] = [];

  constructor(repository: Repository, table: BlobTable, options: WriterOptions) {
    this.#repository = repository;
    this.#table = table;
    this.#options = options;
    this.#segment = table.segments.length > 1 ? (table.segments.at(-1) as BlobSegment) : table.addSegment();
    this.#sealer = new BulkSealer(repository.masterKey);
    this.#packOptions = {
      sealer: this.#sealer,
      nonces: new NonceSource(repository.host.random),
      codec: new ZstdCodec(),
      version: repository.config.version,
      compression: options.compression ?? 'auto',
      targetBytes: options.packTargetBytes ?? packTargetBytesDefault,
    };
    this.#open = { data: this.#newPack('data'), tree: this.#newPack('tree') };
    this.#indexStartedMs = repository.host.clock.monotonicMs();
  }

  #newPack(type: BlobType): PackBuffer {
    return new PackBuffer(type, this.#packOptions);
  }

  /** The blob is in a pack that is being filled, or known already. It is safe only after `flush`. */
  async saveBlob(type: BlobType, plain: Uint8Array): Promise<{ id: BlobId; isNew: boolean; packedBytes: number }> {
    this.#failIfBroken();
    const { id, bytes } = blobIdOf(plain);
    if (!this.#claim(type, bytes)) return { id, isNew: false, packedBytes: 0 };
    const pack = this.#open[type];
    const { length } = pack.append(id, plain);
    // What the caller gave is the caller's again.
    pack.sealSmall();
    if (pack.isFull) {
      this.#open[type] = this.#newPack(type);
      await this.acceptPack(pack.finish());
    }
    return { id, isNew: true, packedBytes: length };
  }

  #claim(type: BlobType, id: Uint8Array): boolean {
    const segments = this.#table.segments;
    for (const segment of segments) if (segment !== this.#segment && segment.find(type, id) >= 0) return false;
    const entry = this.#segment.claim(type, id);
    if (entry === -2) {
      this.#extend();
      return this.#segment.claim(type, id) >= 0;
    }
    return entry >= 0;
  }

  /** A finished pack is saved in the background; waits only while too many saves are under way. */
  async acceptPack(pack: FinishedPack): Promise<void> {
    while (this.#saving.size >= this.#repository.backend.connectionsMax) await Promise.race(this.#saving);
    this.#failIfBroken();
    const saving: Promise<void> = this.#store(pack)
      .catch((error: unknown) => {
        this.#failure ??= asError(error);
      })
      .finally(() => {
        this.#saving.delete(saving);
      });
    this.#saving.add(saving);
  }

  /** Resolves when this pack is durable. */
  async storePack(pack: FinishedPack): Promise<void> {
    this.#failIfBroken();
    try {
      await this.#store(pack);
    } catch (error) {
      this.#failure ??= asError(error);
      throw error;
    }
  }

  async #store(pack: FinishedPack): Promise<void> {
    await this.#options.mayWrite;
    const file = new Uint8Array(pack.buffer, 0, pack.sizeBytes);
    const place = { kind: 'data', name: pack.id, holdsTrees: pack.type === 'tree' } as const;
    await this.#repository.backend.save(place, [file], this.#options.signal);
    this.addStored(pack);
    this.#options.packStored?.(pack);
    if (this.#pendingBlobs >= indexBlobsMax || this.#indexAgeMs() > indexAgeMaxMs) await this.#saveIndex();
  }

  /** A pack that is in the storage and in no index yet. */
  addStored(pack: Pick<FinishedPack, 'id' | 'blobs' | 'type'>): void {
    if (this.#segment.count > this.#segment.capacity / 2) this.#extend();
    const number = this.#table.packNumber(pack.id);
    for (const blob of pack.blobs) {
      this.#place(number, blob);
      this.totals[blob.type === 'data' ? 'dataBlobs' : 'treeBlobs'] += 1;
      this.totals.addedBytes += blob.uncompressedLength ?? blob.length - 32;
      this.totals.addedPackedBytes += blob.length;
    }
    this.#pending.push({ id: pack.id, blobs: pack.blobs });
    this.#pendingBlobs += pack.blobs.length;
  }

  #place(packNumber: number, blob: FinishedPack['blobs'][number]): void {
    const bytes = idToBytes(blob.id);
    for (const segment of this.#table.segments) {
      for (const entry of segment.findAll(blob.type, bytes)) {
        if (segment.placeOf(entry) !== undefined) continue;
        segment.place(entry, packNumber, blob.offset, blob.length, blob.uncompressedLength ?? 0);
        return;
      }
    }
    // A blob nobody claimed here: a claim that did not fit its segment, or a pack found again by the resume journal.
    if (!this.#claim(blob.type, bytes)) return;
    this.#place(packNumber, blob);
  }

  /** Memory of all segments, for worker threads; `options.segmentAdded` tells when there is one more. */
  get sharedSegments(): SegmentMemory[] {
    return this.#table.segments.map((segment) => segment.memory);
  }

  #extend(): void {
    this.#segment = this.#table.addSegment(this.#segment.capacity * 2);
    this.#options.segmentAdded?.(this.#segment.memory);
  }

  #indexAgeMs(): number {
    return this.#repository.host.clock.monotonicMs() - this.#indexStartedMs;
  }

  async #saveIndex(): Promise<void> {
    const packs = this.#pending;
    this.#pending = [];
    this.#pendingBlobs = 0;
    this.#indexStartedMs = this.#repository.host.clock.monotonicMs();
    if (packs.length === 0) return;
    const text = encodeIndexFile({ packs });
    this.indexesSaved.push(await this.#repository.saveUnpacked('index', text));
    release(text);
  }

  /** Everything saved so far is durable and indexed. */
  async flush(): Promise<void> {
    for (const type of ['data', 'tree'] as const) {
      const pack = this.#open[type];
      if (pack.isEmpty) continue;
      this.#open[type] = this.#newPack(type);
      await this.acceptPack(pack.finish());
    }
    while (this.#saving.size > 0) await Promise.race(this.#saving);
    this.#failIfBroken();
    this.#sealer[Symbol.dispose]();
    await this.#options.mayWrite;
    await this.#saveIndex();
  }

  #failIfBroken(): void {
    if (this.#options.signal?.aborted === true) {
      const reason: unknown = this.#options.signal.reason;
      throw reason instanceof Error ? reason : new CoffreError('INTERRUPTED', 'the work was stopped');
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}
