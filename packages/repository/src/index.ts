/** The public door of `@coffre/repository`, by theme as in README.md. Everything else is internal. */

// Open: where a repository is, its storage, its locks.
export { describeLocation, parseLocation, type Location } from './backend/location.ts';
export {
  fileKinds,
  type Backend,
  type FileHandle,
  type FileKind,
  type ListedFile,
  type LoadOptions,
} from './backend/backend.ts';
export { commandWords } from './backend/command-words.ts';
export { openBackend } from './backend/open-backend.ts';
export { createFileNote, type FileNote } from './backend/file-note.ts';
export { reachStorage, withMemory, type LimitOptions, type NearOptions, type ReachOptions } from './backend/layers.ts';
export type { StorageOptions, TlsOptions } from './backend/storage-options.ts';
export { createLocalBackend, type LocalBackend, type LocalBackendOptions } from './backend/local.ts';
export { createMemoryBackend, type MemoryBackend, type MemoryBackendOptions } from './backend/memory.ts';
export { extendRetention, type ExtendOptions, type Retention, type RetentionExtended } from './backend/retention.ts';
export { withDryRun, type DryRunOptions } from './backend/dry-run.ts';
export { withRetry, type RetryEvent, type RetryOptions } from './backend/retry.ts';
export { initRepository, openRepository } from './operations.ts';
export type { InitOptions, OpenOptions, Repository, StoredSnapshot } from './repository.ts';
export type { BlobLocation, IndexedRepository } from './index/indexed-repository.ts';
export { acquireLock, startLock, type LockOptions, type PendingLock } from './lock/lock.ts';
export type { LockEvent } from './lock/acquire.ts';
export type { HeldLock } from './lock/held-lock.ts';
export { unlock, type UnlockOptions, type UnlockResult } from './lock/unlock.ts';

// Back up.
export { backup } from './operations.ts';
export type { BackupOptions, BackupResult } from './archive/backup.ts';
export type { SavedStream, StreamSource } from './archive/stream-source.ts';
export type { Closing, SavedContent } from './archive/closing.ts';
export { contentSum, ContentSums } from './archive/content-sums.ts';
export { invalidFolder, type ContentJudge, type RejectedFile } from './archive/content-judge.ts';
export { zeroCounters, type BackupCounters, type BackupEvent, type EntryChange } from './archive/report.ts';
export { SourcePrefetch, type PrefetchOptions, type SourceTotals } from './archive/prefetch.ts';
export {
  cacheMarker,
  createSelection,
  everything,
  type ExcludeMarker,
  type Selection,
  type SelectionRules,
} from './archive/selection.ts';
export { absolutePath, cleanPath, joinPath } from './archive/targets.ts';
export { databaseProfile, filesProfile, pagesProfile, type ChunkProfile } from './chunker/profile.ts';
export type { CompressionLevel } from './compress/zstd.ts';

// Patterns, for backups, restores and searches.
export { anyOf, compilePatterns, type PathMatcher, type PatternOptions } from './select/patterns.ts';
export { decodeText, parsePatternFile } from './select/pattern-file.ts';
export { matchesComponent, parseComponent, type ComponentPattern } from './select/glob.ts';

// Look: snapshots, their files, what differs, what it takes.
export { findSnapshot, findSnapshots, type FoundSnapshot, type FoundSnapshots } from './browse/find-snapshot.ts';
export {
  isEmptyFilter,
  isFutureDated,
  latestOf,
  matchesFilter,
  newestFirst,
  resolvePrefix,
  parseSnapshotName,
  parseTagList,
  type LatestOptions,
  type SnapshotFilter,
  type SnapshotName,
  type TagList,
} from './browse/select.ts';
export {
  groupByDefault,
  groupSnapshots,
  parseGroupBy,
  type GroupBy,
  type GroupKey,
  type SnapshotGroup,
} from './browse/group.ts';
export {
  listTree,
  sortEntries,
  type ListedEntry,
  type ListEvent,
  type ListOptions,
  type SortMode,
} from './browse/ls.ts';
export { findFolder, walkTree, type TreeVisitor } from './browse/walk.ts';
export { diffTrees, findFiles, findObjects } from './operations.ts';
export type { FindEvent, FindOptions } from './browse/find.ts';
export type { FindObjectsEvent, FoundObject, WantedObjects } from './browse/find-objects.ts';
export type { DiffCounts, DiffEvent, DiffOptions, DiffStatistics } from './browse/diff.ts';
export { measureBlobs, measureFiles, type SizeClass, SizeClasses } from './browse/size-classes.ts';
export { measure, statsModes, type Statistics, type StatsMode, type StatsProgress } from './browse/stats.ts';

// Restore.
export { dump, readContents, restore } from './operations.ts';
export type { RestoreResult } from './restore/restore.ts';
export type { ArchiveKind, DumpOptions, DumpResult } from './restore/dump.ts';
export type { FileContent } from './restore/read-ahead.ts';
export { outputTo } from './restore/output.ts';
export type { Overwrite, RestoreBudget, RestoreOptions, XattrRules } from './restore/options.ts';
export { zeroRestoreCounters, type RestoreCounters, type RestoreEvent } from './restore/report.ts';
export { everythingSelected, excluding, including, type Choice, type RestoreSelection } from './restore/selection.ts';

// Keep in order: check, retention, changed snapshots, recovery, passwords.
export { check, prune, recover, retain, rewriteSnapshots } from './operations.ts';
export type { CheckEvent, CheckOptions, CheckPhase } from './maintain/check.ts';
export type { CheckFinding, CheckResult, FindingKind, RepairStep } from './maintain/check-findings.ts';
export { parseFullWithin, parseReadDataSubset, type ReadDataSubset } from './maintain/read-data-subset.ts';
export type { ChosenReading } from './maintain/reading-record.ts';
export type { Amount, Coverage } from './maintain/reading-plan.ts';
export {
  planForget,
  planRemoval,
  type FlaggedSnapshot,
  type ForgetGroup,
  type ForgetOptions,
  type ForgetPlan,
  type KeepReason,
} from './maintain/forget.ts';
export { meetSnapshots } from './maintain/first-seen.ts';
export type { Protection, SnapshotFlag } from './maintain/protection.ts';
export {
  describePolicy,
  isEmptyPolicy,
  isZeroSpan,
  parseKeepCount,
  parseSpan,
  type CalendarSpan,
  type KeepCount,
  type RetentionPolicy,
} from './maintain/policy.ts';
export { tagSnapshots, type TagChange, type TagEvent } from './maintain/tag.ts';
export type { RewriteEvent, RewriteOptions } from './maintain/rewrite.ts';
export { graceMsDefault } from './maintain/prune/marks.ts';
export type { PruneEvent, PruneLock, PruneOptions, PruneResult } from './maintain/prune/prune.ts';
export type { MarkFigures, PruneFigures, PrunePlan } from './maintain/prune/prune-plan.ts';
export type { MaxUnused } from './maintain/prune/plan.ts';
export type { RetainEvent, RetainOptions, RetainResult } from './maintain/retain.ts';
export type { RecoverEvent, RecoverResult } from './maintain/recover.ts';
export { healFrom, repairIndex, repairPacks, repairSnapshots } from './operations.ts';
export type { IndexRepairEvent, IndexRepairOptions, IndexRepairResult } from './maintain/repair/repair-index.ts';
export type { LostBlob, Outlook, PackRepairEvent, PackRepairResult } from './maintain/repair/repair-packs.ts';
export type {
  SnapshotRepairEvent,
  SnapshotRepairOptions,
  SnapshotRepairResult,
} from './maintain/repair/repair-snapshots.ts';
export type { Mend } from './maintain/repair/mend-tree.ts';
export type { HealEvent, HealResult } from './maintain/repair/heal.ts';
export { copySnapshots, recoverConfig, upgradeRepository } from './operations.ts';
export type { CopyAmount, CopyOptions, CopyReport, CopyResult } from './maintain/copy/copy.ts';
export { addKey, changePassword, listKeys, removeKey, rotateKey } from './operations.ts';
export type { KeyInfo, NewKey, RotateOptions, Rotation } from './maintain/keys.ts';
export { loadKeyFile } from './key.ts';

// Serve: a repository's folder as it lies on the disk, and what tells a file of a kind without its key.
export { nodeLocalFiles, type LocalFile, type LocalFiles, type LocalStat } from './backend/local-files.ts';
export { foldersToMake, listFiles, placeOf } from './backend/local-layout.ts';
export { syncFolder, writeAll } from './backend/local-write.ts';
export { isSyncUnsupported, systemCode } from './backend/local-errors.ts';
export { sealOverheadBytes } from './crypto/seal.ts';
export { parseKeyFile, type KeyFile } from './format/key-file.ts';
export { headerBytesMax, headerEntryBytes, headerLengthBytes } from './format/pack-header.ts';

// The outside, handed in.
export type { Host, Warning } from './host/context.ts';
export type { Clock, Identity, Random } from './host/host.ts';
export { systemProcesses } from './host/processes.ts';
export type { Processes } from './host/processes.ts';
export { systemClock, systemIdentity, systemRandom } from './host/system.ts';
export { makeFolders } from './host/make-folders.ts';
export { createFiles, type Files } from './host/files.ts';
export { readElsewhere, type FilePlace } from './host/elsewhere.ts';
export type { FileStat } from './host/stat.ts';

// Values of the format: ids, names as bytes, times, snapshots, tree nodes.
export {
  idFromBytes,
  idToBytes,
  isId,
  parseId,
  shortId,
  type AnyId,
  type BlobId,
  type IndexId,
  type KeyId,
  type LockId,
  type PackId,
  type SnapshotId,
} from './ids.ts';
export {
  byteStringOf,
  bytesOf,
  carriedBytes,
  carriedText,
  toByteString,
  toText,
  type ByteString,
} from './format/bytestring.ts';
export { formatLocal, formatTimestamp, parseTimestamp, timestampNs, timestampOfNs } from './format/time.ts';
export { bytesReadOf, encodeSnapshot, type Snapshot, type SnapshotSummary } from './format/snapshot.ts';
export type { ExtendedAttribute, NodeType, Timestamp, TreeNode, U64 } from './format/tree.ts';
export { modeText } from './format/mode.ts';
export { sha256Hex } from './crypto/hash.ts';

// Errors.
export {
  asError,
  CoffreError,
  errorCodes,
  isCoffreError,
  messageOf,
  type ErrorCode,
  type ErrorDetail,
} from './errors.ts';
