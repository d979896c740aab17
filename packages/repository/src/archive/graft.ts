/**
 * Files that have no place on the disk are put into a tree: into the one that the walk made, or into none. Only folders
 * above the targets of the walk can take them; those were kept as they were written.
 */
import { CoffreError } from '../errors.ts';
import { toText, type ByteString } from '../format/bytestring.ts';
import { encodeTree, parseTree, type Timestamp, type TreeNode } from '../format/tree.ts';
import type { BlobId } from '../ids.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { loadParentFolder, type ParentFolder } from './parent.ts';
import type { BackupCounters } from './report.ts';
import type { SavedStream } from './stream-source.ts';
import { misplaced } from './stream-source.ts';

export type GraftParts = {
  readonly indexed: IndexedRepository;
  readonly writer: BlobWriter;
  /** Trees of this backup that may take more entries, by id; trees made here are added. */
  readonly open: Map<BlobId, Buffer>;
  readonly time: Timestamp;
  readonly counters: BackupCounters;
};

type Branch = { readonly file: SavedStream } | { readonly folder: Map<ByteString, Branch> };

/** @returns the tree with the files. What the parent has alike keeps its times, so that nothing new is stored of it. */
export async function graft(
  parts: GraftParts,
  base: BlobId | undefined,
  files: readonly SavedStream[],
  parentTree: BlobId | undefined,
): Promise<BlobId> {
  const top = new Map<ByteString, Branch>();
  for (const file of files) {
    const names = file.path.split('/').filter((name) => name !== '') as ByteString[];
    const last = names.pop() as ByteString;
    let folder = top;
    for (const name of names) {
      let branch = folder.get(name);
      if (branch === undefined) folder.set(name, (branch = { folder: new Map<ByteString, Branch>() }));
      if (!('folder' in branch)) throw misplaced(file.path, 'lies inside another stream');
      folder = branch.folder;
    }
    folder.set(last, { file });
  }
  return await graftFolder(parts, base, top, parentTree, '' as ByteString);
}

async function graftFolder(
  parts: GraftParts,
  base: BlobId | undefined,
  branches: ReadonlyMap<ByteString, Branch>,
  parentTree: BlobId | undefined,
  path: ByteString,
): Promise<BlobId> {
  const nodes = new Map(baseNodes(parts, base, path).map((node) => [node.name, node]));
  const parent = await parentFolder(parts, parentTree);
  for (const name of [...branches.keys()].toSorted()) {
    const at = `${path}/${name}` as ByteString;
    const branch = branches.get(name) as Branch;
    const there = nodes.get(name);
    const previous = parent.find(name);
    if ('file' in branch) {
      if (there !== undefined) throw misplaced(at, 'is taken by a file of the disk');
      nodes.set(name, fileNode(parts, name, branch.file, previous));
      continue;
    }
    if (there !== undefined && there.type !== 'dir') throw misplaced(at, 'is taken by a file of the disk');
    const subtree = await graftFolder(parts, there?.subtree, branch.folder, previous?.subtree, at);
    nodes.set(name, there === undefined ? folderNode(parts, name, subtree, previous) : { ...there, subtree });
  }
  const bytes = encodeTree([...nodes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)));
  const { id } = await parts.writer.saveBlob('tree', bytes);
  parts.open.set(id, bytes);
  return id;
}

function baseNodes({ open }: GraftParts, base: BlobId | undefined, path: ByteString): TreeNode[] {
  if (base === undefined) return [];
  const bytes = open.get(base);
  if (bytes !== undefined) return parseTree(bytes);
  throw new CoffreError('USAGE', `streams cannot be saved into ${toText(path)}: that folder is saved from the disk`, {
    hint: 'Give the streams paths that nothing else has.',
  });
}

async function parentFolder({ indexed }: GraftParts, tree: BlobId | undefined): Promise<ParentFolder> {
  return await loadParentFolder(indexed, tree, (error) => {
    indexed.repository.host.warn({ about: 'a tree of the parent snapshot is unreadable', error });
  });
}

function fileNode(parts: GraftParts, name: ByteString, file: SavedStream, previous: TreeNode | undefined): TreeNode {
  const isSame = previous?.type === 'file' && previous.content?.join() === file.content.join();
  parts.counters[previous === undefined ? 'filesNew' : isSame ? 'filesUnmodified' : 'filesChanged'] += 1;
  const node = plainNode(parts, name, 'file', 0o644, isSame ? previous : undefined);
  return { ...node, size: file.sizeBytes, content: file.content };
}

function folderNode(parts: GraftParts, name: ByteString, subtree: BlobId, previous: TreeNode | undefined): TreeNode {
  const before = previous?.type === 'dir' ? previous : undefined;
  const change = before === undefined ? 'dirsNew' : before.subtree === subtree ? 'dirsUnmodified' : 'dirsChanged';
  parts.counters[change] += 1;
  return { ...plainNode(parts, name, 'dir', 0x8000_0000 + 0o755, before), subtree };
}

function plainNode(
  { indexed, time }: GraftParts,
  name: ByteString,
  type: 'file' | 'dir',
  mode: number,
  times: Pick<TreeNode, 'mtime' | 'atime' | 'ctime'> | undefined,
): TreeNode {
  const { uid, gid } = indexed.repository.host.identity;
  const { mtime, atime, ctime } = times ?? { mtime: time, atime: time, ctime: time };
  return { name, type, mode, mtime, atime, ctime, uid, gid, content: null };
}
