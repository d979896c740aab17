/**
 * A snapshot file: sealed JSON (compressed in version 2) without a line feed, members in this order, `?` left out when empty or 0.
 *
 *   time  parent?  tree  paths  hostname?  username?  uid?  gid?  excludes?  tags?  original?  program_version?  summary?
 *
 * Its own id is the hash of the stored file and is not in it. `original` is the id it had before the first rewrite.
 */
import type { BlobId, SnapshotId } from '../ids.ts';
import { jsonText } from './gojson.ts';
import { parseJson } from './parse-json.ts';
import { amount, list, looseObject, optional, text, timeText, u32, withDefault, type Shape } from './shape.ts';
import { formatTimestamp, zeroTimestamp } from './time.ts';

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
  /** Ours alone, after the others: what of the source was read. Use `bytesReadOf`: other programs may write anything here. */
  bytes_read?: unknown;
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

const unknownTime = formatTimestamp(zeroTimestamp);
const texts = list(text());
const count = withDefault(amount, 0);

function id<T extends string>(): Shape<T> {
  return text({ matching: /^[0-9a-f]{64}$/, must: 'must be an id' }) as Shape<unknown> as Shape<T>;
}

const summaryShapes = {
  backup_start: withDefault(timeText, unknownTime),
  backup_end: withDefault(timeText, unknownTime),
  files_new: count,
  files_changed: count,
  files_unmodified: count,
  dirs_new: count,
  dirs_changed: count,
  dirs_unmodified: count,
  data_blobs: count,
  tree_blobs: count,
  data_added: count,
  data_added_packed: count,
  total_files_processed: count,
  total_bytes_processed: count,
};

const schema = looseObject({
  time: timeText,
  parent: optional(id<SnapshotId>()),
  tree: id<BlobId>(),
  paths: optional(texts),
  hostname: optional(text()),
  username: optional(text()),
  uid: optional(u32),
  gid: optional(u32),
  excludes: optional(texts),
  tags: optional(texts),
  original: optional(id<SnapshotId>()),
  program_version: optional(text()),
  // Members that other programs add to the summary stay in it.
  summary: optional(looseObject(summaryShapes)),
});

/** What was read to make it; undefined where nobody wrote it down. Without a parent everything is read. */
export function bytesReadOf({ parent, original, summary }: Snapshot): number | undefined {
  if (summary === undefined) return undefined;
  const { bytes_read: read, total_bytes_processed: total } = summary;
  if (typeof read === 'number' && Number.isSafeInteger(read) && read >= 0) return read;
  // A copy has no parent either, whatever was read.
  return parent === undefined && original === undefined ? total : undefined;
}

/** Go leaves these out, so absent is all they can mean. */
function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || value === 0 || (Array.isArray(value) && value.length === 0)
  );
}

function withoutEmpty<T extends object>(members: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => !isEmpty(value))) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

/** @throws {CoffreError} REPO_FILE_DAMAGED */
export function parseSnapshot(bytes: Uint8Array): Snapshot {
  const {
    time,
    parent,
    tree,
    paths,
    hostname,
    username,
    uid,
    gid,
    excludes,
    tags,
    original,
    program_version,
    summary,
    ...foreign
  } = parseJson(bytes, schema, 'snapshot file', 'REPO_FILE_DAMAGED');
  return {
    time,
    tree,
    paths: paths ?? [],
    ...withoutEmpty({ parent, hostname, username, uid, gid, excludes, tags, original, program_version, summary }),
    ...(Object.keys(foreign).length > 0 && { foreign }),
  };
}

/** Members of the summary in the order of the format, then those of other programs. */
function orderedSummary(summary: SnapshotSummary | undefined): Record<string, unknown> | undefined {
  if (summary === undefined) return undefined;
  const ordered = Object.keys(summaryShapes).map((key) => [key, summary[key as keyof SnapshotSummary]]);
  return { ...(Object.fromEntries(ordered) as Record<string, unknown>), ...summary };
}

/** The JSON bytes, before compression and sealing; members that are empty are left out. */
export function encodeSnapshot(snapshot: Snapshot): Buffer {
  const {
    time,
    parent,
    tree,
    paths,
    hostname,
    username,
    uid,
    gid,
    excludes,
    tags,
    original,
    program_version,
    summary,
    foreign,
  } = snapshot;
  const members = {
    time,
    ...withoutEmpty({ parent }),
    tree,
    paths,
    ...withoutEmpty({
      hostname,
      username,
      uid,
      gid,
      excludes,
      tags,
      original,
      program_version,
      summary: orderedSummary(summary),
    }),
    ...foreign,
  };
  return Buffer.from(jsonText(members), 'utf8');
}
