/** Fetches the blobs of one window of files and has them written. */
import { assert, CoffreError, isCoffreError } from '../errors.ts';
import { shortId, type BlobId } from '../ids.ts';
import { handedOver } from '../pack/pack-memory.ts';
import { createPlaces, idBytes, placeWords } from '../pack/sealed-places.ts';
import { errorFromWire } from '../workers/pool.ts';
import type { RestoreCrew } from './crew.ts';
import type { FileIdentity, FileTask, FileWriter } from './file-writer.ts';
import type { RestoreJob } from './job.ts';
import { planRestore, type PackPart, type PlannedBlob, type RestorePlan } from './plan.ts';
import { addDropped } from './report.ts';
import type { WriteResult } from './restore-tasks.ts';
import type { FileToWrite } from './window.ts';
import { packFiles, type WritePayload } from './write-payload.ts';

type Broken = { readonly id: BlobId; readonly position: number };

/** A file that several parts write to. */
type SharedFile = { identity: FileIdentity | undefined; partsLeft: number; broken: Broken[]; failed: boolean };

const emptyFilesPerTask = 512;
const absent = -1;

export class FileFetch {
  readonly #job: RestoreJob;
  readonly #files: readonly FileToWrite[];
  readonly #plan: RestorePlan;
  readonly #shared = new Map<number, SharedFile>();
  readonly #done: FileToWrite[] = [];
  /** Scratch: number of each file within one part. */
  readonly #local: Int32Array;

  constructor(job: RestoreJob, files: readonly FileToWrite[]) {
    this.#job = job;
    this.#files = files;
    this.#plan = planRestore(files, (id) => job.indexed.place('data', id));
    this.#local = new Int32Array(files.length).fill(absent);
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
    let failure: Error | undefined;
    const launch = async (sizeBytes: number, work: () => Promise<void>): Promise<void> => {
      await crew.admission.enter(sizeBytes);
      if (failure !== undefined) {
        crew.admission.leave(sizeBytes);
        return;
      }
      const task = work()
        .catch((error: unknown) => {
          failure ??= error instanceof Error ? error : new Error(String(error));
        })
        .finally(() => {
          crew.admission.leave(sizeBytes);
          running.delete(task);
        });
      running.add(task);
    };
    try {
      for (const numbers of this.#filesWithoutParts()) {
        await launch(0, async () => await this.#write(crew, numbers, undefined, Buffer.alloc(0)));
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
    const numbers = this.#filesOf(part);
    const { signal } = this.#job.options;
    let bytes: Buffer;
    try {
      this.#job.counters.bytesFetched += part.length;
      const range = { offset: part.offset, length: part.length, ...(signal && { signal }) };
      const { backend } = this.#job.indexed.repository;
      bytes = await crew.memory.load(backend, { kind: 'data', name: part.packId }, part.length, range);
    } catch (error) {
      this.#job.throwIfAborted();
      if (isFatal(error)) throw error;
      await this.#settle(numbers, part, undefined);
      return;
    }
    await this.#write(crew, numbers, part, bytes);
  }

  #filesOf(part: PackPart): number[] {
    const numbers: number[] = [];
    for (const blob of part.blobs) {
      this.#plan.writes.each(blob.number, (file) => {
        if (this.#local[file] !== absent) return;
        this.#local[file] = numbers.push(file);
      });
    }
    for (const number of numbers) this.#local[number] = absent;
    return numbers;
  }

  async #write(crew: RestoreCrew, numbers: number[], part: PackPart | undefined, bytes: Buffer): Promise<void> {
    const ready = numbers.filter((number) => this.#prepareShared(number));
    const { bytes: handed, transfer } = handedOver(bytes);
    const payload: WritePayload = { bytes: handed, ...this.#pack(ready, part) };
    const sizeBytes = Math.max(bytes.length, ready.length * 2048);
    const result = await crew.run<WriteResult>('write', payload, { sizeBytes, transfer });
    crew.memory.give(bytes);
    await this.#settle(ready, part, result);
  }

  /** Without an `await`: the scratch that numbers the files of one part is shared. */
  #pack(ready: readonly number[], part: PackPart | undefined): Omit<WritePayload, 'bytes'> {
    for (const [i, number] of ready.entries()) this.#local[number] = i;
    const blobs = part?.blobs ?? [];
    const { ids, places: pieces } = createPlaces(blobs.length);
    const writes: number[] = [];
    const counts = new Uint32Array(ready.length);
    for (const [i, blob] of blobs.entries()) {
      ids.write(blob.id, i * idBytes, 'hex');
      const before = writes.length;
      this.#plan.writes.each(blob.number, (file, position) => {
        const local = this.#local[file] as number;
        if (local === absent) return;
        writes.push(local, position);
        counts[local] = (counts[local] as number) + 1;
      });
      const at = i * placeWords;
      pieces[at] = blob.offset - (part as PackPart).offset;
      pieces[at + 1] = blob.length;
      pieces[at + 2] = blob.uncompressedLength ?? 0;
      pieces[at + 3] = (writes.length - before) / 2;
    }
    for (const number of ready) this.#local[number] = absent;
    const tasks = ready.map((number, i) => this.#taskOf(number, counts[i] as number));
    return { ids, pieces, writes: Float64Array.from(writes), ...packFiles(tasks) };
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
  async #settle(
    numbers: readonly number[],
    part: PackPart | undefined,
    result: WriteResult | undefined,
  ): Promise<void> {
    if (result !== undefined) {
      this.#job.counters.bytesRestored += result.bytesWritten;
      addDropped(this.#job.counters.dropped, result.dropped);
    }
    const failed = new Map(result?.failures.map(({ file, error }) => [file, error]));
    const identities = new Map(result?.unfinished.map(({ file, identity }) => [file, identity]));
    const broken = this.#brokenWrites(part, result);
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

  #brokenWrites(part: PackPart | undefined, result: WriteResult | undefined): Map<number, Broken[]> {
    const broken = new Map<number, Broken[]>();
    if (part === undefined) return broken;
    const blobs = result === undefined ? part.blobs : result.brokenPieces.map((i) => part.blobs[i] as PlannedBlob);
    for (const blob of blobs) {
      this.#plan.writes.each(blob.number, (file, position) => {
        const list = broken.get(file);
        if (list === undefined) broken.set(file, [{ id: blob.id, position }]);
        else list.push({ id: blob.id, position });
      });
    }
    return broken;
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

/** Errors after which asking the storage again is pointless. */
function isFatal(error: unknown): boolean {
  return (
    isCoffreError(error) && (error.retryable || error.code === 'BACKEND_DENIED' || error.code === 'RESTORE_INCOMPLETE')
  );
}
