/** The public door of `@coffre/repository`. Outsiders import from here only; inside, files import each other. */
export type { Backend, FileHandle, FileKind, ListedFile, LoadOptions } from './backend/backend.ts';
export { createLocalBackend } from './backend/local.ts';
export { createMemoryBackend } from './backend/memory.ts';
export type { CompressionLevel } from './compress/zstd.ts';
export { assert, CoffreError, errorCodes, isCoffreError, messageOf } from './errors.ts';
export type { ErrorCode, ErrorDetail } from './errors.ts';
export { byteStringOf, bytesOf, toByteString, toText } from './format/bytestring.ts';
export type { ByteString } from './format/bytestring.ts';
export { modeText } from './format/mode.ts';
export type { Snapshot, SnapshotSummary } from './format/snapshot.ts';
export { compareTimestamps, formatLocal, formatTimestamp, parseTimestamp, timestampNs, timestampOfNs } from './format/time.ts';
export type { ExtendedAttribute, NodeType, Timestamp, TreeNode, U64 } from './format/tree.ts';
export type { Host, Warning } from './host/context.ts';
export type { Clock, Identity, Random } from './host/host.ts';
export { isId, parseId, shortId } from './ids.ts';
export type { AnyId, BlobId, IndexId, KeyId, LockId, PackId, SnapshotId } from './ids.ts';
export { initRepository, openRepository, Repository } from './repository.ts';
export type { InitOptions, OpenOptions, StoredSnapshot, UnpackedKind } from './repository.ts';
