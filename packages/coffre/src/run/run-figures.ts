/**
 * The figures that a run leaves in its row of the history (`runs.figures`); units last. Absent is unknown or does not
 * apply, never nought.
 *
 * One run of a plan is one row of kind `backup` without a source, and below it, as rows that name it as their parent:
 *
 *   source     one for each source x repository it is saved to: what status counts its age from
 *   copy       one for each source x repository it is copied to
 *   retention  one for each repository
 *
 * So `runs.repository` with `runs.source` answers "when was this last good there?" in one step, and a failed copy is
 * never the failure of a backup.
 */
export type FigureName =
  /** Of the source, as it was walked or dumped. */
  | 'filesTotal'
  | 'bytesTotal'
  /** Read from the disk, the program or the database. */
  | 'bytesRead'
  | 'filesNew'
  | 'filesChanged'
  | 'filesUnmodified'
  /** Of the data, those that no earlier snapshot had; and what they take in the repository. */
  | 'bytesNew'
  | 'bytesStored'
  /** What no backup had, of this one and of all since the last full read; nought where this one is it. */
  | 'bytesSinceFull'
  /** 1 where all of the source was read, and nothing taken over from the backup before. */
  | 'readFull'
  /** What a restore is thought to take: of all of it, of what came since the last full read, and since the one before. */
  | 'restoreEstimateMs'
  | 'differentialEstimateMs'
  | 'incrementalEstimateMs'
  /** 1 where that rests on what a restore or a proof took. */
  | 'restoreMeasured'
  /** Files that could not be read; files that were not sound and kept their last good content. */
  | 'filesFailed'
  | 'filesRejected'
  /** Copies: what was moved. Retention: what was kept and removed. */
  | 'snapshotsCopied'
  | 'snapshotsKept'
  | 'snapshotsRemoved'
  /** Proof steps that passed: hash, archive, open, parse, schema, row_counts. */
  | 'stepsPassed'
  /** Those of them for which it was loaded into a scratch place and asked: schema, row_counts. */
  | 'stepsLoaded'
  /** What of it was read back and hashed, and in which time. */
  | 'readBackBytes'
  | 'readBackMs'
  /** Restores: what was written, and in which time. */
  | 'bytesRestored'
  | 'restoreMs'
  /** 1 where the proof of the day or the week was among them. */
  | 'provedDaily'
  | 'provedWeekly'
  /** Of all packs of a repository, when it is listed. */
  | 'repositoryBytes'
  | 'attempt'
  /** How long each phase took; of a run, all its parts together. */
  | 'leaseMs'
  | 'openMs'
  | 'hooksMs'
  | 'preflightMs'
  | 'readMs'
  | 'publishMs'
  | 'verifyMs'
  | 'copyMs'
  | 'retentionMs';

export type RunFigures = { readonly [Name in FigureName]?: number };
