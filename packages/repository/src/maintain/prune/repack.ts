/** Copying the blobs that stay out of packs that go. Every one is opened and compared with its id on the way. */
import { ZstdCodec } from '../../compress/zstd-codec.ts';
import { type CompressionLevel } from '../../compress/zstd.ts';
import { ChunkDigests } from '../../crypto/chunk-digests.ts';
import { NonceSource } from '../../crypto/nonce-source.ts';
import { createLaneEngine } from '../../crypto/sha256-lanes/engine.ts';
import { CoffreError } from '../../errors.ts';
import { shortId, type IndexId, type PackId } from '../../ids.ts';
import { BlobTable, type BlobType } from '../../index/blob-table.ts';
import { BlobWriter, packTargetBytesDefault } from '../../index/blob-writer.ts';
import type { IndexedPackBlob, IndexedRepository } from '../../index/indexed-repository.ts';
import { BlobOpener } from '../../pack/blob-opener.ts';
import { placesOf } from '../../pack/sealed-places.ts';
import { BulkSealer } from '../../pack/bulk-sealer.ts';
import { PackBuffer, type PackOptions } from '../../pack/pack-buffer.ts';
import { inParallel } from '../../parallel.ts';
import { mergeRanges } from '../../restore/ranges.ts';

export type RepackOptions = {
  readonly compression: CompressionLevel;
  readonly packTargetBytes?: number;
  readonly signal: AbortSignal;
  readonly packDone: (id: PackId) => void;
};

export type PackToRepack = {
  readonly id: PackId;
  /** Those that stay, in order of offset. */
  readonly blobs: readonly IndexedPackBlob[];
};

export type RepackResult = {
  /** Of the copies. */
  readonly table: BlobTable;
  readonly indexesSaved: readonly IndexId[];
  readonly blobs: number;
};

const limits = { gapBytesMax: 1024 * 1024, rangeBytesMax: 64 * 1024 * 1024 };
/** Packs that are read ahead while one is worked on. */
const packsAtOnceMax = 4;

/** New packs and an index of them. Nothing is taken away yet, so a crash leaves further copies and no more. */
export async function repack(
  indexed: IndexedRepository,
  packs: Iterable<PackToRepack>,
  options: RepackOptions,
): Promise<RepackResult> {
  // A table of its own: in the common one every blob is known already and none would be written.
  const table = new BlobTable();
  using run = new Repacking(indexed, table, options);
  await run.copyAll(packs);
  return { table, indexesSaved: run.indexesSaved, blobs: run.blobs };
}

class Repacking implements Disposable {
  readonly #indexed: IndexedRepository;
  readonly #options: RepackOptions;
  readonly #writer: BlobWriter;
  readonly #sealer: BulkSealer;
  readonly #newPack: (type: BlobType) => PackBuffer;
  readonly #open: Record<BlobType, PackBuffer>;
  #turn: Promise<void> = Promise.resolve();
  blobs = 0;

  constructor(indexed: IndexedRepository, table: BlobTable, options: RepackOptions) {
    const { repository } = indexed;
    this.#indexed = indexed;
    this.#options = options;
    this.#sealer = new BulkSealer(repository.masterKey);
    const { signal, compression, packTargetBytes = packTargetBytesDefault } = options;
    this.#writer = new BlobWriter(repository, table, { signal, compression, packTargetBytes });
    const shared = {
      sealer: this.#sealer,
      nonces: new NonceSource(repository.host.random),
      codec: new ZstdCodec(),
      version: repository.config.version,
      compression,
      targetBytes: packTargetBytes,
    };
    // Small blobs wait in the options of their pack, and two packs are open at a time.
    const packOptions: Record<BlobType, PackOptions> = { data: { ...shared }, tree: { ...shared } };
    this.#newPack = (type) => new PackBuffer(type, packOptions[type]);
    this.#open = { data: this.#newPack('data'), tree: this.#newPack('tree') };
  }

  get indexesSaved(): readonly IndexId[] {
    return this.#writer.indexesSaved;
  }

  async copyAll(packs: Iterable<PackToRepack>): Promise<void> {
    const { repository } = this.#indexed;
    const digests = new ChunkDigests(createLaneEngine(() => repository.host.clock.monotonicMs()));
    using opener = new BlobOpener(repository.masterKey, digests, { keepsBodies: true });
    const atOnce = Math.max(1, Math.min(packsAtOnceMax, repository.backend.connectionsMax));
    await inParallel(packs, atOnce, async (pack) => {
      this.#options.signal.throwIfAborted();
      for (const range of mergeRanges(pack.blobs, limits)) {
        const bytes = await this.#load(pack.id, range);
        // One range at a time goes into the packs; the others are being read meanwhile.
        await this.#inTurn(() => this.#copyRange(opener, range, bytes));
      }
      this.#options.packDone(pack.id);
    });
    for (const type of ['data', 'tree'] as const) await this.#close(type);
    await this.#writer.flush();
  }

  async #load(packId: PackId, { offset, length }: { offset: number; length: number }): Promise<Buffer | undefined> {
    const { backend, host } = this.#indexed.repository;
    try {
      return await backend.load({ kind: 'data', name: packId }, { offset, length, signal: this.#options.signal });
    } catch (error) {
      this.#options.signal.throwIfAborted();
      host.warn({ about: `pack ${shortId(packId)} cannot be read, looking for other copies`, error });
      return undefined;
    }
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const before = this.#turn;
    const turn = Promise.withResolvers<void>();
    this.#turn = turn.promise;
    await before;
    try {
      await work();
    } finally {
      turn.resolve();
    }
  }

  async #copyRange(
    opener: BlobOpener,
    range: { readonly offset: number; readonly parts: readonly IndexedPackBlob[] },
    bytes: Buffer | undefined,
  ): Promise<void> {
    const damaged: IndexedPackBlob[] = bytes === undefined ? [...range.parts] : [];
    if (bytes !== undefined) {
      const places = placesOf(range.parts.map((blob) => ({ ...blob, offset: blob.offset - range.offset })));
      const full: PackBuffer[] = [];
      opener.openEach(
        bytes,
        places,
        (number, plain, body) => {
          const blob = range.parts[number] as IndexedPackBlob;
          if (plain === undefined) damaged.push(blob);
          else this.#append(blob, plain, body, full);
        },
        () => this.#sealOpen(),
      );
      for (const pack of full) await this.#writer.acceptPack(pack.finish());
    }
    for (const blob of damaged) await this.#copyOther(blob);
  }

  #append(blob: IndexedPackBlob, plain: Buffer, body: Buffer | undefined, full: PackBuffer[]): void {
    const pack = this.#open[blob.type];
    if (body !== undefined && blob.uncompressedLength !== undefined && this.#indexed.repository.config.version === 2) {
      pack.appendPacked(blob.id, body, blob.uncompressedLength);
    } else pack.append(blob.id, plain);
    this.blobs += 1;
    if (!pack.isFull) return;
    pack.sealSmall();
    full.push(pack);
    this.#open[blob.type] = this.#newPack(blob.type);
  }

  #sealOpen(): void {
    for (const type of ['data', 'tree'] as const) if (!this.#open[type].isEmpty) this.#open[type].sealSmall();
  }

  /** This copy is bad; there may be others, in packs that go or stay. */
  async #copyOther(blob: IndexedPackBlob): Promise<void> {
    let plain: Buffer;
    try {
      plain = await this.#indexed.loadBlob(blob.type, blob.id);
    } catch (error) {
      throw new CoffreError(
        'REPO_BLOB_DAMAGED',
        `${blob.type} blob ${shortId(blob.id)} in pack ${shortId(blob.packId)} is needed and cannot be read`,
        { hint: 'Nothing was removed. Run `coffre check --read-data` to see what is damaged.', cause: error },
      );
    }
    const full: PackBuffer[] = [];
    this.#append(blob, plain, undefined, full);
    this.#sealOpen();
    for (const pack of full) await this.#writer.acceptPack(pack.finish());
  }

  [Symbol.dispose](): void {
    this.#sealer[Symbol.dispose]();
  }

  async #close(type: BlobType): Promise<void> {
    const pack = this.#open[type];
    if (pack.isEmpty) return;
    this.#open[type] = this.#newPack(type);
    await this.#writer.acceptPack(pack.finish());
  }
}
