/** The public door of `@coffre/repository`. Everything else is internal. */
export type { BackupOptions, BackupResult, StreamSource } from './archive/backup.ts';
export { SourcePrefetch, type PrefetchOptions, type SourceTotals } from './archive/prefetch.ts';
export { zeroCounters, type BackupCounters, type BackupEvent, type EntryChange } from './archive/report.ts';
export {
  cacheMarker,
  createSelection,
  everything,
  type ExcludeMarker,
  type Selection,
  type SelectionRules,
} from './archive/selection.ts';
export { absolutePath, cleanPath, joinPath } from './archive/targets.ts';
export { withDryRun } from './backend/dry-run.ts';
export { fileKinds, type Backend, type FileHandle, type FileKind, type ListedFile } from './backend/backend.ts';
export type { FindObjectsEvent, FoundObject, WantedObjects } from './browse/find-objects.ts';
export { findSnapshot, findSnapshots, type FoundSnapshot, type FoundSnapshots } from './browse/find-snapshot.ts';
export type { FindEvent, FindOptions } from './browse/find.ts';
export type { DiffCounts, DiffEvent, DiffOptions, DiffStatistics } from './browse/diff.ts';
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
export {
  isEmptyFilter,
  isFutureDated,
  latestOf,
  matchesFilter,
  newestFirst,
  parseSnapshotName,
  parseTagList,
  resolvePrefix,
  type SnapshotFilter,
  type SnapshotName,
  type TagList,
} from './browse/select.ts';
export { createLocalBackend, type LocalBackend, type LocalBackendOptions } from './backend/local.ts';
export { describeLocation, parseLocation, type Location } from './backend/location.ts';
export { createMemoryBackend } from './backend/memory.ts';
export { openBackend } from './backend/open-backend.ts';
export { withRetry, type RetryEvent, type RetryOptions } from './backend/retry.ts';
export { measure, statsModes, type Statistics, type StatsMode, type StatsProgress } from './browse/stats.ts';
export { childPath, findFolder, walkTree, type TreeVisitor } from './browse/walk.ts';
export { databaseProfile, filesProfile, pagesProfile, type ChunkProfile } from './chunker/profile.ts';
export type { CompressionLevel } from './compress/zstd.ts';
export { sha256Hex } from './crypto/hash.ts';
export { CoffreError, errorCodes, isCoffreError, messageOf, type ErrorCode, type ErrorDetail } from './errors.ts';
export { byteStringOf, bytesOf, toByteString, toText, type ByteString } from './format/bytestring.ts';
export { modeText } from './format/mode.ts';
export { encodeSnapshot, type Snapshot, type SnapshotSummary } from './format/snapshot.ts';
export { formatLocal, formatTimestamp, parseTimestamp, timestampNs, timestampOfNs } from './format/time.ts';
export type { NodeType, Timestamp, TreeNode } from './format/tree.ts';
export type { Host, Warning } from './host/context.ts';
export { createFiles, type Files } from './host/files.ts';
export type { Clock, Identity, Random } from './host/host.ts';
export type { FileStat } from './host/stat.ts';
export { systemClock, systemIdentity, systemRandom } from './host/system.ts';
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
export type { BlobLocation, IndexedRepository } from './index/indexed-repository.ts';
export { loadKeyFile } from './key.ts';
export type { LockEvent } from './lock/acquire.ts';
export type { HeldLock } from './lock/held-lock.ts';
export { acquireLock, startLock, type LockOptions, type PendingLock } from './lock/lock.ts';
export { unlock, type UnlockOptions, type UnlockResult } from './lock/unlock.ts';
export {
  planForget,
  planRemoval,
  type ForgetGroup,
  type ForgetOptions,
  type ForgetPlan,
  type KeepReason,
} from './maintain/forget.ts';
export type { CheckFinding, CheckResult, FindingKind } from './maintain/check-findings.ts';
export { parseReadDataSubset, type ReadDataSubset } from './maintain/read-data-subset.ts';
export type { CheckEvent, CheckOptions, CheckPhase } from './maintain/check.ts';
export type { KeyInfo, NewKey } from './maintain/keys.ts';
export {
  describePolicy,
  isEmptyPolicy,
  parseKeepCount,
  parseSpan,
  type CalendarSpan,
  type KeepCount,
  type RetentionPolicy,
} from './maintain/policy.ts';
export type { RecoverEvent, RecoverResult } from './maintain/recover.ts';
export type { RewriteEvent, RewriteOptions } from './maintain/rewrite.ts';
export { retag, tagSnapshots, type TagChange, type TagEvent } from './maintain/tag.ts';
export {
  addKey,
  backup,
  changePassword,
  check,
  diffTrees,
  findFiles,
  findObjects,
  initRepository,
  listKeys,
  openRepository,
  recover,
  removeKey,
  restore,
  rewriteSnapshots,
} from './operations.ts';
export type { InitOptions, OpenOptions, Repository, StoredSnapshot } from './repository.ts';
export type { Overwrite, RestoreOptions, XattrRules } from './restore/options.ts';
export { zeroRestoreCounters, type RestoreCounters, type RestoreEvent } from './restore/report.ts';
export type { RestoreResult } from './restore/restore.ts';
export { everythingSelected, excluding, including, type RestoreSelection } from './restore/selection.ts';
export { matchesComponent, parseComponent, type ComponentPattern } from './select/glob.ts';
export { anyOf, compilePatterns, type PathMatcher } from './select/patterns.ts';
export { decodeText, parsePatternFile } from './select/pattern-file.ts';
