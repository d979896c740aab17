import { sweepKilledWriters } from '../../backend/leftovers.ts';
import { ResumeJournal } from '../../archive/journal.ts';
import { adoptPacks } from '../../archive/adopt-packs.ts';
import { CoffreError } from '../../errors.ts';
import { encodeSnapshot } from '../../format/snapshot.ts';
import { shortId, type SnapshotId } from '../../ids.ts';
import { packTargetBytesDefault, type BlobWriter } from '../../index/blob-writer.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import type { FinishedPack } from '../../pack/pack-buffer.ts';
import type { StoredSnapshot } from '../../repository.ts';
import { chooseSnapshots, copiedSnapshot } from './choose.ts';
import { CopyCrew, type CrewOptions } from './crew.ts';
import { Losses } from './losses.ts';
import { BlobMover } from './mover.ts';
import { planParts } from './plan.ts';
import { SourceBlobs } from './source-blobs.ts';
import { CopyWalk, type Submit } from './walk.ts';
import { Wholeness } from './wholeness.ts';

export type CopyOptions = CrewOptions & {
  /** Of the source. */
  readonly snapshots: readonly StoredSnapshot[];
  /** Nothing is moved; what would be is counted. */
  readonly dryRun?: boolean;
  /** Nothing is written before this resolves. */
  readonly mayWrite?: Promise<unknown>;
  /** Where an interrupted copy leaves what it had stored; no resuming when absent. */
  readonly journalPath?: string;
  readonly signal?: AbortSignal;
  readonly report?: (event: CopyReport) => void;
};

/** What one snapshot takes that the target does not have. */
export type CopyAmount = {
  readonly blobs: number;
  /** Sealed, as the source holds them. */
  readonly sizeBytes: number;
  /** Of the source. */
  readonly packs: number;
};

export type CopyReport =
  | { readonly kind: 'present'; readonly snapshot: StoredSnapshot; readonly copy: SnapshotId }
  | { readonly kind: 'started'; readonly snapshot: StoredSnapshot }
  /** So many packs were read; `packs` grows while the trees are gone through. */
  | { readonly kind: 'progress'; readonly done: number; readonly packs: number; readonly sizeBytes: number }
  /** All of it is known, and being moved. */
  | { readonly kind: 'counted'; readonly snapshot: StoredSnapshot; readonly amount: CopyAmount }
  | { readonly kind: 'moved'; readonly snapshot: StoredSnapshot; readonly amount: CopyAmount }
  | { readonly kind: 'saved'; readonly snapshot: StoredSnapshot; readonly copy: SnapshotId }
  | { readonly kind: 'failed'; readonly snapshot: StoredSnapshot; readonly error: CoffreError };

export type CopyResult = {
  readonly copied: number;
  readonly present: number;
  readonly failed: number;
  /** Read from the source. */
  readonly amount: CopyAmount;
  /** Sealed bytes of blobs that the target got. */
  readonly addedBytes: number;
};

/** Snapshots become visible when so much was moved since the last did, or after this time. */
const packsPerPublication = 100;
const publicationMs = 10 * 60_000;

/**
 * Brings snapshots into another repository. What the target has is not moved again; trees are kept byte for byte. Packs
 * first, then the index, and last the snapshots, oldest first: a crash at any point leaves none without its data. The
 * caller holds shared locks on both sides. What the source has lost costs the snapshots that need it, and no others.
 */
export async function copySnapshots(
  from: IndexedRepository,
  to: IndexedRepository,
  options: CopyOptions,
): Promise<CopyResult> {
  const { missing, present } = chooseSnapshots(options.snapshots, await to.repository.listSnapshots());
  for (const { snapshot, copy } of present) options.report?.({ kind: 'present', snapshot, copy });
  const total = { blobs: 0, sizeBytes: 0, packs: 0 };
  if (missing.length === 0) return { copied: 0, present: present.length, failed: 0, amount: total, addedBytes: 0 };
  const run = options.dryRun === true ? undefined : await openRun(from, to, options);
  await using _closing = run;
  const job = new CopyJob(from, to, options, run);
  for (const snapshot of missing) {
    const amount = await job.copy(snapshot);
    total.blobs += amount.blobs;
    total.sizeBytes += amount.sizeBytes;
    total.packs += amount.packs;
    if (job.shouldPublish) await job.publish();
  }
  await job.publish();
  run?.journal?.finish();
  if (run !== undefined) await sweepKilledWriters(to.repository.backend, to.repository.host);
  const addedBytes = run?.writer.totals.addedPackedBytes ?? 0;
  return { copied: job.saved, present: present.length, failed: job.failed, amount: total, addedBytes };
}

type Run = AsyncDisposable & {
  readonly writer: BlobWriter;
  readonly crew: CopyCrew;
  readonly journal: ResumeJournal | undefined;
};

async function openRun(from: IndexedRepository, to: IndexedRepository, options: CopyOptions): Promise<Run> {
  const { compression, packTargetBytes, mayWrite, signal, journalPath } = options;
  const journal = journalPath === undefined ? undefined : new ResumeJournal(journalPath);
  const writer = to.openWriter({
    ...(compression !== undefined && { compression }),
    ...(packTargetBytes !== undefined && { packTargetBytes }),
    ...(mayWrite !== undefined && { mayWrite }),
    ...(signal !== undefined && { signal }),
  });
  if (journal !== undefined) await adoptPacks(to, writer, journal.packs);
  // Noted before it is stored: whether it is there is asked when it matters.
  const storePack = async (pack: FinishedPack): Promise<void> => {
    journal?.packStored(pack.id);
    await writer.storePack(pack);
  };
  const crew = new CopyCrew({ from: from.repository, to: to.repository }, options, storePack);
  return {
    writer,
    crew,
    journal,
    async [Symbol.asyncDispose]() {
      await crew[Symbol.asyncDispose]();
      journal?.close();
    },
  };
}

class CopyJob {
  readonly #to: IndexedRepository;
  readonly #options: CopyOptions;
  readonly #run: Run | undefined;
  readonly #source: SourceBlobs;
  readonly #losses = new Losses();
  readonly #walk: CopyWalk;
  readonly #mover: BlobMover | undefined;
  readonly #wholeness: Wholeness;
  #progress = { done: 0, packs: 0, sizeBytes: 0 };
  #unpublished: StoredSnapshot[] = [];
  #unpublishedBytes = 0;
  #publishedMs: number;
  saved = 0;
  failed = 0;

  constructor(from: IndexedRepository, to: IndexedRepository, options: CopyOptions, run: Run | undefined) {
    this.#to = to;
    this.#options = options;
    this.#run = run;
    this.#source = new SourceBlobs(from);
    const losses = this.#losses;
    this.#walk = new CopyWalk({ from, to, source: this.#source, losses });
    this.#wholeness = new Wholeness(to);
    this.#publishedMs = this.#nowMs;
    if (run === undefined) return;
    const { crew, writer } = run;
    this.#mover = new BlobMover({
      from,
      crew,
      writer,
      losses,
      signal: options.signal,
      moved: ({ isLast, length }) => {
        this.#progress.done += isLast ? 1 : 0;
        this.#progress.sizeBytes += length;
        this.#sayProgress();
      },
    });
  }

  get #nowMs(): number {
    return this.#to.repository.host.clock.monotonicMs();
  }

  #sayProgress(): void {
    this.#options.report?.({ kind: 'progress', ...this.#progress });
  }

  /** Everything the snapshot needs is on its way into packs; it is published later. */
  async copy(snapshot: StoredSnapshot): Promise<CopyAmount> {
    const { report, signal } = this.#options;
    report?.({ kind: 'started', snapshot });
    this.#progress = { done: 0, packs: 0, sizeBytes: 0 };
    const amount = { blobs: 0, sizeBytes: 0, packs: 0 };
    const submit: Submit = async (wanted) => {
      const plan = planParts(wanted, this.#source);
      amount.blobs += plan.blobs;
      amount.sizeBytes += plan.sizeBytes;
      amount.packs += plan.packs;
      this.#progress.packs = amount.packs;
      await this.#mover?.submit(plan);
    };
    await this.#walk.walk(snapshot.snapshot.tree, submit, signal);
    report?.({ kind: 'counted', snapshot, amount });
    await this.#mover?.drain();
    report?.({ kind: 'moved', snapshot, amount });
    this.#unpublished.push(snapshot);
    this.#unpublishedBytes += amount.sizeBytes;
    return amount;
  }

  get shouldPublish(): boolean {
    const { packTargetBytes = packTargetBytesDefault } = this.#options;
    const isMuch = this.#unpublishedBytes >= packsPerPublication * packTargetBytes;
    return isMuch || this.#nowMs - this.#publishedMs > publicationMs;
  }

  async publish(): Promise<void> {
    const snapshots = this.#unpublished;
    this.#unpublished = [];
    this.#unpublishedBytes = 0;
    await this.#run?.crew.flush();
    await this.#run?.writer.flush();
    for (const snapshot of snapshots) {
      this.#options.signal?.throwIfAborted();
      await this.#publishOne(snapshot);
    }
    this.#publishedMs = this.#nowMs;
  }

  async #publishOne(snapshot: StoredSnapshot): Promise<void> {
    const { report } = this.#options;
    const error = await this.#lackOf(snapshot);
    if (error !== undefined) {
      this.failed += 1;
      report?.({ kind: 'failed', snapshot, error });
      return;
    }
    if (this.#run === undefined) return;
    const json = encodeSnapshot(copiedSnapshot(snapshot));
    const copy = await this.#to.repository.saveUnpacked('snapshots', json);
    this.saved += 1;
    report?.({ kind: 'saved', snapshot, copy });
  }

  /** Without losses there is nothing to look for. In a dry run only the walk can have met any. */
  async #lackOf({ id, snapshot }: StoredSnapshot): Promise<CoffreError | undefined> {
    if (this.#losses.count === 0 || this.#run === undefined) return undefined;
    const gap = await this.#wholeness.gapUnder(snapshot.tree);
    if (gap === undefined) return undefined;
    const cause = this.#losses.reasonOf(gap.blobId) ?? gap.error;
    const place = gap.path === '' ? 'its root folder' : JSON.stringify(gap.path);
    const why = cause === undefined ? `blob ${shortId(gap.blobId)} is missing` : cause.message;
    return new CoffreError(
      'COPY_INCOMPLETE',
      `snapshot ${shortId(id)} was not copied: ${place} cannot be read: ${why}`,
      {
        hint: 'Run `coffre check --read-data` on the source; a later backup of the same files may bring the blob back.',
        ...(cause !== undefined && { cause }),
      },
    );
  }
}
