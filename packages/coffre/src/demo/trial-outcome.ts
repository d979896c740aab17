import type { SnapshotId } from '@coffre/repository';
import type { FolderComparison } from './compare-folders.ts';
import type { DatabaseProof } from './database-copy.ts';
import type { TrialFolder } from './trial-folder.ts';

/** What a trial proved; the dashboard opens on this when it joins `coffre start`. */
export type TrialOutcome = {
  readonly folder: TrialFolder;
  readonly snapshotId: SnapshotId;
  readonly restored: RestoredTrial;
  readonly comparison: FolderComparison;
  /** Absent for folders of the user's own. */
  readonly database: DatabaseProof | undefined;
};

export type RestoredTrial = {
  readonly sizeBytes: number;
  /** From opening the repository to the last file on disk. */
  readonly durationMs: number;
};

/** Everything that came back different, as sentences; empty when all is well. */
export function differencesIn({ comparison, database }: Pick<TrialOutcome, 'comparison' | 'database'>): number {
  const ofDatabase = database === undefined ? 0 : complaintsOf(database).length;
  return comparison.differenceCount + ofDatabase;
}

export function complaintsOf(proof: DatabaseProof): readonly string[] {
  return [...proof.integrity.filter((line) => line !== 'ok'), ...proof.differences];
}
