/** Snapshots without what is lost. First all of them are looked at and nothing is changed; then those that need it. */
import { sha256Hex } from '../../crypto/hash.ts';
import { CoffreError } from '../../errors.ts';
import { encodeSnapshot, type Snapshot } from '../../format/snapshot.ts';
import { parseId, type BlobId, type PackId, type SnapshotId } from '../../ids.ts';
import { BlobTable } from '../../index/blob-table.ts';
import { BlobWriter } from '../../index/blob-writer.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import { openBlob, readPackHeader, type PackEntry } from '../../pack/pack-read.ts';
import { inParallel } from '../../parallel.ts';
import type { Repository, StoredSnapshot } from '../../repository.ts';
import { readIndexes, type CheckedIndex } from '../check-index.ts';
import { hasOtherCopy } from './damaged-pack.ts';
import { createTreeMender, type Mend } from './mend-tree.ts';
import { refuseUnreadableIndex } from './repair-packs.ts';
import { isLoss, isLossForGood, listStoredPacks } from './stored-packs.ts';

export type SnapshotRepairOptions = {
  /** The damaged snapshots go. When absent they stay, and the new ones get the tag `repaired`. */
  readonly forget?: boolean;
  readonly dryRun?: boolean;
};

export type SnapshotRepairEvent =
  | { readonly kind: 'snapshot'; readonly snapshot: StoredSnapshot }
  | { readonly kind: 'mend'; readonly oldId: SnapshotId; readonly mend: Mend }
  /** `newId` is absent in a dry run. */
  | { readonly kind: 'saved'; readonly oldId: SnapshotId; readonly newId?: SnapshotId }
  /** An earlier run did it. */
  | { readonly kind: 'saved-before'; readonly oldId: SnapshotId; readonly newId: SnapshotId }
  | { readonly kind: 'removed'; readonly oldId: SnapshotId; readonly isEmpty: boolean }
  /** Nothing of it can be read, and nobody said that it may go. */
  | { readonly kind: 'kept'; readonly oldId: SnapshotId };

export type SnapshotRepairResult = {
  readonly modified: number;
  readonly filesDamaged: number;
  readonly bytesLost: number;
  readonly foldersLost: number;
};

export type MendedSnapshot = {
  readonly stored: StoredSnapshot;
  readonly mends: readonly Mend[];
  /** The tree it has afterwards; undefined when the root is lost. */
  readonly treeId: BlobId | undefined;
};

/** The caller holds an exclusive lock. @throws {CoffreError} REPAIR_REFUSED */
export async function repairSnapshots(
  repository: Repository,
  snapshots: readonly StoredSnapshot[],
  options: SnapshotRepairOptions,
  report: (event: SnapshotRepairEvent) => void,
): Promise<SnapshotRepairResult> {
  const checked = await readIndexes(repository);
  refuseUnreadableIndex(checked);
  const plan = await planSnapshotRepair(checked.indexed, snapshots);
  await refuseUnindexedPieces(checked, plan);
  const apply = options.dryRun === true ? undefined : new Application(checked.indexed, options);
  const before = apply === undefined ? [] : await repository.listSnapshots();
  for (const mended of plan) {
    report({ kind: 'snapshot', snapshot: mended.stored });
    for (const mend of mended.mends) report({ kind: 'mend', oldId: mended.stored.id, mend });
    if (mended.treeId === mended.stored.snapshot.tree) continue;
    if (apply === undefined) foretell(mended, options, report);
    else await apply.one(mended, before, report);
  }
  return resultOf(plan);
}

/** Every snapshot with what has to be done to it; nothing is written. */
export async function planSnapshotRepair(
  indexed: IndexedRepository,
  snapshots: readonly StoredSnapshot[],
): Promise<MendedSnapshot[]> {
  let mends: Mend[] = [];
  const nameOnly = (tree: Buffer): Promise<BlobId> => Promise.resolve(parseId<BlobId>(sha256Hex(tree)));
  const mendTree = createTreeMender(indexed, nameOnly, (mend) => mends.push(mend));
  const plan: MendedSnapshot[] = [];
  for (const stored of snapshots) {
    mends = [];
    const treeId = await mendTree(stored.snapshot.tree);
    plan.push({ stored, mends, treeId });
  }
  return plan;
}

function resultOf(plan: readonly MendedSnapshot[]): SnapshotRepairResult {
  const result = { modified: 0, filesDamaged: 0, bytesLost: 0, foldersLost: 0 };
  for (const { stored, mends, treeId } of plan) {
    if (treeId !== stored.snapshot.tree) result.modified += 1;
    for (const mend of mends) {
      if (mend.kind === 'file-cut') {
        result.filesDamaged += 1;
        result.bytesLost += mend.lostBytes;
      } else if (mend.kind === 'folder-emptied' || mend.kind === 'root-unreadable') result.foldersLost += 1;
    }
  }
  return result;
}

/** Nothing may be taken out of a snapshot that only the index has forgotten. */
async function refuseUnindexedPieces({ indexed, packs }: CheckedIndex, plan: readonly MendedSnapshot[]): Promise<void> {
  const lost = new Set(plan.flatMap(({ mends }) => mends.flatMap(lostBlobs)));
  if (lost.size === 0) return;
  const { repository } = indexed;
  const stored = await listStoredPacks(repository);
  const unindexed = [...stored].filter(([id]) => !packs.has(id));
  let found: PackId | undefined;
  await inParallel(unindexed, repository.backend.connectionsMax, async ([id, sizeBytes]) => {
    try {
      const pieces = await readPackHeader(repository.backend, repository.sealer, id, sizeBytes);
      for (const piece of pieces) {
        if (lost.has(piece.id) && (await mayBeReadable(repository, id, piece))) found = id;
      }
    } catch (error) {
      if (!isLoss(error)) throw error;
    }
  });
  if (found === undefined) return;
  throw new CoffreError(
    'REPAIR_REFUSED',
    `pack ${found.slice(0, 8)} holds what the snapshots lack, but no index names it`,
    {
      hint: 'Run `coffre repair index --read-all-packs` first; then nothing may have to be removed at all.',
    },
  );
}

/** A pack that was taken out of the index because its place on the disk is bad still names what is lost. */
async function mayBeReadable({ backend, sealer }: Repository, packId: PackId, piece: PackEntry): Promise<boolean> {
  const { offset, length } = piece;
  try {
    openBlob(sealer, piece, await backend.load({ kind: 'data', name: packId }, { offset, length }));
    return true;
  } catch (error) {
    if (!isLoss(error)) throw error;
    return !isLossForGood(error);
  }
}

function lostBlobs(mend: Mend): BlobId[] {
  switch (mend.kind) {
    case 'file-cut':
      return [...mend.lost];
    case 'folder-emptied':
    case 'root-unreadable':
      return mend.treeId === undefined ? [] : [mend.treeId];
    case 'size-fixed':
    case 'node-removed':
      return [];
    default:
      return mend satisfies never;
  }
}

function foretell(
  { stored: { id: oldId }, treeId }: MendedSnapshot,
  { forget = false }: SnapshotRepairOptions,
  report: (event: SnapshotRepairEvent) => void,
): void {
  if (treeId !== undefined) report({ kind: 'saved', oldId });
  if (forget) report({ kind: 'removed', oldId, isEmpty: treeId === undefined });
  else if (treeId === undefined) report({ kind: 'kept', oldId });
}

class Application {
  readonly #indexed: IndexedRepository;
  readonly #forget: boolean;
  readonly #writer: BlobWriter;
  readonly #mend: ReturnType<typeof createTreeMender>;

  constructor(indexed: IndexedRepository, { forget = false }: SnapshotRepairOptions) {
    this.#indexed = indexed;
    this.#forget = forget;
    // A table of its own: what the index knows may be damaged, and is stored again then.
    this.#writer = new BlobWriter(indexed.repository, new BlobTable(), {});
    this.#mend = createTreeMender(
      indexed,
      (tree) => this.#save(tree),
      () => undefined,
    );
  }

  async #save(tree: Buffer): Promise<BlobId> {
    const id = parseId<BlobId>(sha256Hex(tree));
    if (!(await hasOtherCopy(this.#indexed, { type: 'tree', id }, () => true)))
      await this.#writer.saveBlob('tree', tree);
    return id;
  }

  async one(
    { stored, treeId }: MendedSnapshot,
    before: readonly StoredSnapshot[],
    report: (event: SnapshotRepairEvent) => void,
  ): Promise<void> {
    const { id: oldId } = stored;
    const { repository } = this.#indexed;
    if (treeId !== undefined) {
      const next = this.#repaired(stored, treeId);
      const earlier = before.find((other) => isSame(other.snapshot, next));
      if (earlier === undefined) {
        await this.#mend(stored.snapshot.tree);
        // The trees must be safe before the snapshot that needs them, and that before the old one goes.
        await this.#writer.flush();
        const newId = await repository.saveUnpacked('snapshots', encodeSnapshot(next));
        report({ kind: 'saved', oldId, newId });
      } else report({ kind: 'saved-before', oldId, newId: earlier.id });
    } else if (!this.#forget) report({ kind: 'kept', oldId });
    if (!this.#forget) return;
    await repository.remove('snapshots', oldId);
    report({ kind: 'removed', oldId, isEmpty: treeId === undefined });
  }

  #repaired({ id, snapshot }: StoredSnapshot, tree: BlobId): Snapshot {
    const tags = this.#forget ? snapshot.tags : [...new Set([...(snapshot.tags ?? []), 'repaired'])];
    return { ...snapshot, tree, ...(tags !== undefined && { tags }), original: id };
  }
}

/** Made from the same snapshot and with the same tree: an earlier run was interrupted, or did not forget. */
function isSame(a: Snapshot, b: Snapshot): boolean {
  return a.original === b.original && a.tree === b.tree && (a.tags ?? []).join() === (b.tags ?? []).join();
}
