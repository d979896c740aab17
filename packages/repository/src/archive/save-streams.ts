/** Streams on their way into the repository: cut and stored by the crew, hashed as a whole on the way. */
import { createHash, type Hash } from 'node:crypto';
import type { ChunkProfile } from '../chunker/profile.ts';
import { asError, CoffreError, isCoffreError } from '../errors.ts';
import { inParallel } from '../parallel.ts';
import type { ArchiveCrew } from './crew.ts';
import type { BackupCounters } from './report.ts';
import type { SavedStream, StreamSource } from './stream-source.ts';

export type StreamWork = {
  readonly crew: ArchiveCrew;
  /** For streams that name none. */
  readonly profile: ChunkProfile;
  readonly counters: BackupCounters;
  /** Streams read at the same time; each has a thread. */
  readonly atOnce?: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * All of them or an error: one that breaks off, or whose producer ends badly, ends the others too.
 * @returns in the order given
 */
export async function saveStreams(work: StreamWork, streams: readonly StreamSource[]): Promise<SavedStream[]> {
  const broken = new AbortController();
  const signal = work.signal === undefined ? broken.signal : AbortSignal.any([work.signal, broken.signal]);
  const saved: SavedStream[] = [];
  const lanes = inParallel(streams.entries(), work.atOnce ?? 1, async ([at, stream]) => {
    try {
      saved[at] = await saveStream({ ...work, signal }, stream);
    } catch (error) {
      broken.abort(error);
      throw error;
    }
  });
  // Every lane has ended before anybody goes on: none still reads from a program that its owner takes down.
  await lanes.catch(() => undefined);
  if (work.signal?.aborted === true) throw stopped(work.signal);
  if (broken.signal.aborted) throw asError(broken.signal.reason);
  return saved;
}

type LaneWork = StreamWork & { readonly signal: AbortSignal };

async function saveStream(work: LaneWork, stream: StreamSource): Promise<SavedStream> {
  const { crew, counters } = work;
  const profile = stream.profile ?? work.profile;
  const hash = createHash('sha256');
  counters.current.add(stream.path);
  try {
    const progress = (bytes: number): void => {
      counters.bytesRead += bytes;
      counters.bytesDone += bytes;
    };
    const { content, sizeBytes } =
      stream.bytes instanceof Uint8Array
        ? await crew.saveBytes(hashed(stream.bytes, hash), profile, progress)
        : await crew.saveStream(passed(begun(stream.bytes, work.signal), hash, work.signal), profile, progress);
    // The stream's end alone proves nothing: the program that wrote it must have ended well too.
    await stream.ended;
    return { path: stream.path, sizeBytes, sha256: hash.digest('hex'), content };
  } finally {
    counters.current.delete(stream.path);
  }
}

function begun(bytes: Exclude<StreamSource['bytes'], Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  return typeof bytes === 'function' ? bytes(signal) : bytes;
}

function hashed(bytes: Uint8Array, hash: Hash): Uint8Array {
  hash.update(bytes);
  return bytes;
}

async function* passed(parts: AsyncIterable<Uint8Array>, hash: Hash, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (signal.aborted) throw stopped(signal);
  for await (const part of parts) {
    if (signal.aborted) throw stopped(signal);
    hash.update(part);
    yield part;
  }
}

function stopped(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return isCoffreError(reason) ? reason : new CoffreError('INTERRUPTED', 'the backup was stopped', { cause: reason });
}
