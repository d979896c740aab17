import { availableParallelism } from 'node:os';
import type { CompressionLevel } from '../../compress/zstd.ts';
import { createLaneEngine } from '../../crypto/sha256-lanes/engine.ts';
import { assert } from '../../errors.ts';
import { packTargetBytesDefault } from '../../index/blob-writer.ts';
import type { FinishedPack } from '../../pack/pack-buffer.ts';
import { handedOver } from '../../pack/pack-memory.ts';
import type { Repository } from '../../repository.ts';
import { Admission } from '../../workers/admission.ts';
import { WorkerPool } from '../../workers/pool.ts';
import type { CopySetup, TaskHandler } from '../../workers/tasks.ts';
import { packPayload } from '../check-payload.ts';
import { BlobCopier, copyHandlers, type CopyEvent, type CopyResult } from './copy-tasks.ts';
import type { CopyPart } from './plan.ts';

/** Below this many bytes to copy, starting threads costs more than they bring. */
const inlineBytesMax = 4 * 1024 * 1024;
/** Sealed bytes on their way from the source, or waiting for a thread. */
const bytesUnderWayMax = 20 * 1024 * 1024;
const tasksPerThread = 4;

export type CrewOptions = {
  readonly compression?: CompressionLevel;
  readonly packTargetBytes?: number;
  /** 0: everything happens in the calling thread. */
  readonly threads?: number;
};

type Seat = { run<Result>(task: string, payload: unknown, transfer?: readonly ArrayBuffer[]): Promise<Result> };

/** The threads of one copy. Small jobs run in the calling thread. */
export class CopyCrew implements AsyncDisposable {
  readonly #to: Repository;
  readonly #setup: Omit<CopySetup, 'lanes'>;
  readonly #threads: number;
  readonly #storePack: (pack: FinishedPack) => Promise<void>;
  #copier: BlobCopier | undefined;
  #inline: Seat | undefined;
  #pool: WorkerPool | undefined;
  #bytesSeen = 0;
  readonly admission: Admission;

  constructor(
    between: { readonly from: Repository; readonly to: Repository },
    options: CrewOptions,
    storePack: (pack: FinishedPack) => Promise<void>,
  ) {
    const { from, to } = between;
    this.#to = to;
    this.#threads = options.threads ?? Math.max(2, Math.min(8, availableParallelism()));
    this.admission = new Admission({
      bytesMax: bytesUnderWayMax,
      tasksMax: Math.max(1, this.#threads) * tasksPerThread,
    });
    this.#storePack = storePack;
    this.#setup = {
      work: 'copy',
      from: from.masterKey,
      to: to.masterKey,
      version: to.config.version,
      compression: options.compression ?? 'auto',
      packTargetBytes: options.packTargetBytes ?? packTargetBytesDefault,
      packsUnderWay: Math.max(1, Math.ceil(to.backend.connectionsMax / Math.max(1, this.#threads) / 2)),
    };
  }

  #seat(sizeBytes: number): Seat {
    this.#bytesSeen += sizeBytes;
    if (this.#pool !== undefined) return this.#pool;
    if (this.#threads === 0 || this.#bytesSeen <= inlineBytesMax) return (this.#inline ??= this.#sitInline());
    const { clock } = this.#to.host;
    const pool = new WorkerPool(this.#threads, { ...this.#setup, lanes: createLaneEngine(() => clock.monotonicMs()) });
    for (const thread of pool.threads) thread.onEvent = async (event) => await this.#answer(event as CopyEvent);
    this.#pool = pool;
    return pool;
  }

  #sitInline(): Seat {
    const ask = async (event: unknown): Promise<unknown> => await this.#answer(event as CopyEvent);
    this.#copier = new BlobCopier({ ...this.#setup, lanes: undefined }, ask, this.#to.host.random);
    const handlers: Record<string, TaskHandler> = copyHandlers(this.#copier);
    return {
      run: async <Result>(task: string, payload: unknown): Promise<Result> => {
        const handler = handlers[task];
        assert(handler !== undefined, `no copy task is called ${task}`);
        return (await handler(payload)).result as Result;
      },
    };
  }

  async #answer({ pack }: CopyEvent): Promise<void> {
    await this.#storePack(pack);
  }

  /** Takes the bytes over. Resolves when what is good in them is in a pack that fills; it is safe after `flush`. */
  async copy(part: CopyPart, bytes: Buffer): Promise<CopyResult> {
    const { bytes: owned, transfer } = handedOver(bytes);
    const blobs = part.blobs.map((blob) => ({ ...blob, offset: blob.offset - part.offset }));
    const payload = packPayload(part.packId, owned, blobs);
    return await this.#seat(part.length).run<CopyResult>('copy', payload, transfer);
  }

  /** Every pack is stored. */
  async flush(): Promise<void> {
    const seats: (Seat | undefined)[] = [this.#inline, ...(this.#pool?.threads ?? [])];
    await Promise.all(seats.map(async (seat) => await seat?.run('flush', undefined)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#copier?.close();
    if (this.#pool === undefined) return;
    // What OpenSSL holds is the process's: a thread that just ends would leave it.
    await Promise.allSettled(this.#pool.threads.map((thread) => thread.run('close', undefined)));
    await this.#pool[Symbol.asyncDispose]();
  }
}
