/** Fetches the blobs of one window of files and has them written. */
import { assert, CoffreError, isCoffreError } from '../errors.ts';
import { shortId, type BlobId } from '../ids.ts';
import { errorFromWire } from '../workers/pool.ts';
import type { RestoreCrew } from './crew.ts';
import type { FileIdentity, FileTask, FileWriter } from './file-writer.ts';
import type { RestoreJob } from './job.ts';
import { planRestore, type PackPart, type RestorePlan } from './plan.ts';
import { addDropped } from './report.ts';
import type { SealedPiece, WritePayload, WriteResult } from './restore-tasks.ts';
import type { FileToWrite } from './window.ts';

type Broken = { readonly id: BlobId; readonly position: number };

/** A file that several parts write to. */
type SharedFile = { identity: FileIdentity | undefined; partsLeft: number; broken: Broken[]; failed: boolean };

const emptyFilesPerTask = 512;

export class FileFetch {
  readonly #job: RestoreJob;
  readonly #files: readonly FileToWrite[];
  readonly #plan: RestorePlan;
  readonly #shared = new Map<number, SharedFile>();
  readonly #done: FileToWrite[] = [];

  constructor(job: RestoreJob, files: readonly FileToWrite[]) {
    this.#job = job;
    this.#files = files;
    this.#plan = planRestore(files, (id) => job.indexed.places('data', id)[0]);
    this.#announce();
  }

  /** Counts what will be written. A dry run ends here. */
  #announce(): void {
    const { counters, budget, isDryRun } = this.#job;
    for (const [number, file] of this.#files.entries()) {
      const missing = this.#plan.missing.get(number);
      if (missing !== undefined) {
        this.#job.fail(
          file.path,
          new CoffreError('REPO_BLOB_MISSING', `data blob ${shortId(missing)} is not in the index`, {
            hint: 'Run `coffre check`; a copy of the repository may still hold it.',
          }),
        );
        continue;
      }
      const size = this.#plan.sizes[number] as number;
      counters.filesTotal += 1;
      counters.bytesTotal += size;
      counters.bytesRestored += isDryRun ? size : this.#bytesPresent(file);
      if (!isDryRun) continue;
      this.#job.restored('file', file.path, size, file.existing === undefined ? 'restored' : 'updated');
    }
    if (counters.bytesTotal <= budget.bytesMax) return;
    throw new CoffreError('RESTORE_TARGET_REFUSED', 'the snapshot holds more bytes than the restore was allowed', {
      hint: 'Restore a part of it with --include, or allow more.',
    });
  }

  #bytesPresent({ content, present }: FileToWrite): number {
    let bytes = 0;
    for (const [i, id] of content.entries()) if (present?.[i] === 1) bytes += this.#job.blobSize(id) ?? 0;
    return bytes;
  }

  /** @returns the files that are whole now. */
  async run(crew: RestoreCrew): Promise<FileToWrite[]> {
    const running = new Set<Promise<void>>();
    let failure: unknown;
    const launch = async (sizeBytes: number, work: () => Promise<void>): Promise<void> => {
      await crew.enter(sizeBytes);
      if (failure !== undefined) {
        crew.leave(sizeBytes);
        return;
      }
      const task = work()
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => {
          crew.leave(sizeBytes);
          running.delete(task);
        });
      running.add(task);
    };
    try {
      for (const numbers of this.#filesWithoutParts()) {
        await launch(0, async () => await this.#write(crew, numbers, [], Buffer.alloc(0)));
      }
      for (const part of this.#plan.parts) {
        if (failure !== undefined) break;
        this.#job.throwIfAborted();
        await launch(part.length, async () => await this.#fetchPart(crew, part));
      }
    } finally {
      await Promise.all(running);
    }
    if (failure !== undefined) throw failure;
    return this.#done;
  }

  /** Empty files, and files that only have to lose their tail. */
  *#filesWithoutParts(): Generator<number[]> {
    let batch: number[] = [];
    for (const [number, parts] of this.#plan.partsOfFile.entries()) {
      if (parts > 0 || this.#plan.missing.has(number)) continue;
      batch.push(number);
      if (batch.length < emptyFilesPerTask) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  async #fetchPart(crew: RestoreCrew, part: PackPart): Promise<void> {
    const numbers = new Set<number>();
    for (const { writes } of part.blobs) for (let i = 0; i < writes.length; i += 2) numbers.add(writes[i] as number);
    let bytes: Buffer;
    try {
      this.#job.counters.bytesFetched += part.length;
      bytes = await this.#job.indexed.repository.backend.load(
        { kind: 'data', name: part.packId },
        { offset: part.offset, length: part.length, ...(this.#job.options.signal && { signal: this.#job.options.signal }) },
      );
    } catch (error) {
      this.#job.throwIfAborted();
      if (isFatal(error)) throw error;
      await this.#settle([...numbers], part, undefined);
      return;
    }
    await this.#write(crew, [...numbers], [part], bytes);
  }

  async #write(crew: RestoreCrew, numbers: number[], parts: readonly PackPart[], bytes: Buffer): Promise<void> {
    const [part] = parts;
    const ready = numbers.filter((number) => this.#prepareShared(number));
    const local = new Map(ready.map((number, i) => [number, i]));
    const pieces: SealedPiece[] = [];
    const counts = new Uint32Array(ready.length);
    const blobs = part?.blobs ?? [];
    for (const blob of blobs) pieces.push(pieceOf(blob, (part as PackPart).offset, local, counts));
    const files = ready.map((number, i) => this.#taskOf(number, counts[i] as number));
    const owned = ownedBytes(bytes);
    const payload: WritePayload = { bytes: owned, pieces, files };
    const sizeBytes = Math.max(bytes.length, ready.length * 2048);
    const result = await crew.run<WriteResult>('write', payload, { sizeBytes, transfer: [owned.buffer] });
    await this.#settle(ready, part, result);
  }

  /** A file for several parts is made before the first of them. @returns whether it is worth writing to. */
  #prepareShared(number: number): boolean {
    const parts = this.#plan.partsOfFile[number] as number;
    if (parts <= 1) return true;
    const known = this.#shared.get(number);
    if (known !== undefined) return !known.failed;
    const shared: SharedFile = { identity: undefined, partsLeft: parts, broken: [], failed: false };
    this.#shared.set(number, shared);
    const task = this.#taskOf(number, 0);
    try {
      shared.identity = this.#ownWriter.identityOf(task);
      this.#ownWriter.reserve(task);
      this.#ownWriter.abandon(task);
      return true;
    } catch (error) {
      this.#ownWriter.abandon(task);
      this.#failShared(number, error);
      return false;
    }
  }

  get #ownWriter(): FileWriter {
    assert(this.#job.writer !== undefined, 'a restore writes without a target');
    return this.#job.writer;
  }

  #failShared(number: number, error: unknown): void {
    const shared = this.#shared.get(number);
    if (shared?.failed === true) return;
    if (shared !== undefined) shared.failed = true;
    this.#job.fail((this.#files[number] as FileToWrite).path, error);
  }

  #taskOf(number: number, writes: number): FileTask {
    const file = this.#files[number] as FileToWrite;
    const shared = this.#shared.get(number);
    const existing = shared?.identity ?? file.existing;
    return {
      path: file.path,
      sizeBytes: this.#plan.sizes[number] as number,
      writes,
      ...(existing === undefined ? {} : { existing }),
      ...(file.existing === undefined ? { isFresh: true } : {}),
      ...(shared === undefined ? { metadata: file.metadata } : {}),
    };
  }

  /** Books the outcome of one part; `result` is absent when its bytes could not be had at all. */
  async #settle(numbers: readonly number[], part: PackPart | undefined, result: WriteResult | undefined): Promise<void> {
    if (result !== undefined) {
      this.#job.counters.bytesRestored += result.bytesWritten;
      addDropped(this.#job.counters.dropped, result.dropped);
    }
    const failed = new Map(result?.failures.map(({ file, error }) => [file, error]));
    const identities = new Map(result?.unfinished.map(({ file, identity }) => [file, identity]));
    const broken = brokenWrites(part, result);
    for (const [local, number] of numbers.entries()) {
      const shared = this.#shared.get(number);
      const error = failed.get(local);
      const pieces = broken.get(number) ?? [];
      if (shared !== undefined) {
        shared.partsLeft -= 1;
        shared.broken.push(...pieces);
        if (error !== undefined) this.#failShared(number, errorFromWire(error));
        if (shared.partsLeft === 0 && !shared.failed) await this.#complete(number, shared.broken, shared.identity);
      } else if (error !== undefined) {
        this.#job.fail((this.#files[number] as FileToWrite).path, errorFromWire(error));
      } else if (pieces.length > 0) {
        await this.#complete(number, pieces, identities.get(local));
      } else {
        this.#booked(number);
      }
    }
  }

  /** Writes what is still missing, from other copies where there are any, and finishes the file. */
  async #complete(number: number, broken: readonly Broken[], identity: FileIdentity | undefined): Promise<void> {
    const file = this.#files[number] as FileToWrite;
    const existing = identity ?? file.existing;
    const task: FileTask = {
      path: file.path,
      sizeBytes: this.#plan.sizes[number] as number,
      writes: broken.length,
      ...(existing === undefined ? {} : { existing }),
      ...(file.existing === undefined ? { isFresh: true } : {}),
      metadata: file.metadata,
    };
    let firstError: unknown;
    for (const { id, position } of broken) {
      try {
        const bytes = await this.#job.indexed.loadBlob('data', id);
        this.#ownWriter.write(task, bytes, position);
        this.#job.counters.bytesRestored += bytes.length;
      } catch (error) {
        if (isFatal(error)) throw error;
        firstError ??= error;
      }
    }
    try {
      if (firstError === undefined) this.#ownWriter.finish(task);
    } catch (error) {
      firstError = error;
    }
    this.#ownWriter.abandon(task);
    if (firstError === undefined) this.#booked(number);
    else this.#job.fail(file.path, firstError);
  }

  #booked(number: number): void {
    const file = this.#files[number] as FileToWrite;
    const size = this.#plan.sizes[number] as number;
    this.#done.push(file);
    this.#job.restored('file', file.path, size, file.existing === undefined ? 'restored' : 'updated');
  }
}

function pieceOf(
  blob: PackPart['blobs'][number],
  partOffset: number,
  local: ReadonlyMap<number, number>,
  counts: Uint32Array,
): SealedPiece {
  const writes: number[] = [];
  for (let i = 0; i < blob.writes.length; i += 2) {
    const file = local.get(blob.writes[i] as number);
    if (file === undefined) continue;
    writes.push(file, blob.writes[i + 1] as number);
    counts[file] = (counts[file] as number) + 1;
  }
  return {
    id: blob.id,
    offset: blob.offset - partOffset,
    length: blob.length,
    writes,
    ...(blob.uncompressedLength === undefined ? {} : { uncompressedLength: blob.uncompressedLength }),
  };
}

function brokenWrites(part: PackPart | undefined, result: WriteResult | undefined): Map<number, Broken[]> {
  const broken = new Map<number, Broken[]>();
  if (part === undefined) return broken;
  const blobs = result === undefined ? part.blobs : result.brokenPieces.map((i) => part.blobs[i]);
  for (const blob of blobs) {
    for (let i = 0; blob !== undefined && i < blob.writes.length; i += 2) {
      const file = blob.writes[i] as number;
      const list = broken.get(file) ?? [];
      list.push({ id: blob.id, position: blob.writes[i + 1] as number });
      broken.set(file, list);
    }
  }
  return broken;
}

/** A buffer that may be given away: small ones share their memory with others. */
function ownedBytes(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const isOwn = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  return isOwn ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/** Errors after which asking the storage again is pointless. */
function isFatal(error: unknown): boolean {
  return isCoffreError(error) && (error.retryable || error.code === 'BACKEND_DENIED' || error.code === 'RESTORE_INCOMPLETE');
}
