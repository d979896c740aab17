/**
 * What a thread does for a restore: open blobs, check them against their ids, write them, set metadata, compare files
 * that exist. The same handlers run inside the owner's thread for small restores.
 */
import { KnownDigests } from '../crypto/known-digests.ts';
import { release } from '../crypto/release.ts';
import type { FolderHandle, Handles } from '../host/handles.ts';
import { createHandles } from '../host/open-handles.ts';
import { codeOf } from '../host/native.ts';
import { BlobOpener } from '../pack/blob-opener.ts';
import { errorToWire, type WireError } from '../workers/pool.ts';
import { reviveKey, type AskOwner, type RestoreSetup, type TaskHandler } from '../workers/tasks.ts';
import { FileComparer, type CompareRules, type CompareTask, type Verdict } from './compare.ts';
import { FileWriter, type FileIdentity, type FileTask, type WriteRules } from './file-writer.ts';
import { createMetadataWriter, type MetadataRules } from './metadata.ts';
import { addDropped, noneDropped, type Dropped } from './report.ts';
import { TargetFolders } from './target-folders.ts';
import { firstWrites, unpackFiles, writeWords, type WritePayload } from './write-payload.ts';

/** Plain data, handed to a thread at its start. */
export type WritingSetup = {
  readonly root: FolderHandle;
  readonly metadata: MetadataRules;
  readonly writing: WriteRules;
};

export type WriteResult = {
  readonly bytesWritten: number;
  readonly dropped: Dropped;
  /** Numbers of pieces that no file got. */
  readonly brokenPieces: readonly number[];
  /** Left unfinished because of a broken piece; which files they are on disk. */
  readonly unfinished: readonly { readonly file: number; readonly identity: FileIdentity }[];
  readonly failures: readonly FileFailure[];
};
export type FileFailure = { readonly file: number; readonly error: WireError; readonly fatal: boolean };

export type ComparePayload = { readonly files: readonly CompareTask[]; readonly rules: CompareRules };
export type CompareResult = {
  readonly verdicts: readonly (Verdict | { readonly kind: 'failed'; readonly error: WireError })[];
  readonly dropped: Dropped;
};

export function restoreTasks(setup: RestoreSetup, _ask: AskOwner): Record<string, TaskHandler> {
  return restoreHandlers(new RestoreWriter(setup, createHandles()));
}

export function restoreHandlers(writer: RestoreWriter): Record<string, TaskHandler> {
  return {
    write: async (payload) => ({ result: writer.write(payload as WritePayload) }),
    compare: async (payload) => ({ result: writer.compare(payload as ComparePayload) }),
    close: async () => ({ result: writer.close() }),
  };
}

export class RestoreWriter {
  readonly #opener: BlobOpener;
  readonly #files: FileWriter;
  readonly #comparer: FileComparer;
  readonly #folders: TargetFolders;
  readonly #dropped = noneDropped();

  constructor(setup: Omit<RestoreSetup, 'work'>, handles: Handles) {
    this.#opener = new BlobOpener(reviveKey(setup.key), new KnownDigests(setup.lanes));
    this.#folders = new TargetFolders(handles, setup.target.root);
    const metadata = createMetadataWriter(handles, setup.target.metadata, this.#dropped);
    this.#files = new FileWriter(handles, this.#folders, { metadata, rules: setup.target.writing });
    this.#comparer = new FileComparer(handles, this.#folders, metadata);
  }

  write(payload: WritePayload): WriteResult {
    const { bytes, ids, pieces, writes } = payload;
    const batch = new WriteBatch(this.#files, unpackFiles(payload));
    const starts = firstWrites(pieces);
    const brokenPieces: number[] = [];
    this.#opener.openEach(bytes, { ids, places: pieces }, (number, plain) => {
      if (plain === undefined) brokenPieces.push(number);
      const end = starts[number + 1] as number;
      for (let write = starts[number] as number; write < end; write++) {
        const file = writes[write * writeWords] as number;
        if (plain === undefined) batch.miss(file);
        else batch.write(file, plain, writes[write * writeWords + 1] as number);
      }
    });
    release(bytes);
    return { ...batch.end(), brokenPieces, dropped: this.#takeDropped() };
  }

  compare({ files, rules }: ComparePayload): CompareResult {
    const verdicts = files.map((file) => {
      try {
        return this.#comparer.compare(file, rules);
      } catch (error) {
        return { kind: 'failed' as const, error: errorToWire(error) };
      }
    });
    return { verdicts, dropped: this.#takeDropped() };
  }

  #takeDropped(): Dropped {
    const dropped = noneDropped();
    addDropped(dropped, this.#dropped);
    Object.assign(this.#dropped, noneDropped());
    return dropped;
  }

  close(): void {
    this.#opener[Symbol.dispose]();
    this.#files.closeAll();
    this.#folders.close();
  }
}

const gone = -1;

class WriteBatch {
  readonly #writer: FileWriter;
  readonly #files: readonly FileTask[];
  /** Writes still to come, by file; `gone` after a failure. */
  readonly #left: Int32Array;
  readonly #broken = new Set<number>();
  readonly #failures: FileFailure[] = [];
  #bytesWritten = 0;

  constructor(writer: FileWriter, files: readonly FileTask[]) {
    this.#writer = writer;
    this.#files = files;
    this.#left = Int32Array.from(files, (file) => file.writes);
    for (const [number, file] of files.entries()) if (file.writes === 0) this.#finish(number, file);
  }

  write(number: number, plain: Buffer, position: number): void {
    if (this.#left[number] === gone) return;
    const file = this.#files[number] as FileTask;
    try {
      this.#writer.write(file, plain, position);
      this.#bytesWritten += plain.length;
      this.#countDown(number, file);
    } catch (error) {
      this.#fail(number, file, error);
    }
  }

  /** One of its pieces will not come. */
  miss(number: number): void {
    if (this.#left[number] === gone) return;
    this.#broken.add(number);
    this.#countDown(number, this.#files[number] as FileTask);
  }

  #countDown(number: number, file: FileTask): void {
    this.#left[number] = (this.#left[number] as number) - 1;
    if (this.#left[number] === 0) this.#finish(number, file);
  }

  #finish(number: number, file: FileTask): void {
    if (this.#broken.has(number)) return;
    try {
      this.#writer.finish(file);
    } catch (error) {
      this.#fail(number, file, error);
    }
  }

  #fail(number: number, file: FileTask, error: unknown): void {
    this.#left[number] = gone;
    this.#broken.delete(number);
    this.#writer.abandon(file);
    this.#failures.push({ file: number, error: errorToWire(error), fatal: isHopeless(error) });
  }

  end(): Pick<WriteResult, 'bytesWritten' | 'unfinished' | 'failures'> {
    const unfinished: { file: number; identity: FileIdentity }[] = [];
    for (const number of this.#broken) {
      const file = this.#files[number] as FileTask;
      try {
        unfinished.push({ file: number, identity: this.#writer.identityOf(file) });
      } catch (error) {
        this.#failures.push({ file: number, error: errorToWire(error), fatal: isHopeless(error) });
      }
    }
    this.#writer.closeAll();
    return { bytesWritten: this.#bytesWritten, unfinished, failures: this.#failures };
  }
}

/** Errors that every further file would meet too. */
export function isHopeless(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS'].includes(codeOf(error) ?? '');
}
