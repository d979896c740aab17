import { CoffreError } from '../errors.ts';
import type { BlobId, PackId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { OpenCrew, type BlobRange, type PlacedBlob } from './open-crew.ts';
import { mergeRanges } from './ranges.ts';

/** Plaintext on its way or waiting. */
const aheadBytesMax = 20 * 1024 * 1024;
const aheadItemsMax = 2048;
/** So much is looked for together: near each other in a pack, blobs come with one read. */
const batchBytes = 4 * 1024 * 1024;
const batchItems = 512;
const gapBytesMax = 512 * 1024;

type BlobItem = { readonly kind: 'blob'; readonly id: BlobId; readonly sizeBytes: number };
type Item<E> = { readonly kind: 'entry'; readonly entry: E } | BlobItem;

/** A blob that is on its way, for so many items. Without bytes it has to be looked for by itself. */
type Coming = { bytes: Promise<Buffer | undefined> | undefined; items: number };

/**
 * Loads the contents of a sequence of files and hands them out in order: what lies near each other in a pack comes with
 * one read, and threads open it.
 */
export class ReadAhead<E> implements AsyncDisposable {
  readonly #indexed: IndexedRepository;
  readonly #signal: AbortSignal | undefined;
  readonly #crew: OpenCrew;
  readonly #left = new AbortController();
  readonly #either: AbortSignal;
  readonly #reads = new Set<Promise<unknown>>();
  readonly #coming = new Map<BlobId, Coming>();
  #items: Item<E>[] = [];
  #source: AsyncGenerator<Item<E>> | undefined;
  #bytes = 0;
  #ended = false;
  /** Those that no read was begun for yet. */
  #batch: PlacedBlob[] = [];
  #batchBytes = 0;

  constructor(indexed: IndexedRepository, signal: AbortSignal | undefined) {
    this.#indexed = indexed;
    this.#signal = signal;
    this.#either = signal === undefined ? this.#left.signal : AbortSignal.any([signal, this.#left.signal]);
    this.#crew = new OpenCrew(indexed);
  }

  /** `contentOf` is asked once, in order. */
  start(source: AsyncIterable<E> | Iterable<E>, contentOf: (entry: E) => readonly BlobId[]): void {
    this.#source = this.#itemsOf(source, contentOf);
  }

  async *#itemsOf(
    source: AsyncIterable<E> | Iterable<E>,
    contentOf: (entry: E) => readonly BlobId[],
  ): AsyncGenerator<Item<E>> {
    for await (const entry of source) {
      const content = contentOf(entry);
      yield { kind: 'entry', entry };
      for (const id of content) yield this.#blob(id);
    }
  }

  #blob(id: BlobId): Item<E> {
    const sizeBytes = this.#indexed.blobSize('data', id) ?? 0;
    const known = this.#coming.get(id);
    if (known !== undefined) {
      known.items += 1;
      return { kind: 'blob', id, sizeBytes };
    }
    this.#coming.set(id, { bytes: undefined, items: 1 });
    const place = this.#indexed.place('data', id);
    if (place !== undefined) {
      this.#batch.push({ id, ...place });
      this.#batchBytes += sizeBytes;
      if (this.#batchBytes >= batchBytes || this.#batch.length >= batchItems) this.#read();
    }
    return { kind: 'blob', id, sizeBytes };
  }

  /** Begins to read the batch. */
  #read(): void {
    const packs = new Map<PackId, PlacedBlob[]>();
    for (const blob of this.#batch) {
      const others = packs.get(blob.packId);
      if (others === undefined) packs.set(blob.packId, [blob]);
      else others.push(blob);
    }
    this.#batch = [];
    this.#batchBytes = 0;
    for (const [packId, blobs] of packs) {
      blobs.sort((a, b) => a.offset - b.offset);
      for (const { offset, length, parts } of mergeRanges(blobs, { gapBytesMax, rangeBytesMax: batchBytes })) {
        this.#open({ packId, offset, length, blobs: parts });
      }
    }
  }

  #open(range: BlobRange): void {
    const opened = this.#crew.open(range, this.#either).catch(() => []); // whoever takes one of them looks again, and learns why
    this.#reads.add(opened);
    void opened.finally(() => this.#reads.delete(opened));
    for (const [i, { id }] of range.blobs.entries()) {
      const coming = this.#coming.get(id);
      if (coming !== undefined) coming.bytes = opened.then((blobs) => blobs[i]);
    }
  }

  async #fill(): Promise<void> {
    while (!this.#ended && this.#bytes < aheadBytesMax && this.#items.length < aheadItemsMax) {
      const next = await this.#source?.next();
      if (next === undefined || next.done === true) {
        this.#ended = true;
        this.#read();
        return;
      }
      this.#items.push(next.value);
      if (next.value.kind === 'blob') this.#bytes += next.value.sizeBytes;
    }
  }

  /** What is left of the content of the entry before is passed over. */
  async *entries(): AsyncGenerator<E> {
    for (;;) {
      await this.#fill();
      const item = this.#items.shift();
      if (item === undefined) return;
      if (item.kind === 'entry') yield item.entry;
      else this.#passed(item);
    }
  }

  /** The content of the entry that came last. */
  async *content(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#signal?.aborted === true) throw new CoffreError('INTERRUPTED', 'the dump was stopped');
      await this.#fill();
      const [item] = this.#items;
      if (item?.kind !== 'blob') return;
      const bytes = await this.#bytesOf(item);
      this.#items.shift();
      this.#passed(item);
      yield bytes;
    }
  }

  async #bytesOf({ id }: BlobItem): Promise<Buffer> {
    const coming = this.#coming.get(id);
    if (coming?.bytes === undefined) this.#read();
    // Alone, another copy of it is tried, and its error tells what is wrong with it.
    return (await coming?.bytes) ?? (await this.#indexed.loadBlob('data', id));
  }

  #passed({ id, sizeBytes }: BlobItem): void {
    this.#bytes -= sizeBytes;
    const coming = this.#coming.get(id);
    if (coming === undefined) return;
    coming.items -= 1;
    if (coming.items === 0) this.#coming.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left.abort();
    await Promise.all(this.#reads);
    await this.#crew[Symbol.asyncDispose]();
  }
}

export type FileContent = { readonly content: readonly BlobId[] };

/**
 * Files one after the other, as fast as many reads at once and threads allow. `take` gets the content of each, which may
 * fail for one file and come for the next; what it leaves is passed over.
 * @throws {CoffreError} INTERRUPTED; in the content REPO_BLOB_MISSING, REPO_BLOB_DAMAGED, storage errors
 */
export async function readContents<F extends FileContent>(
  indexed: IndexedRepository,
  files: Iterable<F> | AsyncIterable<F>,
  take: (file: F, bytes: AsyncGenerator<Buffer>) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  await using ahead = new ReadAhead<F>(indexed, signal);
  ahead.start(files, ({ content }) => content);
  for await (const file of ahead.entries()) await take(file, ahead.content());
}
