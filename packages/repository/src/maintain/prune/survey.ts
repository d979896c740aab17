/** Reading what a prune must know: snapshots, indexes, trees, packs. Writes nothing; backups may go on beside it. */
import { CoffreError } from '../../errors.ts';
import { isId, parseId, shortId, type PackId, type SnapshotId } from '../../ids.ts';
import { inParallel } from '../../parallel.ts';
import type { Repository, StoredSnapshot } from '../../repository.ts';
import { measurePacks, type RepositoryUsage } from './pack-usage.ts';
import { PruneIndex, type Mark } from './prune-index.ts';
import { addUsed, UsedBlobs } from './used-blobs.ts';

export type SurveyEvent =
  | { readonly kind: 'index'; readonly done: number; readonly total: number }
  | { readonly kind: 'snapshots'; readonly done: number; readonly total: number }
  | { readonly kind: 'usage' }
  | { readonly kind: 'packs'; readonly done: number; readonly total: number };

export type Survey = {
  readonly index: PruneIndex;
  readonly used: UsedBlobs;
  /** All that were looked at. */
  readonly snapshots: Set<SnapshotId>;
  /** Bytes in the storage, by number, of packs that an index names or marks. */
  readonly storedBytes: ReadonlyMap<number, number>;
  /** Neither in use nor marked. */
  readonly unindexed: readonly { readonly id: PackId; readonly sizeBytes: number }[];
  readonly usage: RepositoryUsage;
  /** A program that takes no locks writes here as well. */
  hasLockFreeWriters: boolean;
};

export type SurveyOptions = {
  readonly signal: AbortSignal;
  /** As if they were gone already. */
  readonly ignoreSnapshots: ReadonlySet<SnapshotId>;
};

/**
 * In this order: a snapshot is there only after the index of its blobs, and that after the packs; so none of the three is
 * missing only because a backup is at work.
 * @throws {CoffreError} REPO_BLOB_MISSING, REPO_FILE_MISSING, REPO_PACK_DAMAGED, REPO_FILE_DAMAGED, REPO_TREE_DAMAGED
 */
export async function survey(
  repository: Repository,
  { signal, ignoreSnapshots }: SurveyOptions,
  report: (event: SurveyEvent) => void,
): Promise<Survey> {
  const snapshots = await loadSnapshots(repository, ignoreSnapshots);
  signal.throwIfAborted();
  const files = await repository.listIds('index');
  const index = new PruneIndex(
    repository,
    files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  await index.read(
    files.map(({ id }) => id),
    (done) => {
      signal.throwIfAborted();
      report({ kind: 'index', done: done.files, total: done.filesTotal });
    },
  );
  const used = new UsedBlobs(index.table);
  await walkSnapshots(index, used, snapshots, { signal, report });
  report({ kind: 'usage' });
  const { storedBytes, unindexed } = await listPacks(repository, index, report);
  const marks = [...index.files.values()].flatMap((file) => file.marks);
  const usage = measurePacks(index.table, used, { live: index.livePacks(), marked: packsOf(marks), storedBytes });
  refuseLost(index, usage.lost);
  const hasLockFreeWriters = marks.some(({ isForeign }) => isForeign) || snapshots.some(isOfLockFreeWriter);
  return {
    index,
    used,
    snapshots: new Set([...snapshots.map(({ id }) => id), ...ignoreSnapshots]),
    storedBytes,
    unindexed,
    usage,
    hasLockFreeWriters,
  };
}

export function packsOf(marks: Iterable<Mark>): Set<number> {
  return new Set(Array.from(marks, ({ packNumber }) => packNumber));
}

/** rustic takes no locks: its backups are seen only by what they leave. */
export function isOfLockFreeWriter({ snapshot }: StoredSnapshot): boolean {
  return snapshot.program_version?.startsWith('rustic') === true;
}

/** Every one must be readable: what only an unreadable one needs would be removed. @throws {CoffreError} REPO_FILE_DAMAGED */
export async function loadSnapshots(repository: Repository, known: ReadonlySet<SnapshotId>): Promise<StoredSnapshot[]> {
  const ids = (await repository.listIds('snapshots')).map(({ id }) => id).filter((id) => !known.has(id));
  const found: StoredSnapshot[] = [];
  await inParallel(ids, repository.backend.connectionsMax, async (id) => {
    found.push({ id, snapshot: await repository.loadSnapshot(id) });
  });
  return found;
}

async function walkSnapshots(
  index: PruneIndex,
  used: UsedBlobs,
  snapshots: readonly StoredSnapshot[],
  { signal, report }: { readonly signal: AbortSignal; readonly report: (event: SurveyEvent) => void },
): Promise<void> {
  let done = 0;
  const total = snapshots.length;
  report({ kind: 'snapshots', done, total });
  const roots = snapshots.map(({ snapshot }) => snapshot.tree);
  await addUsed(used, index.indexed, roots, {
    signal,
    rootDone: () => report({ kind: 'snapshots', done: (done += 1), total }),
  });
}

async function listPacks(
  repository: Repository,
  { table }: PruneIndex,
  report: (event: SurveyEvent) => void,
): Promise<{ storedBytes: Map<number, number>; unindexed: { id: PackId; sizeBytes: number }[] }> {
  const storedBytes = new Map<number, number>();
  const unindexed: { id: PackId; sizeBytes: number }[] = [];
  let done = 0;
  for await (const { name, sizeBytes } of repository.backend.list('data')) {
    if (!isId(name)) continue;
    const id = parseId<PackId>(name);
    const packNumber = table.knownPackNumber(id);
    if (packNumber === undefined) unindexed.push({ id, sizeBytes });
    else storedBytes.set(packNumber, sizeBytes);
    report({ kind: 'packs', done: (done += 1), total: table.packIds.length });
  }
  report({ kind: 'packs', done, total: done });
  return { storedBytes, unindexed };
}

function refuseLost({ table }: PruneIndex, { missing, wrongSize }: RepositoryUsage['lost']): void {
  const names = (packs: ReadonlySet<number>): string => {
    const ids = Array.from(packs, (number) => shortId(table.packIds[number] as PackId));
    return ids.length > 8 ? `${ids.slice(0, 8).join(', ')} and ${ids.length - 8} more` : ids.join(', ');
  };
  const hint = 'Nothing was removed. Run `coffre check`; a copy of the repository may still hold them.';
  if (missing.size > 0) {
    const message = `the index references ${missing.size} needed pack files which are missing from the repository: ${names(missing)}`;
    throw new CoffreError('REPO_FILE_MISSING', message, { hint });
  }
  if (wrongSize.size > 0) {
    const message = `${wrongSize.size} needed pack files have another size than the index says: ${names(wrongSize)}`;
    throw new CoffreError('REPO_PACK_DAMAGED', message, { hint });
  }
}
