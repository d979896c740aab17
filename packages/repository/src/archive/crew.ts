import { availableParallelism } from 'node:os';
import type { ChunkProfile } from '../chunker/profile.ts';
import type { CompressionLevel } from '../compress/zstd.ts';
import { createLaneEngine } from '../crypto/sha256-lanes/engine.ts';
import { assert } from '../errors.ts';
import { readElsewhere, type FilePlace } from '../host/elsewhere.ts';
import type { SegmentMemory } from '../index/blob-table.ts';
import { packTargetBytesDefault, type BlobWriter } from '../index/blob-writer.ts';
import type { BlobId } from '../ids.ts';
import type { Repository } from '../repository.ts';
import { WorkerPool } from '../workers/pool.ts';
import type { ArchiveSetup, TaskHandler } from '../workers/tasks.ts';
import {
  archiveHandlers,
  ArchiveReader,
  segmentBytes,
  type ArchiveEvent,
  type BatchResult,
  type FilesPayload,
  type SegmentPayload,
  type SegmentResult,
} from './archive-tasks.ts';
import { nothingAdded, type AddedData } from './chunk-store.ts';
import { OrderedHash } from './ordered-hash.ts';

/** Below this many bytes to read, starting threads costs more than they bring. */
const inlineBytesMax = 6 * 1024 * 1024;
/** Tasks under way per thread: one that works, one that waits. */
const tasksPerThread = 2;

export type CrewOptions = {
  readonly compression?: CompressionLevel;
  readonly packTargetBytes?: number;
  readonly threads?: number;
  readonly elsewhere?: readonly FilePlace[];
};

export type LongFileOptions = {
  /** The whole file is hashed too. */
  readonly sum: boolean;
  readonly progress: (bytes: number) => void;
};

type Seat = { run<Result>(task: string, payload: unknown, transfer?: readonly ArrayBuffer[]): Promise<Result> };

/** The threads of one backup and what they ask in the middle of their work. Small jobs run in this thread. */
export class ArchiveCrew implements AsyncDisposable {
  readonly #repository: Repository;
  readonly #writer: BlobWriter;
  readonly #setup: Omit<ArchiveSetup, 'segments' | 'lanes'>;
  readonly #threads: number;
  #inline: Seat | undefined;
  #pool: WorkerPool | undefined;
  #bytesSeen = 0;
  #running = 0;
  readonly #free: (() => void)[] = [];
  readonly #starts = new Map<string, { promise: Promise<number>; resolve: (start: number) => void }>();
  /** Of long files under way, by number. */
  readonly #hashes = new Map<number, OrderedHash>();
  #files = 0;

  constructor(repository: Repository, writer: BlobWriter, options: CrewOptions) {
    this.#repository = repository;
    this.#writer = writer;
    this.#threads = options.threads ?? Math.max(2, Math.min(8, availableParallelism()));
    this.#setup = {
      work: 'archive',
      key: repository.masterKey,
      version: repository.config.version,
      polynomial: repository.config.chunkerPolynomial,
      compression: options.compression ?? 'auto',
      packTargetBytes: options.packTargetBytes ?? packTargetBytesDefault,
      elsewhere: options.elsewhere ?? [],
    };
  }

  get tasksMax(): number {
    return this.#pool === undefined ? 1 : this.#threads * tasksPerThread;
  }

  #seat(sizeBytes: number): Seat {
    this.#bytesSeen += sizeBytes;
    if (this.#pool !== undefined) return this.#pool;
    if (this.#bytesSeen <= inlineBytesMax) return (this.#inline ??= this.#sitInline());
    return this.#startPool();
  }

  #startPool(): WorkerPool {
    const { clock } = this.#repository.host;
    const lanes = createLaneEngine(() => clock.monotonicMs());
    const setup: ArchiveSetup = { ...this.#setup, segments: this.#writer.sharedSegments, lanes };
    const pool = new WorkerPool(this.#threads, setup);
    for (const thread of pool.threads) thread.onEvent = async (event) => await this.#answer(event as ArchiveEvent);
    this.#pool = pool;
    return pool;
  }

  #sitInline(): Seat {
    const { random } = this.#repository.host;
    const files = readElsewhere(this.#repository.host.files, this.#setup.elsewhere);
    const setup: ArchiveSetup = { ...this.#setup, segments: this.#writer.sharedSegments, lanes: undefined };
    const ask = async (event: unknown): Promise<unknown> => await this.#answer(event as ArchiveEvent);
    const handlers: Record<string, TaskHandler> = archiveHandlers(new ArchiveReader(setup, ask, { files, random }));
    return {
      run: async <Result>(task: string, payload: unknown): Promise<Result> => {
        const handler = handlers[task];
        assert(handler !== undefined, `no archive task is called ${task}`);
        return (await handler(payload)).result as Result;
      },
    };
  }

  async #answer(event: ArchiveEvent): Promise<unknown> {
    switch (event.kind) {
      case 'pack':
        return await this.#writer.storePack(event.pack);
      case 'chunkStart':
        return await this.#start(event.file, event.index).promise;
      case 'chunkEnd':
        this.#starts.delete(`${event.file}/${event.index}`);
        // The next segment ends after it heard of this: parts are handed over in order, and hashed while it goes on.
        this.#start(event.file, event.index + 1).resolve(event.next);
        if (event.bytes !== undefined) await this.#hashes.get(event.file)?.update(event.bytes);
        return undefined;
      default:
        return event satisfies never;
    }
  }

  #start(file: number, index: number): { promise: Promise<number>; resolve: (start: number) => void } {
    const key = `${file}/${index}`;
    let start = this.#starts.get(key);
    if (start === undefined) {
      start = Promise.withResolvers<number>();
      this.#starts.set(key, start);
    }
    return start;
  }

  /** Tells every thread about more room in the blob table. */
  extend(memory: SegmentMemory): void {
    for (const seat of [this.#inline, ...(this.#pool?.threads ?? [])]) {
      // A thread that is gone fails its tasks anyway.
      seat?.run('extend', memory).catch(() => undefined);
    }
  }

  /** Waits until another task may start: the bound on everything the crew holds in memory. */
  async #slot(weight: number): Promise<void> {
    while (this.#running > 0 && this.#running + weight > this.tasksMax) {
      await new Promise<void>((resolve) => this.#free.push(resolve));
    }
    this.#running += weight;
  }

  #leave(weight: number): void {
    this.#running -= weight;
    for (const wake of this.#free.splice(0)) wake();
  }

  /** Resolves when the batch is accepted; the results come later. */
  async saveFiles(payload: FilesPayload): Promise<{ result: Promise<BatchResult> }> {
    await this.#slot(1);
    const result = this.#seat(payload.sizeBytes)
      .run<BatchResult>('files', payload)
      .finally(() => this.#leave(1));
    result.catch(() => undefined);
    return { result };
  }

  /** One long file, cut by all threads at once; `fd` stays the caller's. Cuts are those of one sequential pass. */
  async saveLongFile(
    fd: number,
    sizeBytes: number,
    profile: ChunkProfile,
    { sum, progress }: LongFileOptions,
  ): Promise<SegmentResult & { readonly sha256: string | undefined }> {
    const file = this.#files++;
    this.#start(file, 0).resolve(0);
    if (sum) this.#hashes.set(file, new OrderedHash());
    const count = Math.max(1, Math.ceil(sizeBytes / segmentBytes));
    const segments: Promise<SegmentResult>[] = [];
    const broken = new AbortController();
    for (let index = 0; index < count && !broken.signal.aborted; index++) {
      await this.#slot(tasksPerThread);
      const from = index * segmentBytes;
      const to = Math.min(sizeBytes, from + segmentBytes);
      const payload: SegmentPayload = { fd, file, index, from, to, last: index === count - 1, profile, sum };
      const segment = this.#seat(segmentBytes)
        .run<SegmentResult>('segment', payload)
        .then((result) => {
          progress(result.sizeBytes);
          return result;
        })
        .finally(() => this.#leave(tasksPerThread));
      segment.catch((error: unknown) => {
        broken.abort(error);
        // Later segments wait for where this one ends: let them run into the closed file instead of waiting for ever.
        this.#start(file, index + 1).resolve(to);
      });
      segments.push(segment);
    }
    const done = await Promise.allSettled(segments);
    this.#starts.delete(`${file}/${count}`);
    const hash = this.#hashes.get(file);
    this.#hashes.delete(file);
    return { ...joinSegments(done), sha256: hash?.digest() };
  }

  /** A stream of bytes, cut on the way; parts go to one thread in order while the producer has the other core. */
  async saveStream(
    parts: AsyncIterable<Uint8Array>,
    profile: ChunkProfile,
    progress: (bytes: number) => void,
  ): Promise<SegmentResult> {
    const stream = this.#files++;
    const content: BlobId[] = [];
    const added = nothingAdded();
    let sizeBytes = 0;
    let seat: Seat | undefined;
    let running: Promise<SegmentResult> | undefined;
    const take = async (): Promise<void> => {
      if (running === undefined) return;
      const result = await running;
      running = undefined;
      content.push(...result.content);
      addTo(added, result.added);
      sizeBytes += result.sizeBytes;
      progress(result.sizeBytes);
    };
    const send = async (bytes: Uint8Array, last: boolean): Promise<void> => {
      seat ??= this.#pool?.leastLoaded ?? this.#startPool().leastLoaded;
      await take();
      running = seat.run<SegmentResult>('stream', { stream, bytes, last, profile }, [bytes.buffer as ArrayBuffer]);
      running.catch(() => undefined);
    };
    for await (const bytes of gathered(parts)) await send(bytes, false);
    await send(new Uint8Array(0), true);
    await take();
    return { content, added, sizeBytes };
  }

  /** Content that is in memory already: one task, and no thread is started for little. `bytes` stay the caller's. */
  async saveBytes(bytes: Uint8Array, profile: ChunkProfile, progress: (bytes: number) => void): Promise<SegmentResult> {
    const stream = this.#files++;
    const own = Uint8Array.from(bytes);
    const seat = this.#seat(own.byteLength);
    const result = await seat.run<SegmentResult>('stream', { stream, bytes: own, last: true, profile }, [own.buffer]);
    progress(result.sizeBytes);
    return result;
  }

  async flush(): Promise<void> {
    const seats: (Seat | undefined)[] = [this.#inline, ...(this.#pool?.threads ?? [])];
    await Promise.all(seats.map(async (seat) => await seat?.run('flush', undefined)));
  }

  /** No more work comes: threads give their memory back before the index needs some. */
  async finish(): Promise<void> {
    await this.flush();
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool?.[Symbol.asyncDispose]();
  }
}

function joinSegments(done: readonly PromiseSettledResult<SegmentResult>[]): SegmentResult {
  const content: BlobId[] = [];
  const added = nothingAdded();
  let sizeBytes = 0;
  for (const segment of done) {
    if (segment.status === 'rejected') throw segment.reason;
    content.push(...segment.value.content);
    addTo(added, segment.value.added);
    sizeBytes += segment.value.sizeBytes;
  }
  return { content, added, sizeBytes };
}

export function addTo(sum: AddedData, more: AddedData): void {
  sum.blobs += more.blobs;
  sum.bytes += more.bytes;
  sum.packedBytes += more.packedBytes;
}

/** Small parts joined to blocks of 4 MiB that may be given away. */
async function* gathered(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const blockBytes = 4 * 1024 * 1024;
  let block = new Uint8Array(blockBytes);
  let used = 0;
  for await (const part of parts) {
    for (let at = 0; at < part.byteLength;) {
      const take = Math.min(blockBytes - used, part.byteLength - at);
      block.set(part.subarray(at, at + take), used);
      used += take;
      at += take;
      if (used < blockBytes) continue;
      yield block;
      block = new Uint8Array(blockBytes);
      used = 0;
    }
  }
  if (used > 0) yield block.slice(0, used);
}
