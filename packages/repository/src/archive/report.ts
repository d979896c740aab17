import type { ByteString } from '../format/bytestring.ts';
import type { AddedData } from './chunk-store.ts';

/** Live figures of a backup, for whoever draws them. Only the backup writes them. */
export type BackupCounters = {
  filesNew: number;
  filesChanged: number;
  filesUnmodified: number;
  dirsNew: number;
  dirsChanged: number;
  dirsUnmodified: number;
  /** Files and folders that could not be read. */
  errors: number;
  changedWhileRead: number;
  /** Bytes of files done, read or not. */
  bytesDone: number;
  /** Bytes really read from the source. */
  bytesRead: number;
  current: Set<ByteString>;
};

/** Hand them to `backup` as `counters` and look at them while it runs. */
export function zeroCounters(): BackupCounters {
  return {
    filesNew: 0,
    filesChanged: 0,
    filesUnmodified: 0,
    dirsNew: 0,
    dirsChanged: 0,
    dirsUnmodified: 0,
    errors: 0,
    changedWhileRead: 0,
    bytesDone: 0,
    bytesRead: 0,
    current: new Set(),
  };
}

export type EntryChange = 'new' | 'changed' | 'unchanged';

export type BackupEvent =
  | {
      readonly kind: 'entry';
      readonly change: EntryChange;
      readonly type: 'file' | 'dir';
      /** Path inside the snapshot. */
      readonly path: ByteString;
      readonly sizeBytes: number;
      readonly added: AddedData;
      readonly durationMs: number;
    }
  | { readonly kind: 'error'; readonly path: ByteString; readonly error: unknown }
  | { readonly kind: 'changedWhileRead'; readonly path: ByteString }
  | { readonly kind: 'parent'; readonly snapshotId: string | undefined };
