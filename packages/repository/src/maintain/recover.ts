/** A new snapshot of all folders that no snapshot leads to, for what was forgotten by mistake. */
import { CoffreError } from '../errors.ts';
import { toByteString } from '../format/bytestring.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import { formatLocal, timestampOfNs } from '../format/time.ts';
import { encodeTree, type TreeNode } from '../format/tree.ts';
import { shortId, type BlobId, type SnapshotId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { inParallel } from '../parallel.ts';
import { indexPacks, listUnindexedPacks } from './unindexed.ts';

export type RecoverEvent =
  | { readonly kind: 'indexed'; readonly packs: number }
  | { readonly kind: 'trees'; readonly done: number; readonly total: number }
  | { readonly kind: 'unreadable'; readonly treeId: BlobId; readonly error: unknown };

export type RecoverResult = {
  /** Folders found. */
  readonly roots: readonly BlobId[];
  /** Absent when nothing was found. */
  readonly snapshotId?: SnapshotId;
};

const folderMode = 2 ** 31 + 0o755;

/** The caller holds an exclusive lock. */
export async function recover(
  indexed: IndexedRepository,
  programVersion: string,
  report: (event: RecoverEvent) => void,
): Promise<RecoverResult> {
  indexed.repository.backend.bypassCaches?.();
  const unindexed = await listUnindexedPacks(indexed);
  if (unindexed.length > 0) report({ kind: 'indexed', packs: await indexPacks(indexed, unindexed) });
  const roots = await findRoots(indexed, report);
  if (roots.length === 0) return { roots };
  const writer = indexed.openWriter();
  const { id: tree } = await writer.saveBlob('tree', encodeTree(folderOf(indexed, roots)));
  await writer.flush();
  const { host } = indexed.repository;
  const snapshotId = await indexed.repository.saveUnpacked(
    'snapshots',
    encodeSnapshot({
      time: formatLocal(timestampOfNs(host.clock.nowNs())),
      tree,
      paths: ['/recover'],
      hostname: host.identity.hostname,
      username: host.identity.username,
      uid: host.identity.uid,
      gid: host.identity.gid,
      tags: ['recovered'],
      program_version: programVersion,
    }),
  );
  return { roots, snapshotId };
}

/** Trees that neither a tree nor a snapshot refers to, in order of id. */
async function findRoots(indexed: IndexedRepository, report: (event: RecoverEvent) => void): Promise<BlobId[]> {
  const trees = new Set<BlobId>();
  for (const { type, id } of indexed.blobs()) if (type === 'tree') trees.add(id);
  const roots = new Set(trees);
  let done = 0;
  await inParallel(trees, indexed.repository.backend.connectionsMax, async (treeId) => {
    try {
      for (const { subtree } of await indexed.loadTree(treeId)) if (subtree !== undefined) roots.delete(subtree);
    } catch (error) {
      if (!(error instanceof CoffreError) || error.retryable) throw error;
      roots.delete(treeId);
      report({ kind: 'unreadable', treeId, error });
    }
    done += 1;
    report({ kind: 'trees', done, total: trees.size });
  });
  for (const { snapshot } of await indexed.repository.listSnapshots()) roots.delete(snapshot.tree);
  return [...roots].sort();
}

/** Each folder under the first digits of its id. */
function folderOf({ repository: { host } }: IndexedRepository, roots: readonly BlobId[]): TreeNode[] {
  const now = timestampOfNs(host.clock.nowNs());
  const times = { mtime: now, atime: now, ctime: now };
  return roots.map((subtree, index) => {
    // Sorted, so an equal beginning is beside us.
    const isShared = [roots[index - 1], roots[index + 1]].some((other) => other?.startsWith(shortId(subtree)));
    const name = toByteString(isShared ? subtree : shortId(subtree));
    return { name, type: 'dir', mode: folderMode, ...times, uid: 0, gid: 0, content: null, subtree };
  });
}
