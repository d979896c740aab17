/** An index that fits the packs: what it lacks is read from their headers, what it names in vain is dropped. */
import { packSizeOf } from '../../format/pack-header.ts';
import type { IndexedPack } from '../../format/index-file.ts';
import type { IndexId, PackId } from '../../ids.ts';
import type { IndexedPackBlob } from '../../index/indexed-repository.ts';
import { readPackHeader } from '../../pack/pack-read.ts';
import { inParallel } from '../../parallel.ts';
import type { Repository } from '../../repository.ts';
import { readIndexes, type CheckedIndex } from '../check-index.ts';
import { IndexPages, replaceIndexes } from './index-pages.ts';
import { isLoss, listStoredPacks } from './stored-packs.ts';

export type IndexRepairOptions = {
  /** Believe no index file about a pack whose own header can be read. */
  readonly readAllPacks?: boolean;
  readonly dryRun?: boolean;
};

export type IndexRepairEvent =
  | { readonly kind: 'loading' }
  | { readonly kind: 'index-unreadable'; readonly id: IndexId; readonly error: unknown }
  | { readonly kind: 'planning' }
  | { readonly kind: 'pack-gone' | 'pack-added' | 'pack-differs'; readonly id: PackId }
  | { readonly kind: 'pack-resized'; readonly id: PackId; readonly sizeBytes: number; readonly indexedBytes: number }
  | { readonly kind: 'reading'; readonly done: number; readonly total: number }
  /** Of the blobs that the old index names in it, those that still lie inside the file stay. */
  | {
      readonly kind: 'header-unreadable';
      readonly id: PackId;
      readonly namedBlobs: number;
      readonly keptBlobs: number;
      readonly error: unknown;
    }
  | { readonly kind: 'rebuilding'; readonly indexes: number }
  | { readonly kind: 'removing'; readonly done: number; readonly total: number };

export type IndexRepairResult = {
  readonly unreadableIndexes: number;
  readonly packsGone: number;
  readonly packsRead: number;
  /** Their own headers are damaged: `repair packs` is for them. */
  readonly packsUnreadable: readonly PackId[];
  readonly indexesReplaced: number;
};

export type IndexRepairPlan = {
  readonly unreadable: CheckedIndex['unreadable'];
  readonly gone: readonly PackId[];
  readonly differing: readonly PackId[];
  readonly resized: readonly { readonly id: PackId; readonly sizeBytes: number; readonly indexedBytes: number }[];
  readonly unindexed: readonly PackId[];
  /** Index files to be written anew. */
  readonly old: ReadonlySet<IndexId>;
};

export function planIndexRepair(checked: CheckedIndex, sizes: ReadonlyMap<PackId, number>): IndexRepairPlan {
  const gone: PackId[] = [];
  const differing: PackId[] = [];
  const resized: { id: PackId; sizeBytes: number; indexedBytes: number }[] = [];
  const old = new Set<IndexId>(checked.unreadable.map(({ id }) => id));
  for (const { id, blobs } of checked.indexed.packs()) {
    const known = checked.packs.get(id);
    // Named only in the part of a damaged file that could be read.
    if (known === undefined) continue;
    const sizeBytes = sizes.get(id);
    const indexedBytes = packSizeOf(blobs);
    if (sizeBytes === undefined) gone.push(id);
    else if (known.differs) differing.push(id);
    else if (sizeBytes !== indexedBytes) resized.push({ id, sizeBytes, indexedBytes });
    else if (known.indexes.length === 1) continue;
    for (const index of known.indexes) old.add(index);
  }
  const marked = new Set([...checked.marked.values()].flatMap((packs) => packs.map(({ id }) => id)));
  const unindexed = [...sizes.keys()].filter((id) => !checked.packs.has(id) && !marked.has(id));
  return { unreadable: checked.unreadable, gone, differing, resized, unindexed, old };
}

/** From scratch, as far as the packs themselves can tell. */
function planFromScratch(
  checked: CheckedIndex,
  sizes: ReadonlyMap<PackId, number>,
  all: readonly IndexId[],
): IndexRepairPlan {
  const gone = [...checked.packs.keys()].filter((id) => !sizes.has(id));
  return {
    unreadable: checked.unreadable,
    gone,
    differing: [],
    resized: [],
    unindexed: [...sizes.keys()],
    old: new Set(all),
  };
}

/** The caller holds an exclusive lock. */
export async function repairIndex(
  repository: Repository,
  options: IndexRepairOptions,
  report: (event: IndexRepairEvent) => void,
): Promise<IndexRepairResult> {
  report({ kind: 'loading' });
  const checked = await readIndexes(repository);
  for (const { id, error } of checked.unreadable) report({ kind: 'index-unreadable', id, error });
  report({ kind: 'planning' });
  const sizes = await listStoredPacks(repository);
  const plan =
    options.readAllPacks === true
      ? planFromScratch(
          checked,
          sizes,
          (await repository.listIds('index')).map(({ id }) => id),
        )
      : planIndexRepair(checked, sizes);
  for (const id of plan.gone) report({ kind: 'pack-gone', id });
  for (const id of plan.differing) report({ kind: 'pack-differs', id });
  for (const resized of plan.resized) report({ kind: 'pack-resized', ...resized });
  for (const id of plan.unindexed) report({ kind: 'pack-added', id });
  const toRead = [...plan.differing, ...plan.resized.map(({ id }) => id), ...plan.unindexed];
  const pages = options.dryRun === true ? undefined : new IndexPages(repository);
  const packsUnreadable = await readHeaders(checked, { toRead, sizes, pages }, report);
  if (pages !== undefined) {
    const marked = options.readAllPacks === true ? new Map<IndexId, IndexedPack[]>() : checked.marked;
    const replacement = { old: plan.old, without: new Set<PackId>([...plan.gone, ...toRead]) };
    await replaceIndexes(pages, { ...checked, marked }, replacement, {
      written: (indexes) => report({ kind: 'rebuilding', indexes }),
      removed: (done, total) => report({ kind: 'removing', done, total }),
    });
  }
  return {
    unreadableIndexes: plan.unreadable.length,
    packsGone: plan.gone.length,
    packsRead: toRead.length,
    packsUnreadable,
    indexesReplaced: plan.old.size,
  };
}

type Reading = {
  readonly toRead: readonly PackId[];
  readonly sizes: ReadonlyMap<PackId, number>;
  /** Undefined in a dry run. */
  readonly pages: IndexPages | undefined;
};

/** Resolves to the packs that have no readable header. */
async function readHeaders(
  { indexed }: CheckedIndex,
  { toRead, sizes, pages }: Reading,
  report: (event: IndexRepairEvent) => void,
): Promise<PackId[]> {
  const { backend, sealer } = indexed.repository;
  const failed = new Map<PackId, unknown>();
  let done = 0;
  await inParallel(toRead, backend.connectionsMax, async (id) => {
    try {
      const blobs = await readPackHeader(backend, sealer, id, sizes.get(id) ?? 0);
      if (blobs.length > 0) await pages?.add({ id, blobs });
    } catch (error) {
      if (!isLoss(error)) throw error;
      failed.set(id, error);
    }
    done += 1;
    report({ kind: 'reading', done, total: toRead.length });
  });
  if (failed.size === 0) return [];
  const old = new Map<PackId, IndexedPackBlob[]>();
  for (const { id, blobs } of indexed.packs()) if (failed.has(id)) old.set(id, blobs);
  for (const [id, error] of failed) {
    // The old entries are the only map of a pack without a header: what may lie in it is still to be salvaged.
    const sizeBytes = sizes.get(id) ?? 0;
    const named = old.get(id) ?? [];
    const kept = named.filter(({ offset, length }) => offset + length <= sizeBytes);
    if (kept.length > 0) await pages?.add({ id, blobs: kept });
    report({ kind: 'header-unreadable', id, namedBlobs: named.length, keptBlobs: kept.length, error });
  }
  return [...failed.keys()];
}
