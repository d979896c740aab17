/** Goes through the trees of the source and collects what the target lacks. */
import { asError, CoffreError, isCoffreError } from '../../errors.ts';
import type { TreeNode } from '../../format/tree.ts';
import { shortId, type BlobId } from '../../ids.ts';
import type { BlobType } from '../../index/blob-table.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import { TreeReader } from '../../restore/tree-reader.ts';
import { isBeyondUs, type Losses } from './losses.ts';
import { BlobMarks, type SourceBlobs } from './source-blobs.ts';

/** What is wanted goes to be moved in waves, so that the threads work while the walk goes on. */
const waveBytes = 256 * 1024 * 1024;
const waveBlobs = 65_536;

export type Submit = (wanted: readonly number[]) => Promise<void>;

export class CopyWalk {
  readonly #to: IndexedRepository;
  readonly #source: SourceBlobs;
  readonly #losses: Losses;
  readonly #reader: TreeReader;
  /** Trees that were gone through, and blobs that were asked about. */
  readonly #visited: BlobMarks;
  readonly #settled: BlobMarks;
  /** Trees that only the target knows. */
  readonly #strangers = new Set<BlobId>();
  #wanted: number[] = [];
  #wantedBytes = 0;

  constructor(parts: { from: IndexedRepository; to: IndexedRepository; source: SourceBlobs; losses: Losses }) {
    this.#to = parts.to;
    this.#source = parts.source;
    this.#losses = parts.losses;
    this.#reader = new TreeReader(parts.from);
    this.#visited = new BlobMarks(parts.source.count);
    this.#settled = new BlobMarks(parts.source.count);
  }

  /** What an earlier walk has met is not met again. */
  async walk(root: BlobId, submit: Submit, signal: AbortSignal | undefined): Promise<void> {
    const waiting = [root];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      signal?.throwIfAborted();
      if (!this.#isNew(id)) continue;
      const nodes = await this.#load(id);
      if (nodes === undefined) continue;
      this.#want('tree', id);
      const subtrees = this.#wantContents(nodes);
      this.#reader.prefetch(subtrees.filter((subtree) => !this.#isVisited(subtree)));
      waiting.push(...subtrees.toReversed());
      if (this.#wantedBytes >= waveBytes || this.#wanted.length >= waveBlobs) await this.#submit(submit);
    }
    await this.#submit(submit);
  }

  async #submit(submit: Submit): Promise<void> {
    const wanted = this.#wanted;
    this.#wanted = [];
    this.#wantedBytes = 0;
    if (wanted.length > 0) await submit(wanted);
  }

  #isNew(id: BlobId): boolean {
    const number = this.#source.find('tree', id);
    if (number >= 0) return this.#visited.set(number);
    if (this.#strangers.has(id)) return false;
    this.#strangers.add(id);
    return true;
  }

  #isVisited(id: BlobId): boolean {
    const number = this.#source.find('tree', id);
    return number >= 0 ? this.#visited.has(number) : this.#strangers.has(id);
  }

  /** The target's own copy will do where the source's cannot be read. */
  async #load(id: BlobId): Promise<TreeNode[] | undefined> {
    try {
      return await this.#reader.load(id);
    } catch (error) {
      if (isBeyondUs(error)) throw error;
      try {
        if (this.#to.has('tree', id)) return await this.#to.loadTree(id);
      } catch (other) {
        if (!isCoffreError(other) || isBeyondUs(other)) throw other;
      }
      this.#losses.add(id, asError(error));
      return undefined;
    }
  }

  /** @returns the subtrees. */
  #wantContents(nodes: readonly TreeNode[]): BlobId[] {
    const subtrees: BlobId[] = [];
    for (const { type, content, subtree } of nodes) {
      if (type === 'dir' && subtree !== undefined) subtrees.push(subtree);
      if (type === 'file') for (const id of content ?? []) this.#want('data', id);
    }
    return subtrees;
  }

  #want(type: BlobType, id: BlobId): void {
    const number = this.#source.find(type, id);
    if (number >= 0 && !this.#settled.set(number)) return;
    if (this.#to.has(type, id)) return;
    if (number < 0) {
      this.#losses.add(id, new CoffreError('REPO_BLOB_MISSING', `${type} blob ${shortId(id)} is not in the index`));
      return;
    }
    this.#wanted.push(number);
    this.#wantedBytes += this.#source.at(number).length;
  }
}
