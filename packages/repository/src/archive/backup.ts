import { sweepKilledWriters } from '../backend/leftovers.ts';
import type { ChunkProfile } from '../chunker/profile.ts';
import type { CompressionLevel } from '../compress/zstd.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { CoffreError, isCoffreError } from '../errors.ts';
import { toText, type ByteString } from '../format/bytestring.ts';
import { encodeSnapshot, type Snapshot, type SnapshotSummary } from '../format/snapshot.ts';
import { formatLocal, timestampNs, timestampOfNs } from '../format/time.ts';
import { emptyTree, type Timestamp } from '../format/tree.ts';
import { readElsewhere, type FilePlace } from '../host/elsewhere.ts';
import type { Files } from '../host/files.ts';
import type { BlobId, SnapshotId } from '../ids.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { StoredSnapshot } from '../repository.ts';
import { adoptPacks } from './adopt-packs.ts';
import { idWithout, type Closing } from './closing.ts';
import type { ContentJudge, RejectedFile } from './content-judge.ts';
import { ContentSums } from './content-sums.ts';
import { ArchiveCrew } from './crew.ts';
import { graft } from './graft.ts';
import { ResumeJournal } from './journal.ts';
import type { ChangeRules } from './node.ts';
import { mayKeepNodes } from './kept-node.ts';
import { defaultProfile } from './default-profile.ts';
import { findParent } from './parent.ts';
import { zeroCounters, type BackupCounters, type BackupEvent } from './report.ts';
import { saveStreams } from './save-streams.ts';
import { everything, type Selection } from './selection.ts';
import { placedStreams, type SavedStream, type StreamSource } from './stream-source.ts';
import { absolutePath, cleanPath, planTargets } from './targets.ts';
import { SourceWalk } from './walk.ts';

export type BackupOptions = {
  /** As given by the user; relative ones are seen from `workingFolder`. */
  readonly paths?: readonly ByteString[];
  /** One stream alone, as restic saves it: never compared with a parent unless one is named. */
  readonly stream?: StreamSource;
  /** Beside the paths, or without any. All of them are in the snapshot, or there is no snapshot. */
  readonly streams?: readonly StreamSource[];
  /** Streams read at the same time; one after the other when absent. */
  readonly streamsAtOnce?: number;
  readonly closing?: Closing;
  /** Files that it finds unsound keep the parent's content; what was read is saved below `/.coffre/invalid`. */
  readonly judge?: ContentJudge;
  /** What the snapshot records as its paths, by which a parent is found and groups are made; else all paths and streams. */
  readonly listedPaths?: readonly string[];
  readonly workingFolder: ByteString;
  readonly selection?: Selection;
  /** Reads the source instead of the host's own files: a prefetch that has seen part of it already. */
  readonly files?: Files;
  /** Paths that are read at another place than the one they are saved as: in a snapshot of their file system. */
  readonly elsewhere?: readonly FilePlace[];
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
  /** In the order given. */
  readonly streams: readonly SavedStream[];
  readonly rejected: readonly RejectedFile[];
  readonly durationMs: number;
};

/**
 * Saves folders and streams as one snapshot. Streams come first: a database that names files is then never newer than
 * the files. Order of publication: packs, index, and last the snapshot file, so a crash at any point leaves every earlier
 * snapshot as it was.
 * @throws {CoffreError} SOURCE_MISSING when no path exists, or nothing is left of them; INTERRUPTED; storage errors
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
      pick(options, 'compression', 'packTargetBytes', 'threads', 'elsewhere'),
    );
    crew = threads;
    const { tree, unchanged, streams, rejected } = await saveAll({
      indexed,
      writer,
      crew,
      journal,
      counters,
      options,
      parent,
    });
    if (tree === sha256Hex(emptyTree)) throw nothingSaved();
    await crew.finish();
    await writer.flush();
    const snapshot: Snapshot = {
      ...describeSnapshot(indexed, options, paths, time, tree, parent?.id),
      summary: summarize(counters, writer, formatLocal(started), formatLocal(timestampOfNs(host.clock.nowNs()))),
    };
    const publish = isPublished(options, unchanged);
    const snapshotId = publish
      ? await indexed.repository.saveUnpacked('snapshots', encodeSnapshot(snapshot))
      : undefined;
    journal?.finish();
    if (publish) await sweepKilledWriters(indexed.repository.backend, indexed.repository.host);
    return {
      snapshotId,
      snapshot,
      summary: snapshot.summary as SnapshotSummary,
      parent: parent?.id,
      unchanged,
      counters,
      streams,
      rejected,
      durationMs: host.clock.monotonicMs() - startedMs,
    };
  } finally {
    journal?.close();
  }
}

function nothingSaved(): CoffreError {
  return new CoffreError('SOURCE_MISSING', 'unable to save snapshot: snapshot is empty', {
    hint: 'There is nothing in the folder, or the exclude rules leave everything out; nothing was saved.',
  });
}

function pick<T extends object, K extends keyof T>(from: T, ...keys: K[]): { [P in K]: Exclude<T[P], undefined> } {
  const picked: Partial<T> = {};
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key];
  return picked as { [P in K]: Exclude<T[P], undefined> };
}

function isPublished({ dryRun, skipIfUnchanged }: BackupOptions, unchanged: boolean): boolean {
  return dryRun !== true && !(skipIfUnchanged === true && unchanged);
}

function snapshotPaths(options: BackupOptions): readonly string[] {
  const { stream, streams = [], listedPaths } = options;
  if (stream !== undefined) return [toText(stream.path)];
  if (listedPaths !== undefined) return listedPaths;
  const all = new Set([...absolutePaths(options), ...streams.map(({ path }) => cleanPath(path))]);
  // Paths stay in the order they were given, as restic keeps them; streams have none.
  return (streams.length === 0 ? [...all] : [...all].toSorted()).map((path) => toText(path));
}

function absolutePaths({ paths = [], workingFolder }: BackupOptions): ByteString[] {
  return paths.map((path) => absolutePath(path, workingFolder));
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

type SaveWork = {
  indexed: IndexedRepository;
  writer: BlobWriter;
  crew: ArchiveCrew;
  journal: ResumeJournal | undefined;
  counters: BackupCounters;
  options: BackupOptions;
  parent: StoredSnapshot | undefined;
};

type SavedAll = Pick<BackupResult, 'unchanged' | 'streams' | 'rejected'> & { readonly tree: BlobId };

/** Everything but the publication: streams, folders, and last what says how they are. */
async function saveAll(work: SaveWork): Promise<SavedAll> {
  const { indexed, options, writer, counters, parent, crew } = work;
  const { stream, closing } = options;
  const wanted = stream === undefined ? (options.streams ?? []) : [stream];
  const placed = placedStreams(wanted, absolutePaths(options));
  const profile = options.profile ?? defaultProfile(indexed.repository.config);
  const streaming = {
    crew,
    counters,
    profile,
    signal: options.signal,
    ...pick({ atOnce: options.streamsAtOnce }, 'atOnce'),
  };
  const streams = await saveStreams(streaming, placed);
  const sums = new ContentSums();
  const hasPaths = streams.length === 0 || (options.paths ?? []).length > 0;
  const {
    tree: walked,
    leadingTrees,
    rejected,
  } = hasPaths
    ? await saveFolders(work, sums)
    : { tree: undefined, leadingTrees: new Map<BlobId, Buffer>(), rejected: [] };
  const time = options.time ?? timestampOfNs(indexed.repository.host.clock.nowNs());
  const grafting = { indexed, writer, open: leadingTrees, time, counters };
  const parentTree = stream === undefined ? parent?.snapshot.tree : undefined;
  const given = [...streams, ...rejected.flatMap(({ stored }) => (stored === undefined ? [] : [stored]))];
  const tree = walked !== undefined && given.length === 0 ? walked : await graft(grafting, walked, given, parentTree);
  const unchanged = await isUnchanged(indexed, tree, parent, closing);
  if (closing === undefined || !isPublished(options, unchanged)) return { tree, unchanged, streams, rejected };
  if (walked !== undefined) {
    await crew.flush();
    await writer.flush();
  }
  const last = placedStreams(await closing.make({ tree: walked, streams, rejected, sums, parent }), []);
  const closed = await saveStreams(streaming, last);
  return { tree: await graft(grafting, tree, closed, parentTree), unchanged, streams, rejected };
}

async function isUnchanged(
  indexed: IndexedRepository,
  tree: BlobId,
  parent: StoredSnapshot | undefined,
  closing: Closing | undefined,
): Promise<boolean> {
  if (parent === undefined) return false;
  const before = parent.snapshot.tree;
  if (closing === undefined) return before === tree;
  try {
    return (await idWithout(indexed, before, closing.paths)) === tree;
  } catch (error) {
    // A damaged parent is no reason to go without a new snapshot.
    if (!isCoffreError(error)) throw error;
    return false;
  }
}

type SavedFolders = { tree: BlobId; leadingTrees: Map<BlobId, Buffer>; rejected: readonly RejectedFile[] };

async function saveFolders(work: SaveWork, sums: ContentSums): Promise<SavedFolders> {
  const { indexed, options } = work;
  const files = readElsewhere(options.files ?? indexed.repository.host.files, options.elsewhere ?? []);
  const host = { ...indexed.repository.host, files };
  const walk = new SourceWalk({
    host,
    indexed,
    writer: work.writer,
    crew: work.crew,
    journal: work.journal,
    sums: options.closing?.needsSums === true && options.dryRun !== true ? sums : undefined,
    counters: work.counters,
    selection: options.selection ?? everything,
    judge: options.judge,
    workingFolder: options.workingFolder,
    node: { withAtime: options.withAtime ?? false },
    change: options.change ?? { ignoreCtime: false, ignoreInode: false },
    keepsNodes: mayKeepNodes(work.parent, { programVersion: options.programVersion, uid: host.identity.uid }),
    profile: options.profile ?? defaultProfile(indexed.repository.config),
    report: options.report,
    signal: options.signal,
  });
  const targets = planTargets(presentPaths(work, files), (folder) => files.listNames(folder));
  const tree = await walk.save(targets, work.parent?.snapshot.tree);
  return { tree, leadingTrees: walk.leadingTrees, rejected: walk.rejected };
}

function presentPaths({ options, counters }: SaveWork, files: Files): ByteString[] {
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
    bytes_read: counters.bytesRead,
  };
}
