/**
 * What snapshots need and this repository cannot give, from another one that has it: folders first, because only they
 * tell what else is needed. Ids are hashes of what was stored, so the same file in both is the same blob; a repository
 * that cuts files elsewhere has other blobs.
 */
import { parseTree, type TreeNode } from '../../format/tree.ts';
import { packSizeOf } from '../../format/pack-header.ts';
import type { BlobId, PackId } from '../../ids.ts';
import { BlobTable, type BlobType } from '../../index/blob-table.ts';
import { BlobWriter } from '../../index/blob-writer.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import { inParallel } from '../../parallel.ts';
import type { Repository } from '../../repository.ts';
import { readIndexes } from '../check-index.ts';
import { fetchFrom } from './damaged-pack.ts';
import { refuseUnreadableIndex } from './repair-packs.ts';
import { isLoss, isLossForGood, listStoredPacks } from './stored-packs.ts';

export type HealOptions = { readonly source: IndexedRepository; readonly dryRun?: boolean };

export type HealEvent =
  | { readonly kind: 'snapshots'; readonly done: number; readonly total: number }
  /** Needed, and not here. */
  | {
      readonly kind: 'healed' | 'not-found';
      readonly type: BlobType;
      readonly id: BlobId;
      readonly sizeBytes: number | undefined;
    }
  /** Gone, or not as long as the index says. */
  | { readonly kind: 'pack-unsound'; readonly id: PackId };

export type HealResult = {
  readonly needed: number;
  readonly healed: number;
  readonly healedBytes: number;
  /** The index still names packs that are gone or not whole. */
  readonly unsoundPacks: number;
};

/** The caller holds an exclusive lock here and a lock on the source. @throws {CoffreError} REPAIR_REFUSED */
export async function healFrom(
  repository: Repository,
  options: HealOptions,
  report: (event: HealEvent) => void,
): Promise<HealResult> {
  const checked = await readIndexes(repository);
  refuseUnreadableIndex(checked);
  const { indexed } = checked;
  const sizes = await listStoredPacks(repository);
  const unsound = new Set<PackId>();
  for (const { id, blobs } of indexed.packs()) {
    if (sizes.get(id) === packSizeOf(blobs)) continue;
    unsound.add(id);
    report({ kind: 'pack-unsound', id });
  }
  const run = new Healing(indexed, unsound, options, report);
  const snapshots = await repository.listSnapshots();
  for (const [index, { snapshot }] of snapshots.entries()) {
    await run.walk(snapshot.tree);
    report({ kind: 'snapshots', done: index + 1, total: snapshots.length });
  }
  await run.finish();
  return { ...run.counts, unsoundPacks: unsound.size };
}

/** Blobs fetched before they are stored; more would only be held in memory. */
const fetchedTogetherMax = 500;

class Healing {
  readonly counts = { needed: 0, healed: 0, healedBytes: 0 };
  readonly #indexed: IndexedRepository;
  readonly #unsound: ReadonlySet<PackId>;
  readonly #options: HealOptions;
  readonly #report: (event: HealEvent) => void;
  /** A table of its own: what the index knows in unsound packs is stored again all the same. */
  readonly #writer: BlobWriter;
  readonly #seenTrees = new Set<BlobId>();
  readonly #seenData = new Set<BlobId>();
  #missing: BlobId[] = [];

  constructor(
    indexed: IndexedRepository,
    unsound: ReadonlySet<PackId>,
    options: HealOptions,
    report: (event: HealEvent) => void,
  ) {
    this.#indexed = indexed;
    this.#unsound = unsound;
    this.#options = options;
    this.#report = report;
    this.#writer = new BlobWriter(indexed.repository, new BlobTable(), {});
  }

  async walk(root: BlobId): Promise<void> {
    const waiting = [root];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (this.#seenTrees.has(id)) continue;
      this.#seenTrees.add(id);
      for (const node of await this.#nodesOf(id)) {
        if (node.type === 'dir' && node.subtree !== undefined) waiting.push(node.subtree);
        for (const blob of node.content ?? []) this.#need(blob);
      }
      if (this.#missing.length >= fetchedTogetherMax) await this.#fetchMissing();
    }
  }

  async finish(): Promise<void> {
    await this.#fetchMissing();
    await this.#writer.flush();
  }

  async #nodesOf(id: BlobId): Promise<TreeNode[]> {
    try {
      return await this.#indexed.loadTree(id);
    } catch (error) {
      if (!isLossForGood(error)) throw error;
      const bytes = await this.#heal('tree', id);
      return bytes === undefined ? [] : parsedOrNothing(bytes);
    }
  }

  #need(id: BlobId): void {
    const isHere = this.#indexed.places('data', id).some(({ packId }) => !this.#unsound.has(packId));
    if (isHere || this.#seenData.has(id)) return;
    this.#seenData.add(id);
    this.#missing.push(id);
  }

  async #fetchMissing(): Promise<void> {
    const missing = this.#missing;
    this.#missing = [];
    await inParallel(missing, this.#options.source.repository.backend.connectionsMax, async (id) => {
      await this.#heal('data', id);
    });
  }

  async #heal(type: BlobType, id: BlobId): Promise<Buffer | undefined> {
    const { source, dryRun = false } = this.#options;
    this.counts.needed += 1;
    const plain = await fetchFrom(source, type, id);
    const sizeBytes = plain?.byteLength;
    this.#report({ kind: plain === undefined ? 'not-found' : 'healed', type, id, sizeBytes });
    if (plain === undefined) return undefined;
    this.counts.healed += 1;
    this.counts.healedBytes += plain.byteLength;
    if (!dryRun) await this.#writer.saveBlob(type, plain);
    return plain;
  }
}

/** Its hash is right, so it was stored like this: nothing that a copy could mend. */
function parsedOrNothing(bytes: Buffer): TreeNode[] {
  try {
    return parseTree(bytes);
  } catch (error) {
    if (!isLoss(error)) throw error;
    return [];
  }
}
