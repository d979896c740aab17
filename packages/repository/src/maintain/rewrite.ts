import { sha256Hex } from '../crypto/hash.ts';
import type { Snapshot, SnapshotSummary } from '../format/snapshot.ts';
import { formatTimestamp, zeroTimestamp } from '../format/time.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { parseId, type BlobId, type SnapshotId } from '../ids.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { StoredSnapshot } from '../repository.ts';
import { createTreeRewriter, type RewriteSelection, type RewrittenTree } from './rewrite-tree.ts';

export type RewriteOptions = RewriteSelection & {
  readonly newHost?: string;
  /** RFC 3339, as in the file. */
  readonly newTime?: string;
  /** Adds the sums of files and bytes where a snapshot has none. */
  readonly addSummary?: boolean;
  /** The old snapshot goes. When absent it stays, and the new one gets the tag `rewrite`. */
  readonly forget?: boolean;
  readonly dryRun?: boolean;
};

export type RewriteEvent =
  | { readonly kind: 'snapshot'; readonly snapshot: StoredSnapshot }
  | { readonly kind: 'unchanged'; readonly oldId: SnapshotId }
  /** `newId` is absent in a dry run. */
  | { readonly kind: 'rewritten'; readonly oldId: SnapshotId; readonly newId?: SnapshotId; readonly snapshot: Snapshot }
  | { readonly kind: 'removed'; readonly oldId: SnapshotId };

/**
 * The caller holds a lock, an exclusive one with `forget`. Resolves to how many snapshots changed.
 * @throws {CoffreError} REWRITE_REFUSED when a tree holds more than we can write back
 */
export async function rewriteSnapshots(
  indexed: IndexedRepository,
  snapshots: readonly StoredSnapshot[],
  options: RewriteOptions,
  report: (event: RewriteEvent) => void,
): Promise<number> {
  const writer = options.dryRun === true ? undefined : indexed.openWriter();
  const rewriteTree = createTreeRewriter(indexed, options, (tree) => saveTree(writer, tree));
  const looksInside = options.excludes !== undefined || options.includes !== undefined || options.addSummary === true;
  let changed = 0;
  for (const stored of snapshots) {
    report({ kind: 'snapshot', snapshot: stored });
    const tree = looksInside ? await rewriteTree(stored.snapshot.tree) : undefined;
    const next = rewrittenSnapshot(stored, tree, options);
    if (next === undefined) {
      report({ kind: 'unchanged', oldId: stored.id });
      continue;
    }
    changed += 1;
    if (writer === undefined) {
      report({ kind: 'rewritten', oldId: stored.id, snapshot: next });
      continue;
    }
    // The trees must be safe before the snapshot that needs them, and that before the old one goes.
    await writer.flush();
    const newId = await indexed.repository.saveUnpacked('snapshots', encodeSnapshot(next));
    report({ kind: 'rewritten', oldId: stored.id, newId, snapshot: next });
    if (options.forget !== true) continue;
    await indexed.repository.remove('snapshots', stored.id);
    report({ kind: 'removed', oldId: stored.id });
  }
  return changed;
}

async function saveTree(writer: BlobWriter | undefined, tree: Buffer): Promise<BlobId> {
  if (writer === undefined) return parseId<BlobId>(sha256Hex(tree));
  return (await writer.saveBlob('tree', tree)).id;
}

/** Undefined when nothing changes. `tree` is absent when the trees were not looked at. */
export function rewrittenSnapshot(
  { id, snapshot }: StoredSnapshot,
  tree: RewrittenTree | undefined,
  options: RewriteOptions,
): Snapshot | undefined {
  // Includes that match nothing leave the snapshot as it is.
  if (tree !== undefined && tree.treeId === undefined) return undefined;
  const treeId = tree?.treeId ?? snapshot.tree;
  const hasNewTree = treeId !== snapshot.tree;
  const summary = summaryOf(snapshot, tree, hasNewTree || options.addSummary === true);
  const hasNewMembers = options.newHost !== undefined || options.newTime !== undefined;
  if (!hasNewTree && !hasNewMembers && summary === snapshot.summary) return undefined;
  const tags = options.forget === true ? snapshot.tags : [...new Set([...(snapshot.tags ?? []), 'rewrite'])];
  return {
    ...snapshot,
    tree: treeId,
    ...(options.newHost !== undefined && { hostname: options.newHost }),
    ...(options.newTime !== undefined && { time: options.newTime }),
    ...(tags !== undefined && { tags }),
    ...(summary !== undefined && { summary }),
    // Unlike a tag this makes another snapshot, so it points to the one it was made from.
    original: id,
  };
}

const emptySummary: SnapshotSummary = {
  backup_start: formatTimestamp(zeroTimestamp),
  backup_end: formatTimestamp(zeroTimestamp),
  files_new: 0,
  files_changed: 0,
  files_unmodified: 0,
  dirs_new: 0,
  dirs_changed: 0,
  dirs_unmodified: 0,
  data_blobs: 0,
  tree_blobs: 0,
  data_added: 0,
  data_added_packed: 0,
  total_files_processed: 0,
  total_bytes_processed: 0,
};

/** The very object of the snapshot when it says the right sums already. */
function summaryOf(
  { summary }: Snapshot,
  tree: RewrittenTree | undefined,
  isWanted: boolean,
): SnapshotSummary | undefined {
  if (tree === undefined || !isWanted) return summary;
  if (summary?.total_files_processed === tree.files && summary.total_bytes_processed === tree.bytes) return summary;
  return { ...(summary ?? emptySummary), total_files_processed: tree.files, total_bytes_processed: tree.bytes };
}
