/** Goes through the snapshot's trees, makes the folders, and hands out files, links and special entries. */
import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { TreeNode } from '../format/tree.ts';
import { codeOf } from '../host/native.ts';
import type { FileStat } from '../host/stat.ts';
import { shortId, type BlobId } from '../ids.ts';
import { locationOf, type RestoreJob, type Target } from './job.ts';
import type { Metadata } from './metadata.ts';
import type { WindowFile } from './window.ts';
import { childOf, nameOf, parentOf } from './target-folders.ts';
import { TreeReader } from './tree-reader.ts';

export type FolderEntry = {
  readonly path: ByteString;
  /** Absent for the target itself, which keeps its own. */
  readonly metadata: Metadata | undefined;
  /** With `delete`: what the snapshot holds here, when the folder was there before us. */
  expected: ReadonlySet<ByteString> | undefined;
};

export type OtherEntry = {
  readonly path: ByteString;
  readonly node: TreeNode;
  readonly mayExist: boolean;
};

export type LinkEntry = {
  readonly path: ByteString;
  /** The file whose second name it is. */
  readonly first: ByteString;
  readonly metadata: Metadata;
  readonly mayExist: boolean;
};

export type WalkResult = {
  /** Children before their parents. */
  readonly folders: FolderEntry[];
  readonly links: LinkEntry[];
  /** Symbolic links, fifos and devices: they come last, when nothing is written by path any more. */
  readonly others: OtherEntry[];
  /** One folder on each further file system below the target. */
  readonly mounts: ByteString[];
};

type OpenFolder = {
  readonly path: ByteString;
  readonly parent: OpenFolder | undefined;
  /** Undefined until something below is to be made. */
  made?: { readonly names: ReadonlySet<ByteString> | undefined };
};

export class RestoreWalk {
  readonly #job: RestoreJob;
  readonly #trees: TreeReader;
  readonly #takeFile: (file: WindowFile) => Promise<void>;
  /** First name of each file that has several. */
  readonly #firstNames = new Map<string, ByteString>();
  readonly #devices = new Set<number | bigint>();
  readonly result: WalkResult = { folders: [], links: [], others: [], mounts: [] };
  #entries = 0;

  constructor(job: RestoreJob, takeFile: (file: WindowFile) => Promise<void>) {
    this.#job = job;
    this.#trees = new TreeReader(job.indexed);
    this.#takeFile = takeFile;
  }

  async run(tree: BlobId): Promise<void> {
    const nodes = await this.#trees.load(tree);
    await this.runNodes(nodes);
  }

  async runNodes(nodes: readonly TreeNode[]): Promise<void> {
    const { target } = this.#job;
    const root: OpenFolder = { path: '' as ByteString, parent: undefined };
    root.made = { names: target === undefined ? undefined : this.#namesIn(target, root.path) };
    const touched = await this.#visitNodes(root, nodes, 1);
    if (touched) this.#leave(root, undefined, nodes);
  }

  /** Resolves to whether anything at or below these nodes was selected. */
  async #visitNodes(folder: OpenFolder, nodes: readonly TreeNode[], depth: number): Promise<boolean> {
    this.#job.throwIfAborted();
    this.#checkBudget(nodes.length, depth);
    const choices = nodes.map((node) =>
      this.#job.selection(locationOf(childOf(folder.path, node.name)), node.type === 'dir'),
    );
    this.#trees.prefetch(
      nodes.flatMap(({ subtree }, i) => (subtree !== undefined && choices[i]?.descend === true ? [subtree] : [])),
    );
    let touched = false;
    let last = '';
    for (const [i, node] of nodes.entries()) {
      const { selected, descend } = choices[i] as (typeof choices)[number];
      const path = childOf(folder.path, node.name);
      if (node.name <= last) {
        this.#job.fail(path, new CoffreError('REPO_TREE_DAMAGED', 'the entries of the folder are out of order'));
        continue;
      }
      last = node.name;
      if (node.type === 'socket') continue;
      if (selected) touched = true;
      if (node.type === 'dir') {
        if (await this.#visitFolder(folder, node, { path, selected, descend, depth })) touched = true;
      } else if (selected) {
        await this.#visitEntry(folder, node, path);
      }
    }
    return touched;
  }

  async #visitFolder(
    parent: OpenFolder,
    node: TreeNode,
    at: { path: ByteString; selected: boolean; descend: boolean; depth: number },
  ): Promise<boolean> {
    const { path, selected, descend, depth } = at;
    const folder: OpenFolder = { path, parent };
    if (selected) {
      this.#job.counters.filesTotal += 1;
      if (!this.#guard(path, () => this.#make(folder))) return true;
    }
    let nodes: TreeNode[] | undefined;
    let touched = false;
    if (descend) {
      nodes = await this.#loadSubtree(node, path);
      if (nodes !== undefined) touched = await this.#visitNodes(folder, nodes, depth + 1);
    }
    if (selected || touched) this.#leave(folder, node, nodes);
    return touched;
  }

  async #loadSubtree(node: TreeNode, path: ByteString): Promise<TreeNode[] | undefined> {
    try {
      if (node.subtree === undefined) throw new CoffreError('REPO_TREE_DAMAGED', 'a folder has no tree');
      return await this.#trees.load(node.subtree);
    } catch (error) {
      if (error instanceof CoffreError && (error.retryable || error.code === 'BACKEND_DENIED')) throw error;
      this.#job.fail(path, error);
      return undefined;
    }
  }

  #leave(folder: OpenFolder, node: TreeNode | undefined, nodes: readonly TreeNode[] | undefined): void {
    if (folder.made === undefined) return;
    const deletes = this.#job.options.delete === true && folder.made?.names !== undefined && nodes !== undefined;
    this.result.folders.push({
      path: folder.path,
      metadata: node === undefined ? undefined : this.#job.metadataOf(node),
      expected: deletes ? new Set(nodes.map(({ name }) => name)) : undefined,
    });
  }

  async #visitEntry(folder: OpenFolder, node: TreeNode, path: ByteString): Promise<void> {
    if (!this.#guard(path, () => this.#make(folder))) return;
    const mayExist = folder.made?.names?.has(node.name) ?? false;
    const { counters, options } = this.#job;
    if (node.type !== 'file') {
      if (options.safe === true && (node.type === 'dev' || node.type === 'chardev')) {
        counters.dropped.devices += 1;
        return;
      }
      counters.filesTotal += 1;
      this.result.others.push({ path, node, mayExist });
      return;
    }
    const first = this.#firstName(node, path);
    if (first !== undefined) {
      counters.filesTotal += 1;
      this.result.links.push({ path, first, metadata: this.#job.metadataOf(node), mayExist });
      return;
    }
    if (node.content === null) {
      this.#job.fail(path, new CoffreError('REPO_TREE_DAMAGED', 'a file has no list of contents'));
      return;
    }
    await this.#takeFile({ path, content: node.content, metadata: this.#job.metadataOf(node), mayExist });
  }

  #firstName(node: TreeNode, path: ByteString): ByteString | undefined {
    if ((node.links ?? 0) <= 1 || node.inode === undefined || node.inode === 0) return undefined;
    const key = `${node.deviceId ?? 0} ${node.inode}`;
    const first = this.#firstNames.get(key);
    if (first === undefined) this.#firstNames.set(key, path);
    return first;
  }

  /** Makes the folder and those above it. */
  #make(folder: OpenFolder): void {
    if (folder.made !== undefined || folder.parent === undefined) return;
    this.#make(folder.parent);
    const { target } = this.#job;
    if (target === undefined) {
      folder.made = { names: undefined };
      return;
    }
    const isNew = this.#job.isDryRun ? !this.#isFolder(target, folder) : this.#makeOnDisk(target, folder);
    folder.made = { names: isNew ? undefined : this.#namesIn(target, folder.path) };
  }

  #isFolder(target: Target, folder: OpenFolder): boolean {
    const parentNames = folder.parent?.made?.names;
    const name = nameOf(folder.path);
    if (parentNames?.has(name) !== true) return false;
    return target.handles.stat(target.folders.open(parentOf(folder.path)), name).type === 'dir';
  }

  /** @returns whether the folder is new. A link to a folder is not a folder. */
  #makeOnDisk(target: Target, folder: OpenFolder): boolean {
    const { handles, folders } = target;
    const name = nameOf(folder.path);
    const parent = folders.open(parentOf(folder.path));
    try {
      handles.makeFolder(parent, name);
      return true;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const found = handles.stat(parent, name);
    if (found.type === 'dir') {
      openUp(target, folder.path, found);
      return false;
    }
    if (this.#job.overwrite === 'never') {
      throw new CoffreError('RESTORE_TARGET_REFUSED', 'something that is no folder lies where a folder belongs', {
        hint: 'Move it away, or allow overwriting.',
      });
    }
    handles.unlink(parent, name);
    handles.makeFolder(parent, name);
    return true;
  }

  #namesIn(target: Target, path: ByteString): Set<ByteString> {
    const handle = target.folders.open(path);
    const { deviceId } = target.handles.statOf(handle);
    if (!this.#devices.has(deviceId)) {
      this.#devices.add(deviceId);
      this.result.mounts.push(path);
    }
    return new Set(target.handles.listNames(handle));
  }

  #guard(path: ByteString, act: () => void): boolean {
    try {
      act();
      return true;
    } catch (error) {
      this.#job.fail(path, error);
      return false;
    }
  }

  #checkBudget(entries: number, depth: number): void {
    const { budget } = this.#job;
    this.#entries += entries;
    if (this.#entries <= budget.entriesMax && depth <= budget.depthMax) return;
    throw new CoffreError('REPO_TREE_DAMAGED', 'the snapshot has more entries or deeper folders than is plausible', {
      hint: 'Restore a part of it with --include, and do not trust where it came from.',
    });
  }
}

/** A folder of our own that we may not write to: until its own mode is set at the end. */
function openUp({ handles, folders }: Target, path: ByteString, { stMode, uid }: FileStat): void {
  if ((stMode & 0o700) === 0o700 || uid === 0 || uid !== process.geteuid?.()) return;
  handles.setMode(folders.open(path), (stMode & 0o7777) | 0o700);
}

/** The tree at a path, or the one entry when it is no folder. @throws {CoffreError} PATH_NOT_IN_SNAPSHOT */
export async function findSubPath(
  job: Pick<RestoreJob, 'indexed'>,
  root: BlobId,
  path: ByteString,
): Promise<{ tree: BlobId } | { entry: TreeNode }> {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  let tree = root;
  for (const [i, name] of names.entries()) {
    const node = (await job.indexed.loadTree(tree)).find((candidate) => candidate.name === name);
    if (node === undefined) {
      throw new CoffreError('PATH_NOT_IN_SNAPSHOT', `${names.slice(0, i + 1).join('/')} is not in the snapshot`, {
        hint: `Look around with \`coffre ls\`; the tree ${shortId(tree)} does not hold it.`,
      });
    }
    if (node.subtree !== undefined) tree = node.subtree;
    else if (i === names.length - 1) return { entry: node };
    else {
      throw new CoffreError('PATH_NOT_IN_SNAPSHOT', `${names.slice(0, i + 1).join('/')} is not a folder`, {
        hint: 'Name a folder or a file that `coffre ls` shows.',
      });
    }
  }
  return { tree };
}
