/**
 * Files come in windows: a window is compared with what exists, planned as pack ranges, fetched, written and finished
 * before the next, so memory does not grow with the snapshot. Windows grow, because packs are read better in one go.
 */
import type { RestoreCrew } from './crew.ts';
import type { FileIdentity } from './file-writer.ts';
import { settleExisting } from './existing.ts';
import { FileFetch } from './fetch.ts';
import type { RestoreJob } from './job.ts';
import type { Metadata } from './metadata.ts';
import { verifyFiles } from './verify.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { BlobId } from '../ids.ts';

export type WindowFile = {
  readonly path: ByteString;
  readonly content: readonly BlobId[];
  readonly metadata: Metadata;
  /** Something of this name was in the folder before us. */
  readonly mayExist: boolean;
};

/** A file whose content is to be written. */
export type FileToWrite = WindowFile & {
  /** Written in place; absent when it is made anew. */
  readonly existing?: FileIdentity;
  /** 1 where the file holds the right blob already. */
  readonly present?: Uint8Array;
};

const firstWindowFiles = 1024;
const windowFilesMax = 4096;
const runningMax = 2;
const windowBlobsMax = 262_144;

export class FileWindows {
  readonly #job: RestoreJob;
  readonly #crew: RestoreCrew | undefined;
  #files: WindowFile[] = [];
  #blobs = 0;
  #filesMax = firstWindowFiles;
  /** At most two: while the last parts of one are written, the first of the next are fetched. */
  readonly #running: Promise<void>[] = [];

  constructor(job: RestoreJob) {
    this.#job = job;
    this.#crew = job.crew;
  }

  /** Resolves at once while the window has room; then when the window before the last has been written. */
  async add(file: WindowFile): Promise<void> {
    this.#files.push(file);
    this.#blobs += file.content.length;
    if (this.#files.length >= this.#filesMax || this.#blobs >= windowBlobsMax) await this.#submit();
  }

  async #submit(): Promise<void> {
    const files = this.#files;
    this.#files = [];
    this.#blobs = 0;
    this.#filesMax = Math.min(windowFilesMax, this.#filesMax * 4);
    if (this.#running.length >= runningMax) await this.#running.shift();
    const running = this.#restore(files);
    running.catch(() => undefined); // whoever awaits it gets the error
    this.#running.push(running);
  }

  async end(): Promise<void> {
    if (this.#files.length > 0) await this.#submit();
    while (this.#running.length > 0) await this.#running.shift();
  }

  /** Whatever became of it, nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #restore(files: readonly WindowFile[]): Promise<void> {
    const { options, isDryRun } = this.#job;
    const wanted = await settleExisting(this.#job, this.#crew, files);
    const fetch = new FileFetch(this.#job, wanted);
    if (isDryRun || this.#crew === undefined) return;
    const done = await fetch.run(this.#crew);
    if (options.verify === true) await verifyFiles(this.#job, this.#crew, done);
  }
}
