/**
 * Three ways to look at one backup, and how much a restore moves in each: all of it, what came since the last full read,
 * what came since the backup before. Pure.
 */
import { bytesReadOf } from '@coffre/repository';
import type { StoredSnapshot } from '@coffre/repository';
import { backupBefore, backupsUpTo, lastFullRead, readKindOf } from './full-read.ts';
import type { ReadKind } from './full-read.ts';

export type ViewName = 'full' | 'differential' | 'incremental';
export const viewNames: readonly ViewName[] = ['full', 'differential', 'incremental'];

export type RestoreView = {
  readonly name: ViewName;
  /** What it is compared with; a full view needs nothing. */
  readonly since: StoredSnapshot | undefined;
  /** Undefined where the snapshots do not say. */
  readonly sizeBytes: number | undefined;
};

export type BackupViews = {
  readonly type: ReadKind;
  /** Of the source; of that, what no backup had; and what it takes in the repository. */
  readonly bytesRead: number | undefined;
  readonly bytesNew: number | undefined;
  readonly bytesStored: number | undefined;
  readonly views: readonly RestoreView[];
};

export function viewsOf(snapshots: readonly StoredSnapshot[], target: StoredSnapshot): BackupViews {
  const chain = backupsUpTo(snapshots, target);
  const full = lastFullRead(chain);
  const before = backupBefore(chain);
  const { snapshot } = target;
  const { summary } = snapshot;
  return {
    type: full?.isItself === true ? 'full' : readKindOf(snapshot),
    bytesRead: bytesReadOf(snapshot),
    bytesNew: summary?.data_added,
    bytesStored: summary?.data_added_packed,
    views: [
      { name: 'full', since: undefined, sizeBytes: summary?.total_bytes_processed },
      {
        name: 'differential',
        since: full?.stored,
        sizeBytes: full === undefined ? undefined : newSince(chain, full.stored),
      },
      { name: 'incremental', since: before, sizeBytes: before === undefined ? undefined : summary?.data_added },
    ],
  };
}

/** What the backups after it added, one after the other. */
function newSince(chain: readonly StoredSnapshot[], full: StoredSnapshot): number | undefined {
  const added = chain.slice(0, chain.indexOf(full)).map(({ snapshot }) => snapshot.summary?.data_added);
  return added.some((bytes) => bytes === undefined) ? undefined : added.reduce<number>((sum, bytes) => sum + bytes!, 0);
}
