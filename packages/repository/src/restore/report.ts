import type { ByteString } from '../format/bytestring.ts';
import type { NodeType } from '../format/tree.ts';

/** Live figures of a restore, for whoever draws them. Only the restore writes them. */
export type RestoreCounters = {
  /** Selected entries of every type. */
  filesTotal: number;
  filesRestored: number;
  filesSkipped: number;
  filesDeleted: number;
  bytesTotal: number;
  bytesRestored: number;
  bytesSkipped: number;
  /** Sealed bytes asked of the storage. */
  bytesFetched: number;
  filesVerified: number;
  errors: number;
  /** Left out because this user or this machine may not: figures, not errors. */
  dropped: Dropped;
};

export type Dropped = {
  owners: number;
  xattrs: number;
  /** Setuid and setgid bits: asked for by `safe`, or because the owner could not be restored. */
  privileges: number;
  /** By `safe`. */
  devices: number;
};

export function noneDropped(): Dropped {
  return { owners: 0, xattrs: 0, privileges: 0, devices: 0 };
}

export function addDropped(sum: Dropped, more: Dropped): void {
  sum.owners += more.owners;
  sum.xattrs += more.xattrs;
  sum.privileges += more.privileges;
  sum.devices += more.devices;
}

/** Hand them to `restore` as `counters` and look at them while it runs. */
export function zeroRestoreCounters(): RestoreCounters {
  return {
    filesTotal: 0,
    filesRestored: 0,
    filesSkipped: 0,
    filesDeleted: 0,
    bytesTotal: 0,
    bytesRestored: 0,
    bytesSkipped: 0,
    bytesFetched: 0,
    filesVerified: 0,
    errors: 0,
    dropped: noneDropped(),
  };
}

export type RestoreAction = 'restored' | 'updated' | 'unchanged' | 'deleted';

export type RestoreEvent =
  | {
      readonly kind: 'item';
      readonly action: RestoreAction;
      readonly type: NodeType;
      /** Inside the snapshot, from its root (or the sub-path). */
      readonly path: ByteString;
      readonly sizeBytes: number;
      /** Of a file that was restored under another name. */
      readonly isFurtherName?: true;
    }
  | { readonly kind: 'error'; readonly path: ByteString; readonly error: unknown };
