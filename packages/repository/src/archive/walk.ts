import { asError, CoffreError, isCoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { encodeNode, type TreeNode } from '../format/tree.ts';
import type { FileStat } from '../host/stat.ts';
import { idToBytes, type BlobId } from '../ids.ts';
import { errorFromWire } from '../workers/pool.ts';
import { figuresPerFile, segmentBytes, type BatchResult, type FileJob } from './archive-tasks.ts';
import { nothingAdded } from './chunk-store.ts';
import { contentSum } from './content-sums.ts';
import { saveJudged, type ContentJudge, type RejectedFile } from './content-judge.ts';
import { folderBehind } from './folder-behind.ts';
import { OpenFolder, type FinishedTree } from './folder.ts';
import { saysTheSame } from './kept-node.ts';
import { describeEntry, mayHaveChanged } from './node.ts';
import { saveLongFile } from './long-file.ts';
import { loadParentFolder, ParentFolder } from './parent.ts';
import { EntryTally } from './tally.ts';
import { absolutePath, joinPath, type TargetNode } from './targets.ts';
import type { WalkParts } from './walk-parts.ts';

/** Small files travel to a thread together, up to either bound. */
const batchFilesMax = 64;
const batchBytesMax = 4 * 1024 * 1024;
/** Long files under way at once: the next one fills the threads while the last one ends. */
const longFilesMax = 2;
/** The walk lets other work of this thread happen (packs to store, a lock to refresh) this often. */
const yieldEveryMs = 20;

type Entry = {
  readonly folder: OpenFolder;
  readonly path: ByteString;
  /** The same path seen from the root, for the selection. */
  readonly absolute: ByteString;
  readonly name: ByteString;
  readonly snapshotPath: ByteString;
  readonly previous: TreeNode | undefined;
  /** Where `previous` was found. */
  readonly parent: ParentFolder;
};
type QueuedFile = Entry & { readonly slot: number; readonly sizeBytes: number; readonly startedMs: number };

/** Walks the sources, hands files that have to be read to the crew, and closes trees from the leaves up. */
export class SourceWalk {
  readonly #parts: WalkParts;
  readonly #tally: EntryTally;
  #batch: QueuedFile[] = [];
  #batchBytes = 0;
  readonly #tasks = new Set<Promise<void>>();
  #longFiles = 0;
  readonly #longFileEnded: (() => void)[] = [];
  #failure: Error | undefined;
  #yieldedMs: number;
  /** Folders above the targets as they were written, by id: what has no place on the disk is put there afterwards. */
  readonly leadingTrees = new Map<BlobId, Buffer>();
  readonly rejected: RejectedFile[] = [];

  constructor(parts: WalkParts) {
    this.#parts = parts;
    this.#tally = new EntryTally(parts);
    this.#yieldedMs = parts.host.clock.monotonicMs();
  }

  /** @returns the root tree, when everything below it is in the writer's hands */
  async save(targets: TargetNode, parentTree: BlobId | undefined): Promise<BlobId> {
    const root = Promise.withResolvers<BlobId>();
    root.promise.catch(() => undefined);
    const parent = await this.#parentFolder(parentTree);
    await this.#leading(targets, '/' as ByteString, parent, (tree) => root.resolve(tree.id));
    await this.#sendBatch();
    while (this.#tasks.size > 0) await Promise.race(this.#tasks);
    this.#failIfBroken();
    return await root.promise;
  }

  async #parentFolder(tree: BlobId | undefined): Promise<ParentFolder> {
    return await loadParentFolder(this.#parts.indexed, tree, (error) => {
      this.#parts.host.warn({ about: 'a tree of the parent snapshot is unreadable; its files are read again', error });
    });
  }

  /** A folder above the targets: only its metadata and the way down are saved. */
  async #leading(
    node: TargetNode,
    snapshotPath: ByteString,
    parent: ParentFolder,
    done: (tree: FinishedTree, bytes: Buffer) => void,
  ): Promise<void> {
    const folder = new OpenFolder((complete) =>
      this.#finish(complete, parent, (tree, bytes) => {
        this.leadingTrees.set(tree.id, bytes);
        done(tree, bytes);
      }),
    );
    for (const name of [...node.children.keys()].toSorted()) {
      const child = node.children.get(name) as TargetNode;
      const previous = parent.find(name);
      const at = joinPath(snapshotPath, name);
      if (child.path !== undefined) {
        const absolute = absolutePath(child.path, this.#parts.workingFolder);
        const { path, isNamed } = child;
        await this.#entry({ folder, path, absolute, name, snapshotPath: at, previous, parent }, isNamed);
        continue;
      }
      const { files } = this.#parts.host;
      const path = this.#tryOn(at, () => folderBehind(files, child.metadataPath as ByteString));
      const stat = path && this.#tryOn(at, () => files.lstat(path));
      if (path === undefined || stat === undefined) continue;
      const described = describeEntry(files, path, name, stat, this.#parts.node);
      const slot = folder.reserve();
      const below = await this.#parentFolder(previous?.subtree);
      await this.#leading(child, at, below, this.#closeFolder(folder, slot, described, previous, at));
    }
    folder.close();
  }

  /** @returns a promise only where there is something to wait for: most entries are done at once */
  #entry(entry: Entry, isNamed = false): Promise<void> | undefined {
    const { files } = this.#parts.host;
    // What was named by itself is saved, whatever the exclude rules say: so does restic 0.19.
    if (!isNamed && !this.#parts.selection.byName(entry.absolute)) return undefined;
    const stat = this.#tryOn(entry.snapshotPath, () => files.lstat(entry.path));
    if (stat === undefined || (!isNamed && !this.#parts.selection.byStat(entry.absolute, stat))) return undefined;
    switch (stat.type) {
      case 'file':
        return this.#file(entry, stat);
      case 'dir':
        return this.#folder(entry, stat);
      case 'socket':
        return undefined;
      case 'symlink':
      case 'dev':
      case 'chardev':
      case 'fifo':
      case 'irregular': {
        const node = this.#tryOn(entry.snapshotPath, () =>
          describeEntry(files, entry.path, entry.name, stat, this.#parts.node),
        );
        if (node !== undefined) entry.folder.push(encodeNode(node));
        return undefined;
      }
      default:
        return stat.type satisfies never;
    }
  }

  async #folder(entry: Entry, stat: FileStat): Promise<void> {
    await this.#breathe();
    const { files } = this.#parts.host;
    const names = this.#tryOn(entry.snapshotPath, () => files.listNames(entry.path).sort());
    if (names === undefined) return;
    const described = this.#tryOn(entry.snapshotPath, () =>
      describeEntry(files, entry.path, entry.name, stat, this.#parts.node),
    );
    if (described === undefined) return;
    const slot = entry.folder.reserve();
    const previous = entry.previous?.type === 'dir' ? entry.previous : undefined;
    const parent = await this.#parentFolder(previous?.subtree);
    const done = this.#closeFolder(entry.folder, slot, described, previous, entry.snapshotPath);
    const folder = new OpenFolder((complete) => this.#finish(complete, parent, done));
    for (const name of names) {
      const path = joinPath(entry.path, name);
      // Mostly one and the same path.
      const absolute = entry.absolute === entry.path ? path : joinPath(entry.absolute, name);
      const snapshotPath = entry.snapshotPath === entry.absolute ? absolute : joinPath(entry.snapshotPath, name);
      const previous = parent.find(name);
      const wait = this.#entry({ folder, path, absolute, name, snapshotPath, previous, parent });
      if (wait !== undefined) await wait;
    }
    folder.close();
  }

  #closeFolder(
    folder: OpenFolder,
    slot: number,
    described: TreeNode,
    previous: TreeNode | undefined,
    snapshotPath: ByteString,
  ): (tree: FinishedTree, bytes: Buffer) => void {
    const startedMs = this.#parts.host.clock.monotonicMs();
    return (tree, { byteLength: bytes }) => {
      const text = encodeNode({ ...described, subtree: tree.id });
      folder.fill(slot, text);
      const added = tree.isNew ? { blobs: 1, bytes, packedBytes: tree.packedBytes } : nothingAdded();
      this.#tally.folder({ snapshotPath, previous }, text, added, startedMs);
    };
  }

  #finish(folder: OpenFolder, parent: ParentFolder, done: (tree: FinishedTree, bytes: Buffer) => void): void {
    const bytes = folder.encode();
    const id = parent.idIfEqual(bytes);
    if (id !== undefined) return done({ id, isNew: false, packedBytes: 0 }, bytes);
    this.#track(async () => done(await this.#parts.writer.saveBlob('tree', bytes), bytes));
  }

  #file(entry: Entry, stat: FileStat): Promise<void> | undefined {
    const { judge } = this.#parts;
    if (judge?.judges(entry.absolute) === true) return this.#judged(entry, judge);
    const known = this.#knownContent(entry, stat);
    if (known !== undefined) {
      this.#keep(entry, stat, known);
      return undefined;
    }
    const slot = entry.folder.reserve();
    const startedMs = this.#parts.host.clock.monotonicMs();
    const queued: QueuedFile = { ...entry, slot, sizeBytes: stat.sizeBytes, startedMs };
    if (stat.sizeBytes > segmentBytes) return this.#longFile(queued);
    this.#batch.push(queued);
    this.#batchBytes += stat.sizeBytes;
    const isFull = this.#batch.length >= batchFilesMax || this.#batchBytes >= batchBytesMax;
    return isFull ? this.#sendBatch() : undefined;
  }

  /** One after the other: they are few, and each is in memory whole. */
  async #judged(entry: Entry, judge: ContentJudge): Promise<void> {
    await this.#breathe();
    const { host } = this.#parts;
    const startedMs = host.clock.monotonicMs();
    const slot = entry.folder.reserve();
    const { previous } = entry;
    const lastGood = previous?.type === 'file' && this.#allStored(previous.content ?? []) ? previous : undefined;
    try {
      const file = await saveJudged({ ...this.#parts, files: host.files }, judge, entry, lastGood);
      entry.folder.fill(slot, file.text);
      if (file.rejected !== undefined) this.rejected.push(file.rejected);
      else this.#tally.file(entry, file.text, file.sizeBytes, file.added, startedMs);
    } catch (error) {
      if (isCoffreError(error)) throw error;
      this.#tally.failed(entry.snapshotPath, error);
      entry.folder.fill(slot, undefined);
    }
  }

  /** Content that need not be read again: unchanged since the parent, or read before an interruption. */
  #knownContent(entry: Entry, stat: FileStat): readonly BlobId[] | undefined {
    const { previous } = entry;
    if (!mayHaveChanged(stat, previous, this.#parts.change) && previous?.content) {
      // A blob that the index lost is read again: the repository heals itself.
      if (this.#allStored(previous.content)) return previous.content;
    }
    const resumed = this.#parts.journal?.find(entry.path, stat);
    if (resumed === undefined || !this.#allStored(resumed.content)) return undefined;
    if (resumed.sha256 !== undefined) this.#parts.sums?.add(contentSum(resumed.content, resumed.sha256));
    return resumed.content;
  }

  #allStored(content: readonly BlobId[]): boolean {
    const { table } = this.#parts.indexed;
    return content.every((id) => table.has('data', idToBytes(id)));
  }

  #keep(entry: Entry, stat: FileStat, content: readonly BlobId[]): void {
    const { host, node: options, keepsNodes } = this.#parts;
    const startedMs = host.clock.monotonicMs();
    const { previous } = entry;
    if (keepsNodes && previous?.content === content && saysTheSame(previous, stat, host.files, options.withAtime)) {
      const text = entry.parent.textOf(previous);
      if (text !== undefined) {
        entry.folder.push(text);
        return this.#tally.file(entry, undefined, stat.sizeBytes, nothingAdded(), startedMs);
      }
    }
    const node = this.#tryOn(entry.snapshotPath, () =>
      describeEntry(host.files, entry.path, entry.name, stat, options),
    );
    if (node === undefined) return;
    node.content = content;
    const text = encodeNode(node);
    entry.folder.push(text);
    this.#tally.file(entry, text, stat.sizeBytes, nothingAdded(), startedMs);
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#batch;
    if (batch.length === 0) return;
    const sizeBytes = this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#failIfBroken();
    const { crew, node, profile, counters } = this.#parts;
    const files: FileJob[] = batch.map(({ path, name }) => ({ path, name }));
    for (const file of batch) counters.current.add(file.snapshotPath);
    const { result } = await crew.saveFiles({
      files,
      sizeBytes,
      node,
      profile,
      journal: this.#parts.journal !== undefined,
      sums: this.#parts.sums !== undefined,
    });
    this.#track(async () => this.#batchSaved(batch, await result));
  }

  #batchSaved(batch: readonly QueuedFile[], { nodes, journal, figures, sums, failures }: BatchResult): void {
    for (const sum of sums) this.#parts.sums?.add(sum);
    const texts = nodes.split('\n');
    const failed = new Map(failures.map(({ file, error }) => [file, error]));
    for (const [i, file] of batch.entries()) {
      this.#parts.counters.current.delete(file.snapshotPath);
      const error = failed.get(i);
      if (error !== undefined) {
        this.#tally.failed(file.snapshotPath, errorFromWire(error));
        file.folder.fill(file.slot, undefined);
        continue;
      }
      const at = i * figuresPerFile;
      const [sizeBytes = 0, blobs = 0, bytes = 0, packedBytes = 0, changed = 0] = figures.subarray(
        at,
        at + figuresPerFile,
      );
      const text = texts[i] as string;
      file.folder.fill(file.slot, text);
      this.#parts.counters.bytesRead += sizeBytes;
      if (changed === 1) this.#tally.changedWhileRead(file.snapshotPath);
      this.#tally.file(file, text, sizeBytes, { blobs, bytes, packedBytes }, file.startedMs);
    }
    this.#parts.journal?.savedLines(journal.split('\n'));
  }

  async #longFile(file: QueuedFile): Promise<void> {
    await this.#sendBatch();
    while (this.#longFiles >= longFilesMax) {
      await new Promise<void>((resolve) => this.#longFileEnded.push(resolve));
    }
    this.#failIfBroken();
    const { files } = this.#parts.host;
    const fd = this.#tryOn(file.snapshotPath, () => files.open(file.path, { noAtime: true, noFollow: true }));
    if (fd === undefined) return file.folder.fill(file.slot, undefined);
    this.#longFiles += 1;
    this.#track(async () => {
      try {
        file.folder.fill(file.slot, await this.#saveLong(file, fd));
      } finally {
        files.close(fd);
        this.#longFiles -= 1;
        this.#longFileEnded.shift()?.();
      }
    });
    await this.#breathe();
  }

  async #saveLong(file: QueuedFile, fd: number): Promise<string | undefined> {
    const { counters } = this.#parts;
    counters.current.add(file.snapshotPath);
    try {
      const { text, sizeBytes, added, changedWhileRead } = await saveLongFile(this.#parts, file, fd);
      if (changedWhileRead) this.#tally.changedWhileRead(file.snapshotPath);
      counters.bytesDone -= sizeBytes;
      this.#tally.file(file, text, sizeBytes, added, file.startedMs);
      return text;
    } catch (error) {
      if (isCoffreError(error)) throw error;
      this.#tally.failed(file.snapshotPath, error);
      return undefined;
    } finally {
      counters.current.delete(file.snapshotPath);
    }
  }

  /** Source errors are reported and the entry left out; everything else goes on. */
  #tryOn<T>(path: ByteString, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      this.#tally.failed(path, error);
      return undefined;
    }
  }

  #track(work: () => Promise<void>): void {
    const task: Promise<void> = work()
      .catch((error: unknown) => {
        this.#failure ??= asError(error);
      })
      .finally(() => {
        this.#tasks.delete(task);
      });
    this.#tasks.add(task);
  }

  async #breathe(): Promise<void> {
    this.#failIfBroken();
    const now = this.#parts.host.clock.monotonicMs();
    if (now - this.#yieldedMs < yieldEveryMs) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#yieldedMs = this.#parts.host.clock.monotonicMs();
  }

  #failIfBroken(): void {
    const { signal } = this.#parts;
    if (signal?.aborted === true) {
      const reason: unknown = signal.reason;
      throw isCoffreError(reason)
        ? reason
        : new CoffreError('INTERRUPTED', 'the backup was stopped', { cause: reason });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}
