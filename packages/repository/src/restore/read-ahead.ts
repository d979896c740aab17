import { CoffreError } from '../errors.ts';
import type { TreeNode } from '../format/tree.ts';
import type { BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';

/** Plaintext on its way or waiting. */
const aheadBytesMax = 24 * 1024 * 1024;
const aheadItemsMax = 512;

type Item<E> =
  | { readonly kind: 'entry'; readonly entry: E }
  | { readonly kind: 'blob'; readonly bytes: Promise<Buffer>; readonly sizeBytes: number };

/** Loads the contents of a sequence of files in parallel and hands them out in order. */
export class ReadAhead<E extends { readonly node: TreeNode }> {
  readonly #indexed: IndexedRepository;
  readonly #signal: AbortSignal | undefined;
  #items: Item<E>[] = [];
  #source: AsyncGenerator<Item<E>> | undefined;
  #bytes = 0;
  #ended = false;
  #last: { id: BlobId; bytes: Promise<Buffer> } | undefined;

  constructor(indexed: IndexedRepository, signal: AbortSignal | undefined) {
    this.#indexed = indexed;
    this.#signal = signal;
  }

  start(source: AsyncGenerator<E>, wantsContent: (entry: E) => boolean = () => true): void {
    this.#source = this.#itemsOf(source, wantsContent);
  }

  async *#itemsOf(source: AsyncGenerator<E>, wantsContent: (entry: E) => boolean): AsyncGenerator<Item<E>> {
    for await (const entry of source) {
      const wanted = wantsContent(entry);
      yield { kind: 'entry', entry };
      if (!wanted || entry.node.type !== 'file') continue;
      for (const id of entry.node.content ?? []) yield this.#blob(id);
    }
  }

  #blob(id: BlobId): Item<E> {
    const sizeBytes = this.#indexed.blobSize('data', id) ?? 0;
    // Runs of one blob (zeros) are read once.
    if (this.#last?.id !== id) {
      const bytes = this.#indexed.loadBlob('data', id);
      bytes.catch(() => undefined); // whoever takes it gets the error
      this.#last = { id, bytes };
    }
    return { kind: 'blob', bytes: this.#last.bytes, sizeBytes };
  }

  async #fill(): Promise<void> {
    while (!this.#ended && this.#bytes < aheadBytesMax && this.#items.length < aheadItemsMax) {
      const next = await this.#source?.next();
      if (next === undefined || next.done === true) {
        this.#ended = true;
        return;
      }
      this.#items.push(next.value);
      if (next.value.kind === 'blob') this.#bytes += next.value.sizeBytes;
    }
  }

  async *entries(): AsyncGenerator<E> {
    for (;;) {
      await this.#fill();
      const item = this.#items.shift();
      if (item === undefined) return;
      if (item.kind === 'entry') yield item.entry;
    }
  }

  /** The content of the entry that came last. */
  async *content(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#signal?.aborted === true) throw new CoffreError('INTERRUPTED', 'the dump was stopped');
      await this.#fill();
      const [item] = this.#items;
      if (item?.kind !== 'blob') return;
      const bytes = await item.bytes;
      this.#items.shift();
      this.#bytes -= item.sizeBytes;
      yield bytes;
    }
  }
}
