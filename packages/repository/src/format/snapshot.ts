import type { BlobId, SnapshotId } from '../ids.ts';

export type SnapshotSummary = {
  /** RFC 3339, as in the file. */
  backup_start: string;
  backup_end: string;
  files_new: number;
  files_changed: number;
  files_unmodified: number;
  dirs_new: number;
  dirs_changed: number;
  dirs_unmodified: number;
  data_blobs: number;
  tree_blobs: number;
  data_added: number;
  data_added_packed: number;
  total_files_processed: number;
  total_bytes_processed: number;
};

/** A snapshot file. Keys are those of the format, so that `--json` output and the file agree. */
export type Snapshot = {
  /** RFC 3339 with up to nine fraction digits, in the writer's local zone; kept as text because rewriting must not change it. */
  time: string;
  parent?: SnapshotId;
  tree: BlobId;
  paths: readonly string[];
  hostname?: string;
  username?: string;
  uid?: number;
  gid?: number;
  excludes?: readonly string[];
  tags?: readonly string[];
  original?: SnapshotId;
  program_version?: string;
  summary?: SnapshotSummary;
  /** Keys that other programs added; kept on rewrite, after ours. */
  foreign?: Readonly<Record<string, unknown>>;
};
