import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryBackend, type MemoryBackend } from '../backend/memory.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { isCoffreError } from '../errors.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { encodeTree, type TreeNode } from '../format/tree.ts';
import type { BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { openRepository } from '../repository.ts';
import { compilePatterns } from '../select/patterns.ts';
import {
  addSampleSnapshot,
  createSampleHost,
  createSampleRepository,
  samplePassword,
  type SampleTree,
} from '../testing/sample-repository.ts';
import { diffTrees } from './diff.ts';
import { findObjects } from './find-objects.ts';
import { findSnapshot, findSnapshots } from './find-snapshot.ts';
import { findFiles, type FindOptions } from './find.ts';
import { listTree, sortEntries, type ListedEntry, type ListOptions } from './ls.ts';
import { newestFirst } from './select.ts';
import { measure, type StatsMode } from './stats.ts';
import { findFolder, walkTree } from './walk.ts';

const first: SampleTree = {
  'a.txt': 'alpha',
  docs: { 'b.md': 'beta', deep: { 'c.md': 'gamma' } },
  link: { type: 'symlink', linkTarget: toByteString('a.txt') },
};
const second: SampleTree = {
  'a.txt': 'alpha, changed',
  docs: { 'b.md': 'beta', deep: { 'c.md': 'gamma', 'd.md': 'beta' } },
  link: 'a file now',
  more: { x: 'new' },
};

async function sample(...trees: SampleTree[]) {
  const world = await createSampleRepository();
  const writing = await world.repository.loadIndex();
  for (const [index, tree] of trees.entries()) {
    await addSampleSnapshot(writing, tree, { time: `2026-01-0${index + 1}T00:00:00Z` });
  }
  const indexed = await world.repository.loadIndex();
  const snapshots = newestFirst(await world.repository.listSnapshots()).toReversed();
  return { ...world, indexed, snapshots, roots: snapshots.map(({ snapshot }) => snapshot.tree) };
}

async function listed(indexed: IndexedRepository, root: BlobId, options: ListOptions = {}): Promise<string[]> {
  const seen: string[] = [];
  await listTree(indexed, root, options, (event) => {
    if (event.kind === 'leave') seen.push(`< ${event.path}`);
    else seen.push(event.isLeading ? `(${event.path})` : event.path);
  });
  return seen;
}

test('a listing goes depth first in order of name, and says where a folder ends', async () => {
  const { indexed, roots } = await sample(first);
  assert.deepEqual(await listed(indexed, roots[0]!), [
    '/a.txt',
    '/docs',
    '/docs/b.md',
    '/docs/deep',
    '/docs/deep/c.md',
    '< /docs/deep',
    '< /docs',
    '/link',
  ]);
});

test('a listing of folders stops below them unless it is recursive', async () => {
  const { indexed, roots } = await sample(first);
  const folders = [toByteString('/docs')];
  assert.deepEqual(await listed(indexed, roots[0]!, { folders }), [
    '/docs',
    '/docs/b.md',
    '/docs/deep',
    '< /docs/deep',
    '< /docs',
  ]);
  const deep = await listed(indexed, roots[0]!, { folders: [toByteString('/docs/deep/')], recursive: true });
  assert.deepEqual(deep, ['(/docs)', '/docs/deep', '/docs/deep/c.md', '< /docs/deep', '< /docs']);
});

test('entries are sorted by size, time or extension, then by path', () => {
  const times = { atime: { sec: 0, nsec: 0 }, ctime: { sec: 0, nsec: 0 } };
  const entry = (path: string, size: number, sec: number): ListedEntry => {
    const common = { type: 'file', uid: 0, gid: 0, content: [], ...times } as const;
    return { path: toByteString(path), node: { name: toByteString(path), size, mtime: { sec, nsec: 0 }, ...common } };
  };
  const entries = [entry('/b.txt', 3, 1), entry('/a.md', 3, 2), entry('/c', 1, 3), entry('/.rc', 2, 0)];
  const paths = (sorted: ListedEntry[]): string => sorted.map(({ path }) => path).join(' ');
  assert.equal(paths(sortEntries(entries, 'size', false)), '/c /.rc /a.md /b.txt');
  assert.equal(paths(sortEntries(entries, 'mtime', true)), '/c /a.md /b.txt /.rc');
  assert.equal(paths(sortEntries(entries, 'extension', false)), '/c /a.md /.rc /b.txt');
  assert.equal(paths(sortEntries(entries, 'name', true)), '/.rc /c /a.md /b.txt');
});

test('a folder inside a snapshot is found by its path, and what is not one is refused', async () => {
  const { indexed, roots } = await sample(first);
  const deep = await findFolder(indexed, roots[0]!, toByteString('docs//deep/'));
  assert.deepEqual(await listed(indexed, deep), ['/c.md']);
  assert.equal(await findFolder(indexed, roots[0]!, toByteString('')), roots[0]);
  for (const path of ['/nowhere', '/a.txt', '/docs/b.md/x']) {
    const call = findFolder(indexed, roots[0]!, toByteString(path));
    await assert.rejects(call, (error) => isCoffreError(error, 'PATH_NOT_IN_SNAPSHOT'), path);
  }
});

test('files are found in every snapshot, and trees that snapshots share are read once', async () => {
  const { indexed, snapshots } = await sample(first, second, second);
  const loaded: BlobId[] = [];
  const trees = {
    loadTree: (id: BlobId) => {
      loaded.push(id);
      return indexed.loadTree(id);
    },
  };
  const found = async (options: FindOptions): Promise<string[]> => {
    const hits: string[] = [];
    await findFiles(trees, snapshots, options, (event) => {
      if (event.kind === 'match') hits.push(`${snapshots.indexOf(event.snapshot)} ${event.path}`);
    });
    return hits;
  };
  assert.deepEqual(await found({ patterns: compilePatterns(['deep/*.md']) }), [
    '0 /docs/deep/c.md',
    '1 /docs/deep/c.md',
    '1 /docs/deep/d.md',
    '2 /docs/deep/c.md',
    '2 /docs/deep/d.md',
  ]);
  assert.equal(new Set(loaded).size, loaded.length);
  assert.deepEqual(await found({ patterns: compilePatterns(['*']), sizeBytesMin: 6 }), [
    '1 /a.txt',
    '1 /link',
    '2 /a.txt',
    '2 /link',
  ]);
  const early = { sec: 0, nsec: 0 };
  assert.deepEqual(await found({ patterns: compilePatterns(['*']), newest: early }), []);
  assert.equal((await found({ patterns: compilePatterns(['*']), oldest: early })).length, 6 + 9 + 9);
});

test('blobs and trees are found by id or its beginning; too short a beginning is refused', async () => {
  const { indexed, snapshots, roots } = await sample(first, second);
  const beta = (await indexed.loadTree(await findFolder(indexed, roots[0]!, toByteString('docs'))))[0]!.content![0]!;
  const paths: string[] = [];
  await findObjects(indexed, snapshots, { blobs: [beta.slice(0, 12)] }, (event) => {
    if (event.kind === 'object') paths.push(`${snapshots.indexOf(event.snapshot)} ${event.path}`);
  });
  assert.deepEqual(paths, ['0 /docs/b.md', '1 /docs/b.md', '1 /docs/deep/d.md']);
  for (const wanted of [{ blobs: ['ab'] }, { trees: ['xyz1'] }]) {
    const call = findObjects(indexed, snapshots, wanted, () => undefined);
    await assert.rejects(call, (error) => isCoffreError(error, 'ID_MALFORMED'));
  }
  const lost = findObjects(indexed, snapshots, { packs: ['0'.repeat(64)] }, () => undefined);
  await assert.rejects(lost, (error) => isCoffreError(error, 'REPO_FILE_MISSING'));
});

test('a difference names what was added, removed, modified or changed its type, and counts blobs once', async () => {
  const { indexed, roots } = await sample(first, second);
  const [before, after] = roots as [BlobId, BlobId];
  const changes: string[] = [];
  const statistics = await diffTrees(indexed, [before, after], {}, (event) => {
    assert.equal(event.kind, 'change');
    if (event.kind === 'change') changes.push(`${event.modifier} ${event.path}`);
  });
  assert.deepEqual(changes, ['M /a.txt', '+ /docs/deep/d.md', 'T /link', '+ /more/', '+ /more/x']);
  const { changedFiles, added, removed } = statistics;
  assert.deepEqual({ changedFiles, files: added.files, dirs: added.dirs }, { changedFiles: 1, files: 2, dirs: 1 });
  // The text of d.md is that of b.md, so it is no new blob; the trees are the root, docs, deep and more.
  assert.deepEqual([added.dataBlobs, added.treeBlobs], [3, 4]);
  assert.deepEqual([removed.dataBlobs, removed.treeBlobs], [1, 3]);
});

test('content that changed while no metadata did is called bit rot', async () => {
  const file = (text: string): SampleTree => ({ f: { type: 'file', chunks: [text] } });
  const { indexed, roots } = await sample(file('good'), file('baad'));
  const changes: string[] = [];
  await diffTrees(indexed, [roots[0]!, roots[1]!], {}, (event) => {
    if (event.kind === 'change') changes.push(event.modifier);
  });
  assert.deepEqual(changes, ['M?']);
});

test('sizes are counted in four ways', async () => {
  const hard = { type: 'file', chunks: ['hard link'], links: 2, inode: 77, deviceId: 1 } as const;
  const tree: SampleTree = { a: 'same', b: 'same', c: hard, d: hard, e: {} };
  const { indexed, snapshots } = await sample(tree, tree);
  const of = async (mode: StatsMode) => measure(indexed, snapshots, { mode });
  const restored = await of('restore-size');
  assert.deepEqual([restored.totalBytes, restored.totalFileCount, restored.snapshotsCount], [2 * (4 + 4 + 9), 10, 2]);
  const unique = await of('files-by-contents');
  assert.deepEqual([unique.totalBytes, unique.totalFileCount], [4 + 9, 3]);
  const perFile = await of('blobs-per-file');
  assert.deepEqual([perFile.totalBytes, perFile.totalBlobCount], [4 + 9, 2]);
  const raw = await of('raw-data');
  assert.equal(raw.totalBlobCount, 4);
});

test('folders nested without end are refused, not followed', async () => {
  const { indexed } = await sample();
  const writer = indexed.openWriter();
  const time = { sec: 0, nsec: 0 };
  let { id } = await writer.saveBlob('tree', encodeTree([]));
  for (let depth = 0; depth < 5100; depth += 1) {
    const node: TreeNode = {
      name: 'd' as ByteString,
      type: 'dir',
      mtime: time,
      atime: time,
      ctime: time,
      uid: 0,
      gid: 0,
      content: null,
      subtree: id,
    };
    ({ id } = await writer.saveBlob('tree', encodeTree([node])));
  }
  await writer.flush();
  const walk = walkTree(indexed, id, { entry: () => true });
  await assert.rejects(walk, (error) => isCoffreError(error, 'REPO_TREE_DAMAGED'));
});

test('snapshots are found by id, beginning, latest and filter; what cannot be found does not hide the rest', async () => {
  const { repository, snapshots, backend } = await sample(first, second);
  const [older, newer] = snapshots;
  assert.deepEqual(await findSnapshot(repository, 'latest'), newer);
  assert.deepEqual(await findSnapshot(repository, 'latest~1:docs'), { ...older, folder: 'docs' });
  assert.deepEqual(await findSnapshot(repository, older!.id), older);
  const some = await findSnapshots(repository, [older!.id.slice(0, 10), 'ffff', 'latest:x', 'latest', newer!.id], {
    hosts: ['sample'],
  });
  assert.deepEqual(some.found, [older, newer]);
  assert.deepEqual(
    some.problems.map(({ name }) => name),
    ['ffff', 'latest:x'],
  );
  assert.equal(some.filterUnused, false);
  assert.equal((await findSnapshots(repository, [older!.id], { hosts: ['sample'] })).filterUnused, true);
  assert.deepEqual((await findSnapshots(repository, [], { hosts: ['nobody'] })).found, []);
  backend.files.delete(`snapshots/${older!.id}`);
  await assert.rejects(findSnapshot(repository, older!.id), (error) => isCoffreError(error, 'SNAPSHOT_NOT_FOUND'));
});

/** One file of every kind that a writer with rights to add may leave. */
function garbages(): Buffer[] {
  return [Buffer.alloc(0), Buffer.from('{'), Buffer.from('{"version":2}'), Buffer.alloc(500, 0), Buffer.alloc(33, 200)];
}

test('garbage in keys, index, snapshots or locks stops no reading, and is named in a warning', async () => {
  const { backend, snapshots } = await sample(first, second);
  for (const kind of ['keys', 'index', 'snapshots', 'locks']) {
    for (const garbage of garbages()) {
      const poisoned: MemoryBackend = createMemoryBackend({ files: backend.files });
      poisoned.files.set(`${kind}/${sha256Hex(garbage)}`, garbage);
      const host = createSampleHost();
      const repository = await openRepository({ backend: poisoned, host, password: samplePassword });
      const found = await findSnapshot(repository, 'latest');
      assert.deepEqual(found, snapshots[1]);
      const indexed = await repository.loadIndex();
      assert.equal((await listed(indexed, found.snapshot.tree)).length, 12, kind);
      if (kind === 'index' || kind === 'snapshots') assert.equal(host.warnings.length, 1, kind);
    }
  }
});

test('a file under a name that is not its hash is not believed', async () => {
  const { backend, repository, snapshots } = await sample(first, second);
  const [older, newer] = snapshots.map(({ id }) => backend.files.get(`snapshots/${id}`)!);
  const swapped = createMemoryBackend({ files: backend.files });
  swapped.files.set(`snapshots/${snapshots[0]!.id}`, newer!);
  swapped.files.set(`snapshots/${'ab'.repeat(32)}`, older!);
  const host = createSampleHost();
  const again = await openRepository({ backend: swapped, host, password: samplePassword });
  assert.deepEqual(await again.listSnapshots(), [snapshots[1]]);
  assert.equal(host.warnings.length, 2);
  await assert.rejects(again.loadSnapshot(snapshots[0]!.id), (error) => isCoffreError(error, 'REPO_FILE_DAMAGED'));
  assert.equal(repository.config.id, again.config.id);
});
