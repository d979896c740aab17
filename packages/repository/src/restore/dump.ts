/** One file, or a folder as an archive, as a stream of bytes. */
import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { unixMode } from '../format/mode.ts';
import type { TreeNode } from '../format/tree.ts';
import { shortId, type BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { ReadAhead } from './read-ahead.ts';
import { childOf } from './target-folders.ts';
import { tarEnd, tarHeader, tarPadding } from './tar.ts';
import { TreeReader } from './tree-reader.ts';
import { findSubPath } from './walk.ts';
import { ZipWriter } from './zip.ts';

export type ArchiveKind = 'tar' | 'zip';

export type DumpOptions = {
  /** The snapshot's root tree. */
  readonly tree: BlobId;
  /** A file or a folder in it; the root is the whole snapshot. */
  readonly path: ByteString;
  /** For folders. */
  readonly archive?: ArchiveKind;
  /** Resolves when it can take more. */
  readonly output: (bytes: Uint8Array) => Promise<void>;
  /** Asked before the first byte of an archive: refuse here to write one to a terminal. */
  readonly beforeArchive?: () => void;
  readonly signal?: AbortSignal;
};

export type DumpResult = { readonly kind: 'file' | 'archive'; readonly entries: number };

/** @throws {CoffreError} PATH_NOT_IN_SNAPSHOT, REPO_BLOB_MISSING, REPO_BLOB_DAMAGED, REPO_TREE_DAMAGED, storage errors */
export async function dump(indexed: IndexedRepository, options: DumpOptions): Promise<DumpResult> {
  const found = await findSubPath({ indexed }, options.tree, options.path);
  await using ahead = new ReadAhead<Entry>(indexed, options.signal);
  if ('entry' in found) {
    if (found.entry.type !== 'file') {
      throw new CoffreError('PATH_NOT_IN_SNAPSHOT', `the path is a ${found.entry.type}, not a file`, {
        hint: 'Name a file for its content or a folder for an archive.',
      });
    }
    await writeFile(ahead, found.entry, options.output);
    return { kind: 'file', entries: 1 };
  }
  options.beforeArchive?.();
  const folder = options.path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .join('/') as ByteString;
  const source = entriesBelow(new TreeReader(indexed), found.tree, folder);
  const write = options.archive === 'zip' ? writeZip : writeTar;
  return { kind: 'archive', entries: await write(indexed, ahead, source, options) };
}

type Entry = { readonly path: ByteString; readonly node: TreeNode };

function contentOf({ node }: Entry): readonly BlobId[] {
  return node.type === 'file' ? (node.content ?? []) : [];
}

async function* entriesBelow(trees: TreeReader, tree: BlobId, folder: ByteString): AsyncGenerator<Entry> {
  const nodes = await trees.load(tree);
  trees.prefetch(nodes.flatMap(({ subtree }) => (subtree === undefined ? [] : [subtree])));
  for (const node of nodes) {
    if (node.type === 'socket' || node.type === 'irregular') continue;
    const path = childOf(folder, node.name);
    yield { path, node };
    if (node.type === 'dir' && node.subtree !== undefined) yield* entriesBelow(trees, node.subtree, path);
  }
}

async function writeFile(ahead: ReadAhead<Entry>, node: TreeNode, output: DumpOptions['output']): Promise<void> {
  ahead.start([{ path: node.name, node }], contentOf);
  for await (const _ of ahead.entries()) {
    for await (const bytes of ahead.content()) await output(bytes);
  }
}

type ArchiveWriter = (
  indexed: IndexedRepository,
  ahead: ReadAhead<Entry>,
  source: AsyncGenerator<Entry>,
  options: DumpOptions,
) => Promise<number>;

const writeTar: ArchiveWriter = async (indexed, ahead, source, { output }) => {
  let entries = 0;
  const firstPaths = new Map<string, ByteString>();
  const linked = new WeakMap<Entry, ByteString>();
  // Further names of a file are links in the archive: their content is not read again.
  ahead.start(source, (entry) => {
    const first = firstPathOf(firstPaths, entry);
    if (first === undefined) return contentOf(entry);
    linked.set(entry, first);
    return [];
  });
  for await (const entry of ahead.entries()) {
    const { path, node } = entry;
    const sizeBytes = contentBytes(indexed, node, path);
    const hardLinkTo = linked.get(entry);
    await output(tarHeader({ path, node, sizeBytes, ...(hardLinkTo === undefined ? {} : { hardLinkTo }) }));
    entries += 1;
    if (hardLinkTo !== undefined) continue;
    for await (const bytes of ahead.content()) await output(bytes);
    await output(tarPadding(sizeBytes));
  }
  await output(tarEnd);
  return entries;
};

function firstPathOf(firstPaths: Map<string, ByteString>, { path, node }: Entry): ByteString | undefined {
  if (node.type !== 'file' || (node.links ?? 0) <= 1 || node.inode === undefined || node.inode === 0) return undefined;
  const key = `${node.deviceId ?? 0} ${node.inode}`;
  const first = firstPaths.get(key);
  if (first === undefined) firstPaths.set(key, path);
  return first;
}

const writeZip: ArchiveWriter = async (indexed, ahead, source, { output }) => {
  let entries = 0;
  const zip = new ZipWriter(output);
  ahead.start(source, contentOf);
  for await (const { path, node } of ahead.entries()) {
    const isFolder = node.type === 'dir';
    const linkTarget = node.type === 'symlink' ? Buffer.from(node.linkTarget ?? '', 'latin1') : undefined;
    const content = linkTarget === undefined ? ahead.content() : only(linkTarget);
    await zip.add(
      {
        name: (isFolder ? `${path}/` : path) as ByteString,
        stMode: unixMode(node.mode ?? 0, node.type),
        modifiedSec: node.mtime.sec,
        sizeBytes: linkTarget?.length ?? contentBytes(indexed, node, path),
        isPacked: node.type === 'file',
      },
      content,
    );
    entries += 1;
  }
  await zip.end();
  return entries;
};

async function* only(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function contentBytes(indexed: IndexedRepository, { content, type }: TreeNode, path: ByteString): number {
  let sizeBytes = 0;
  if (type !== 'file') return 0;
  for (const id of content ?? []) {
    const size = indexed.blobSize('data', id);
    if (size === undefined) {
      throw new CoffreError('REPO_BLOB_MISSING', `data blob ${shortId(id)} of /${path} is not in the index`, {
        hint: 'Run `coffre check`; a copy of the repository may still hold it.',
      });
    }
    sizeBytes += size;
  }
  return sizeBytes;
}
