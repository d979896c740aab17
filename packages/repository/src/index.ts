/** The public door of `@coffre/repository`. Everything else is internal. */
export { backup, type BackupOptions, type BackupResult, type StreamSource } from './archive/backup.ts';
export { zeroCounters, type BackupCounters, type BackupEvent, type EntryChange } from './archive/report.ts';
export { everything, type Selection } from './archive/selection.ts';
export { absolutePath, cleanPath, joinPath } from './archive/targets.ts';
export { fileKinds, type Backend, type FileHandle, type FileKind, type ListedFile } from './backend/backend.ts';
export { databaseProfile, filesProfile, pagesProfile, type ChunkProfile } from './chunker/profile.ts';
export type { CompressionLevel } from './compress/zstd.ts';
export {
  CoffreError,
  errorCodes,
  isCoffreError,
  messageOf,
  type ErrorCode,
  type ErrorDetail,
} from './errors.ts';
export { byteStringOf, bytesOf, toByteString, toText, type ByteString } from './format/bytestring.ts';
export type { Snapshot, SnapshotSummary } from './format/snapshot.ts';
export { formatLocal, formatTimestamp, parseTimestamp, timestampNs, timestampOfNs } from './format/time.ts';
export { type NodeType, type Timestamp, type TreeNode } from './format/tree.ts';
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
export {
  initRepository,
  openRepository,
  type InitOptions,
  type OpenOptions,
  type Repository,
  type StoredSnapshot,
} from './repository.ts';
