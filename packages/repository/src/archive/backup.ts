import type { ChunkProfile } from '../chunker/profile.ts';
import type { CompressionLevel } from '../compress/zstd.ts';
import { CoffreError } from '../errors.ts';
import { toText, type ByteString } from '../format/bytestring.ts';
import { encodeSnapshot, type Snapshot, type SnapshotSummary } from '../format/snapshot.ts';
import { formatLocal, timestampNs, timestampOfNs } from '../format/time.ts';
import { encodeNode, type Timestamp, type TreeNode } from '../format/tree.ts';
import type { Files } from '../host/files.ts';
import type { BlobId, SnapshotId } from '../ids.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { StoredSnapshot } from '../repository.ts';
import { adoptPacks } from './adopt-packs.ts';
import { ArchiveCrew } from './crew.ts';
import { ResumeJournal } from './journal.ts';
import type { ChangeRules } from './node.ts';
import { mayKeepNodes } from './kept-node.ts';
import { defaultProfile } from './default-profile.ts';
import { findParent } from './parent.ts';
import { zeroCounters, type BackupCounters, type BackupEvent } from './report.ts';
import { everything, type Selection } from './selection.ts';
import { absolutePath, planTargets } from './targets.ts';
import { SourceWalk } from './walk.ts';

/** One file whose content comes from a program instead of a disk. */
export type StreamSource = {
  /** Path of the file in the snapshot: `/stdin`. */
  readonly path: ByteString;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Settles when the producer has ended; a rejection means nothing is published. */
  readonly ended?: Promise<void>;
};

export type BackupOptions = {
  /** As given by the user; relative ones are seen from `workingFolder`. */
  readonly paths?: readonly ByteString[];
  readonly stream?: StreamSource;
  readonly workingFolder: ByteString;
  readonly selection?: Selection;
  /** Reads the source instead of the host's own files: a prefetch that has seen part of it already. */
  readonly files?: Files;
  readonly hostname?: string;
  readonly tags?: readonly string[];
  /** Exclude patterns as the snapshot records them. */
  readonly excludes?: readonly string[];
  /** Of the snapshot; now when absent. */
  readonly time?: Timestamp;
  /** `find` looks for the newest fitting snapshot, `none` reads every file again. */
  readonly parent?: SnapshotId | 'find' | 'none';
  /** Chooses the parent itself, for `latest~2` and grouping rules; wins over `find`. */
  readonly snapshots?: readonly StoredSnapshot[];
  readonly change?: ChangeRules;
  readonly withAtime?: boolean;
  readonly profile?: ChunkProfile;
  readonly compression?: CompressionLevel;
  readonly packTargetBytes?: number;
  readonly threads?: number;
  readonly skipIfUnchanged?: boolean;
  /** Nothing is published; use it with the dry-run backend, which stores nothing either. */
  readonly dryRun?: boolean;
  readonly programVersion?: string;
  /** Nothing is written before this resolves: the lock's second look runs beside the walk. */
  readonly mayWrite?: Promise<unknown>;
  /** Where an interrupted run leaves what it had stored; no resuming when absent. */
  readonly journalPath?: string;
  readonly counters?: BackupCounters;
  readonly report?: (event: BackupEvent) => void;
  readonly signal?: AbortSignal;
};

export type BackupResult = {
  /** Absent on a dry run and when nothing changed with `skipIfUnchanged`. */
  readonly snapshotId: SnapshotId | undefined;
  readonly snapshot: Snapshot;
  readonly summary: SnapshotSummary;
  readonly parent: SnapshotId | undefined;
  readonly unchanged: boolean;
  readonly counters: BackupCounters;
  readonly durationMs: number;
};

/**
 * Saves folders or a stream as one snapshot. Order of publication: packs, index, and last the snapshot file,
 * so a crash at any point leaves every earlier snapshot as it was.
 * @throws {CoffreError} SOURCE_MISSING when no path exists; INTERRUPTED; storage errors
 */
export async function backup(indexed: IndexedRepository, options: BackupOptions): Promise<BackupResult> {
  const { host } = indexed.repository;
  const startedMs = host.clock.monotonicMs();
  const started = timestampOfNs(host.clock.nowNs());
  const time = options.time ?? started;
  const counters = options.counters ?? zeroCounters();
  const paths = snapshotPaths(options);
  const parent = await chooseParent(indexed, options, paths, time);
  options.report?.({ kind: 'parent', snapshotId: parent?.id });

  const journal = options.journalPath === undefined ? undefined : new ResumeJournal(options.journalPath);
  let crew: ArchiveCrew | undefined;
  const writer = indexed.openWriter({
    ...pick(options, 'compression', 'packTargetBytes', 'mayWrite', 'signal'),
    packStored: (pack) => journal?.packStored(pack.id),
    segmentAdded: (memory) => crew?.extend(memory),
  });
  try {
    if (journal !== undefined) await adoptPacks(indexed, writer, journal.packs);
    await using threads = new ArchiveCrew(
      indexed.repository,
      writer,
      pick(options, 'compression', 'packTargetBytes', 'threads'),
    );
    crew = threads;
    const tree =
      options.stream === undefined
        ? await saveFolders({ indexed, writer, crew, journal, counters, options, parent })
        : await saveStream(writer, crew, options.stream, options, indexed, counters);
    await crew.flush();
    await writer.flush();
    const snapshot: Snapshot = {
      ...describeSnapshot(indexed, options, paths, time, tree, parent?.id),
      summary: summarize(counters, writer, formatLocal(started), formatLocal(timestampOfNs(host.clock.nowNs()))),
    };
    const unchanged = parent?.snapshot.tree === tree;
    const publish = options.dryRun !== true && !(options.skipIfUnchanged === true && unchanged);
    const snapshotId = publish
      ? await indexed.repository.saveUnpacked('snapshots', encodeSnapshot(snapshot))
      : undefined;
    journal?.finish();
    if (publish) await removeLeftovers(indexed);
    return {
      snapshotId,
      snapshot,
      summary: snapshot.summary as SnapshotSummary,
      parent: parent?.id,
      unchanged,
      counters,
      durationMs: host.clock.monotonicMs() - startedMs,
    };
  } finally {
    journal?.close();
  }
}

function pick<T extends object, K extends keyof T>(from: T, ...keys: K[]): { [P in K]: Exclude<T[P], undefined> } {
  const picked: Partial<T> = {};
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key];
  return picked as { [P in K]: Exclude<T[P], undefined> };
}

function snapshotPaths({ paths, stream, workingFolder }: BackupOptions): string[] {
  if (stream !== undefined) return [toText(stream.path)];
  const absolute = (paths ?? []).map((path) => absolutePath(path, workingFolder));
  return [...new Set(absolute)].toSorted().map((path) => toText(path));
}

async function chooseParent(
  indexed: IndexedRepository,
  options: BackupOptions,
  paths: readonly string[],
  time: Timestamp,
): Promise<StoredSnapshot | undefined> {
  const { repository } = indexed;
  const wanted = options.parent ?? 'find';
  if (wanted === 'none' || (options.stream !== undefined && wanted === 'find')) return undefined;
  if (wanted !== 'find') return { id: wanted, snapshot: await repository.loadSnapshot(wanted) };
  return findParent(options.snapshots ?? (await repository.listSnapshots()), {
    hostname: options.hostname ?? repository.host.identity.hostname,
    paths,
    nowNs: timestampNs(time),
  });
}

/** Half-written files of writers that were killed; never a reason to call a good backup failed. */
async function removeLeftovers({ repository }: IndexedRepository): Promise<void> {
  try {
    await repository.backend.removeLeftovers?.(repository.host.clock);
  } catch (error) {
    repository.host.warn({ about: 'half-written files of an earlier run could not be removed', error });
  }
}

type FolderWork = {
  indexed: IndexedRepository;
  writer: BlobWriter;
  crew: ArchiveCrew;
  journal: ResumeJournal | undefined;
  counters: BackupCounters;
  options: BackupOptions;
  parent: StoredSnapshot | undefined;
};

async function saveFolders(work: FolderWork): Promise<BlobId> {
  const { indexed, options } = work;
  const files = options.files ?? indexed.repository.host.files;
  const host = { ...indexed.repository.host, files };
  const walk = new SourceWalk({
    host,
    indexed,
    writer: work.writer,
    crew: work.crew,
    journal: work.journal,
    counters: work.counters,
    selection: options.selection ?? everything,
    workingFolder: options.workingFolder,
    node: { withAtime: options.withAtime ?? false },
    change: options.change ?? { ignoreCtime: false, ignoreInode: false },
    keepsNodes: mayKeepNodes(work.parent, { programVersion: options.programVersion, uid: host.identity.uid }),
    profile: options.profile ?? defaultProfile(indexed.repository.config),
    report: options.report,
    signal: options.signal,
  });
  const targets = planTargets(presentPaths(work, files), (folder) => files.listNames(folder));
  return await walk.save(targets, work.parent?.snapshot.tree);
}

function presentPaths({ options, counters }: FolderWork, files: Files): ByteString[] {
  const present: ByteString[] = [];
  for (const path of options.paths ?? []) {
    try {
      files.lstat(path);
      present.push(path);
    } catch (error) {
      counters.errors += 1;
      options.report?.({ kind: 'error', path, error });
    }
  }
  if (present.length === 0) {
    throw new CoffreError('SOURCE_MISSING', 'none of the paths to back up exists', {
      hint: 'Check the spelling and whether the disk is mounted; nothing was saved.',
    });
  }
  return present;
}

async function saveStream(
  writer: BlobWriter,
  crew: ArchiveCrew,
  source: StreamSource,
  options: BackupOptions,
  indexed: IndexedRepository,
  counters: BackupCounters,
): Promise<BlobId> {
  const { host } = indexed.repository;
  counters.current.add(source.path);
  const saved = await crew.saveStream(
    source.bytes,
    options.profile ?? defaultProfile(indexed.repository.config),
    (bytes) => {
      counters.bytesRead += bytes;
      counters.bytesDone += bytes;
    },
  );
  // The stream's end alone proves nothing: the program that wrote it must have ended well too.
  await source.ended;
  const now = options.time ?? timestampOfNs(host.clock.nowNs());
  const names = source.path.split('/').filter((part) => part !== '') as ByteString[];
  const file: TreeNode = {
    ...plainNode(names.pop() as ByteString, 'file', 0o644, now, host.identity),
    size: saved.sizeBytes,
    content: saved.content,
  };
  counters.filesNew += 1;
  counters.current.delete(source.path);
  let node = file;
  for (;;) {
    const bytes = Buffer.from(`{"nodes":[${encodeNode(node)}]}\n`, 'latin1');
    const { id } = await writer.saveBlob('tree', bytes);
    const name = names.pop();
    if (name === undefined) return id;
    counters.dirsNew += 1;
    node = { ...plainNode(name, 'dir', 0x8000_0000 + 0o755, now, host.identity), subtree: id };
  }
}

function plainNode(
  name: ByteString,
  type: 'file' | 'dir',
  mode: number,
  time: Timestamp,
  owner: { uid: number; gid: number },
): TreeNode {
  return { name, type, mode, mtime: time, atime: time, ctime: time, uid: owner.uid, gid: owner.gid, content: null };
}

function describeSnapshot(
  indexed: IndexedRepository,
  options: BackupOptions,
  paths: readonly string[],
  time: Timestamp,
  tree: BlobId,
  parent: SnapshotId | undefined,
): Snapshot {
  const { identity } = indexed.repository.host;
  return {
    time: formatLocal(time),
    ...(parent === undefined ? {} : { parent }),
    tree,
    paths,
    hostname: options.hostname ?? identity.hostname,
    username: identity.username,
    ...(identity.uid === 0 ? {} : { uid: identity.uid }),
    ...(identity.gid === 0 ? {} : { gid: identity.gid }),
    ...(options.excludes?.length ? { excludes: options.excludes } : {}),
    ...(options.tags?.length ? { tags: options.tags } : {}),
    ...(options.programVersion === undefined ? {} : { program_version: options.programVersion }),
  };
}

function summarize(counters: BackupCounters, writer: BlobWriter, started: string, ended: string): SnapshotSummary {
  const { totals } = writer;
  return {
    backup_start: started,
    backup_end: ended,
    files_new: counters.filesNew,
    files_changed: counters.filesChanged,
    files_unmodified: counters.filesUnmodified,
    dirs_new: counters.dirsNew,
    dirs_changed: counters.dirsChanged,
    dirs_unmodified: counters.dirsUnmodified,
    data_blobs: totals.dataBlobs,
    tree_blobs: totals.treeBlobs,
    data_added: totals.addedBytes,
    data_added_packed: totals.addedPackedBytes,
    total_files_processed: counters.filesNew + counters.filesChanged + counters.filesUnmodified,
    total_bytes_processed: counters.bytesDone,
  };
}
