/** The newest backup of one source of one plan in a repository. Pure. */
import { isFutureDated, newestFirst, type StoredSnapshot } from '@coffre/repository';
import { factsOf } from '../named/tags.ts';

export function isComplete({ snapshot }: StoredSnapshot): boolean {
  return !factsOf(snapshot).isIncomplete;
}

export type BackupOf = { readonly plan: string; readonly source: string };

/** Newest first; without what was only put aside before a restore. */
export function snapshotsOf(snapshots: readonly StoredSnapshot[], { plan, source }: BackupOf): StoredSnapshot[] {
  return newestFirst(
    snapshots.filter(({ snapshot }) => {
      const facts = factsOf(snapshot);
      return facts.plan === plan && facts.source === source && facts.kind !== 'temp';
    }),
  );
}

/** What the next one is compared with: a complete one where there is any. */
export function lastBackup(
  snapshots: readonly StoredSnapshot[],
  of: BackupOf,
  nowNs: bigint,
): StoredSnapshot | undefined {
  const own = snapshotsOf(snapshots, of).filter(({ snapshot }) => !isFutureDated(snapshot, nowNs));
  return own.find(isComplete) ?? own[0];
}
