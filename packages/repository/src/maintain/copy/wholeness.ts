/** Is everything there that a snapshot needs? Asked of the target when the source has lost something. */
import { asError } from '../../errors.ts';
import { toText } from '../../format/bytestring.ts';
import type { TreeNode } from '../../format/tree.ts';
import type { BlobId } from '../../ids.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import { TreeReader } from '../../restore/tree-reader.ts';
import { isBeyondUs } from './losses.ts';

export type Gap = {
  readonly blobId: BlobId;
  /** Of the file or folder that needs it, seen from the tree it was asked about. */
  readonly path: string;
  readonly error?: Error;
};

export class Wholeness {
  readonly #target: IndexedRepository;
  readonly #reader: TreeReader;
  /** By tree: its first gap, or none. */
  readonly #known = new Map<BlobId, Gap | undefined>();

  constructor(target: IndexedRepository) {
    this.#target = target;
    this.#reader = new TreeReader(target);
  }

  /** The first thing missing under this tree; undefined when all of it is there. */
  async gapUnder(treeId: BlobId): Promise<Gap | undefined> {
    if (this.#known.has(treeId)) return this.#known.get(treeId);
    const gap = await this.#lookUnder(treeId);
    this.#known.set(treeId, gap);
    return gap;
  }

  async #lookUnder(treeId: BlobId): Promise<Gap | undefined> {
    let nodes: TreeNode[];
    try {
      nodes = await this.#reader.load(treeId);
    } catch (error) {
      if (isBeyondUs(error)) throw error;
      return { blobId: treeId, path: '', error: asError(error) };
    }
    for (const { name, type, content, subtree } of nodes) {
      const path = `/${toText(name)}`;
      const blobId = type === 'file' ? content?.find((id) => !this.#target.has('data', id)) : undefined;
      if (blobId !== undefined) return { blobId, path };
      const below = type === 'dir' && subtree !== undefined ? await this.gapUnder(subtree) : undefined;
      if (below !== undefined) return { ...below, path: `${path}${below.path}` };
    }
    return undefined;
  }
}
