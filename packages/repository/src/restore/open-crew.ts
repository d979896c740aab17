import { availableParallelism } from 'node:os';
import { createLaneEngine } from '../crypto/sha256-lanes/engine.ts';
import { isCoffreError } from '../errors.ts';
import type { BlobId, PackId } from '../ids.ts';
import type { BlobLocation, IndexedRepository } from '../index/indexed-repository.ts';
import { openBlob } from '../pack/pack-read.ts';
import { handedOver, PackMemory } from '../pack/pack-memory.ts';
import { placesOf } from '../pack/sealed-places.ts';
import type { Repository } from '../repository.ts';
import { WorkerPool } from '../workers/pool.ts';
import { broken, type OpenedRange, type OpenPayload } from './open-tasks.ts';
import { plainLength } from './plan.ts';

/** Below this many bytes, starting threads costs more than they bring. */
const inlineBytesMax = 6 * 1024 * 1024;
/** Memory kept for ranges, which a reader has so many of on their way. */
const buffersKept = 4;

export type PlacedBlob = BlobLocation & { readonly id: BlobId };

/** One read of the storage: blobs of a pack in order of offset. */
export type BlobRange = {
  readonly packId: PackId;
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly PlacedBlob[];
};

/** Who reads and opens ranges of packs: threads, or for little the calling one. Closing it waits for nothing. */
export class OpenCrew implements AsyncDisposable {
  readonly #repository: Repository;
  readonly #threads: number;
  readonly #memory = new PackMemory(buffersKept);
  #pool: WorkerPool | undefined;
  #bytesSeen = 0;

  constructor({ repository }: IndexedRepository, threads: number = Math.max(2, Math.min(8, availableParallelism()))) {
    this.#repository = repository;
    this.#threads = threads;
  }

  /** By blob; undefined for one that is damaged. Rejects when the range cannot be read. */
  async open(range: BlobRange, signal: AbortSignal): Promise<(Buffer | undefined)[]> {
    const { packId, offset, length } = range;
    const { backend } = this.#repository;
    const bytes = await this.#memory.load(backend, { kind: 'data', name: packId }, length, { offset, length, signal });
    const pool = this.#poolFor(range);
    const opened = pool === undefined ? this.#openInline(range, bytes) : await openInThread(pool, range, bytes);
    this.#memory.give(bytes);
    return opened;
  }

  #poolFor({ length }: BlobRange): WorkerPool | undefined {
    this.#bytesSeen += length;
    if (this.#pool !== undefined || this.#threads === 0 || this.#bytesSeen <= inlineBytesMax) return this.#pool;
    const { masterKey, host } = this.#repository;
    const lanes = createLaneEngine(() => host.clock.monotonicMs());
    this.#pool = new WorkerPool(this.#threads, { work: 'open', key: masterKey, lanes });
    return this.#pool;
  }

  #openInline({ offset, blobs }: BlobRange, bytes: Buffer): (Buffer | undefined)[] {
    return blobs.map((blob) => {
      const start = blob.offset - offset;
      try {
        return openBlob(this.#repository.sealer, blob, bytes.subarray(start, start + blob.length));
      } catch (error) {
        if (isCoffreError(error, 'REPO_BLOB_DAMAGED')) return undefined;
        throw error;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool?.[Symbol.asyncDispose]();
  }
}

async function openInThread(pool: WorkerPool, range: BlobRange, bytes: Buffer): Promise<(Buffer | undefined)[]> {
  const { bytes: handed, transfer } = handedOver(bytes);
  const sealed = placesOf(range.blobs.map((blob) => ({ ...blob, offset: blob.offset - range.offset })));
  const payload: OpenPayload = { bytes: handed, ...sealed };
  const { plain, starts } = await pool.run<OpenedRange>('open', payload, transfer);
  return range.blobs.map((blob, i) => {
    const start = starts[i] as number;
    return start === broken ? undefined : Buffer.from(plain.buffer, start, plainLength(blob));
  });
}
