/**
 * A snapshot file: sealed JSON (compressed in version 2) without a line feed, members in this order, `?` left out when empty or 0.
 *
 *   time  parent?  tree  paths  hostname?  username?  uid?  gid?  excludes?  tags?  original?  program_version?  summary?
 *
 * Its own id is the hash of the stored file and is not in it. `original` is the id it had before the first rewrite.
 */
import { z } from 'zod';
import type { BlobId, SnapshotId } from '../ids.ts';
import { jsonText } from './gojson.ts';
import { parseJson, timeText, u32 } from './parse-json.ts';
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
const texts = z.array(z.string());
const count = z.number().min(0).default(0);

function id<T extends string>(): z.ZodType<T> {
  return z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be an id' }) as unknown as z.ZodType<T>;
}

/** Members that other programs add to the summary stay in it. */
const summarySchema = z.looseObject({
  backup_start: timeText.default(unknownTime),
  backup_end: timeText.default(unknownTime),
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
});

const schema = z.looseObject({
  time: timeText,
  parent: id<SnapshotId>().nullish(),
  tree: id<BlobId>(),
  paths: texts.nullish(),
  hostname: z.string().nullish(),
  username: z.string().nullish(),
  uid: u32.nullish(),
  gid: u32.nullish(),
  excludes: texts.nullish(),
  tags: texts.nullish(),
  original: id<SnapshotId>().nullish(),
  program_version: z.string().nullish(),
  summary: summarySchema.nullish(),
});

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
  const ordered = Object.keys(summarySchema.shape).map((key) => [key, summary[key as keyof SnapshotSummary]]);
  return { ...(Object.fromEntries(ordered) as Record<string, unknown>), ...summary };
}

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
