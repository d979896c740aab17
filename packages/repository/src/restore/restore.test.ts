import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { backup } from '../archive/backup.ts';
import { createMemoryBackend } from '../backend/memory.ts';
import { CoffreError, isCoffreError } from '../errors.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { createHandles } from '../host/open-handles.ts';
import { createFiles } from '../host/files.ts';
import { codeOf, openNative, systemError } from '../host/native.ts';
import { setXattr } from '../host/xattr.ts';
import { parseId, type BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { compilePatterns } from '../select/patterns.ts';
import { withFaults } from '../testing/faults.ts';
import { createSampleRepository, saveSampleTree, type SampleTree } from '../testing/sample-repository.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import { changeWorld, growWorld, readWorld, writeWorld } from '../testing/seeded-world.ts';
import type { RestoreOptions } from './options.ts';
import type { RestoreEvent } from './report.ts';
import { restore, type RestoreResult } from './restore.ts';
import { excluding, including } from './selection.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-restore-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
let targets = 0;
const newTarget = (): string => join(scratch, `target-${targets++}`);

async function sample(tree: SampleTree): Promise<{ indexed: IndexedRepository; tree: BlobId }> {
  const { repository } = await createSampleRepository();
  const indexed = await repository.loadIndex();
  const writer = indexed.openWriter();
  const root = await saveSampleTree(writer, tree);
  await writer.flush();
  return { indexed: await repository.loadIndex(), tree: root };
}

type Run = RestoreResult & { readonly target: string; readonly events: RestoreEvent[] };

async function run(
  { indexed, tree }: { indexed: IndexedRepository; tree: BlobId },
  target: string,
  options: Partial<RestoreOptions> = {},
): Promise<Run> {
  const events: RestoreEvent[] = [];
  const report = (event: RestoreEvent): void => void events.push(event);
  const result = await restore(indexed, { tree, target: toByteString(target), reportItems: true, report, ...options });
  return { ...result, target, events };
}

const isRoot = process.getuid?.() === 0;
const fails = (code: string) => (error: unknown) => isCoffreError(error) && error.code === code;

/** Tests run as whoever they run: the owner of the sample nodes is nobody in particular. */
const mine = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

test('random folders come back as they were, and once more over a changed copy', async () => {
  for (const seed of [1, 2, 3]) {
    const random = createSeededRandom(seed);
    const world = growWorld(random, { entries: 80, fileBytesMax: 3_000_000 });
    const source = newTarget();
    await writeWorld(world, source);
    const before = await readWorld(source);
    const { repository } = await createSampleRepository();
    const paths = [toByteString(source)];
    const { snapshot } = await backup(await repository.loadIndex(), { paths, workingFolder: '/' as ByteString });
    const saved = { indexed: await repository.loadIndex(), tree: snapshot.tree };
    const subPath = toByteString(source);
    const { target, counters } = await run(saved, newTarget(), { subPath, verify: true });
    assert.deepEqual(await readWorld(target), before, `seed ${seed}`);
    assert.equal(counters.filesRestored, counters.filesTotal);
    await writeWorld(changeWorld(world, random), target);
    await run(saved, target, { subPath, delete: true });
    assert.deepEqual(await readWorld(target), before, `seed ${seed}, over a changed copy`);
  }
});

test('threads write the same as one thread alone', async () => {
  const random = createSeededRandom(9);
  const tree: { [name: string]: SampleTree | SampleTree[string] } = {};
  for (let i = 0; i < 60; i++) {
    const chunks = Array.from({ length: 1 + random.integer(4) }, () => random.bytes(1 + random.integer(200_000)));
    tree[`folder ${i % 7}`] = {
      ...(tree[`folder ${i % 7}`] as SampleTree),
      [`file ${i}`]: { type: 'file', chunks, ...mine },
    };
  }
  const saved = await sample(tree);
  const alone = await run(saved, newTarget(), { threads: 0 });
  const together = await run(saved, newTarget(), { threads: 2 });
  assert.ok(alone.counters.bytesRestored > 8_000_000);
  assert.deepEqual(await readWorld(together.target), await readWorld(alone.target));
  assert.deepEqual(together.counters, alone.counters);
});

test('what is there and right is not fetched again; what differs is mended in place', async () => {
  const chunks = ['one '.repeat(1000), 'two '.repeat(1000), 'three '.repeat(1000)];
  const { repository } = await createSampleRepository();
  const writer = (await repository.loadIndex()).openWriter();
  const root = await saveSampleTree(writer, { file: { type: 'file', chunks, ...mine }, same: 'same' });
  await writer.flush();
  const saved = { indexed: await repository.loadIndex(), tree: root };
  const { target } = await run(saved, newTarget());
  const file = join(target, 'file');
  const right = readFileSync(file);

  const again = await run(saved, target);
  assert.deepEqual(
    [again.counters.filesSkipped, again.counters.bytesSkipped, again.counters.bytesFetched, again.counters.filesTotal],
    [2, right.length + 4, 0, 0],
  );

  const inode = statSync(file).ino;
  writeFileSync(
    file,
    Buffer.concat([right.subarray(0, 4000), Buffer.alloc(10), right.subarray(4010), Buffer.from('tail')]),
  );
  const mended = await run(saved, target);
  assert.ok(readFileSync(file).equals(right));
  assert.equal(statSync(file).ino, inode);
  assert.ok(mended.counters.bytesFetched < 400, 'only the blob in the middle is fetched');
  assert.equal(mended.counters.bytesRestored, right.length);
  assert.ok(
    mended.events.some((event) => event.kind === 'item' && event.action === 'updated' && event.path === '/file'),
  );

  truncateSync(file, 4100);
  await run(saved, target);
  assert.ok(readFileSync(file).equals(right));
});

test('a file that only has a tail too much loses it', async () => {
  const saved = await sample({ file: { type: 'file', chunks: ['content'], ...mine }, empty: '' });
  const { target } = await run(saved, newTarget());
  writeFileSync(join(target, 'file'), 'content and more');
  writeFileSync(join(target, 'empty'), 'not empty');
  await run(saved, target);
  assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'content');
  assert.equal(readFileSync(join(target, 'empty'), 'utf8'), '');
});

test('each way of overwriting keeps or replaces what it says', async () => {
  const saved = await sample({
    older: { type: 'file', chunks: ['snapshot'], ...mine },
    newer: { type: 'file', chunks: ['snapshot'], ...mine },
    sly: { type: 'file', chunks: ['snapshot'], ...mine },
    link: { type: 'symlink', linkTarget: 'snapshot' as ByteString },
  });
  const lay = (target: string): void => {
    mkdirSync(target, { recursive: true });
    for (const name of ['older', 'newer', 'sly']) writeFileSync(join(target, name), 'on disk!');
    utimesSync(join(target, 'older'), 1_600_000_000, 1_600_000_000);
    utimesSync(join(target, 'newer'), 1_800_000_000, 1_800_000_000);
    utimesSync(join(target, 'sly'), 1_700_000_000, 1_700_000_000);
    symlinkSync('on disk', join(target, 'link'));
  };
  const outcome = async (overwrite: RestoreOptions['overwrite']): Promise<string[]> => {
    const target = newTarget();
    lay(target);
    await run(saved, target, overwrite === undefined ? {} : { overwrite });
    const texts = ['older', 'newer', 'sly'].map((name) => readFileSync(join(target, name), 'utf8'));
    return [...texts, readlinkSync(join(target, 'link'))];
  };
  assert.deepEqual(await outcome(undefined), ['snapshot', 'snapshot', 'snapshot', 'snapshot']);
  // Size and time agree, so the content is believed: that is what if-changed means.
  assert.deepEqual(await outcome('if-changed'), ['snapshot', 'snapshot', 'on disk!', 'snapshot']);
  assert.deepEqual(await outcome('if-newer'), ['snapshot', 'on disk!', 'on disk!', 'on disk']);
  assert.deepEqual(await outcome('never'), ['on disk!', 'on disk!', 'on disk!', 'on disk']);
});

test('delete removes what the snapshot does not hold, and nothing that was not selected', async () => {
  const saved = await sample({ keep: 'keep', folder: { inner: 'inner' } });
  const lay = (): string => {
    const target = newTarget();
    mkdirSync(join(target, 'folder/extra/deep'), { recursive: true });
    writeFileSync(join(target, 'folder/extra/deep/file'), '');
    symlinkSync('/', join(target, 'folder/extra/root'));
    writeFileSync(join(target, 'stray'), '');
    return target;
  };
  const whole = await run(saved, lay(), { delete: true });
  assert.deepEqual(readdirSync(whole.target, { recursive: true, encoding: 'utf8' }).toSorted(), [
    'folder',
    'folder/inner',
    'keep',
  ]);
  assert.equal(whole.counters.filesDeleted, 5);
  const selection = including(compilePatterns(['/folder']));
  const part = await run(saved, lay(), { delete: true, selection });
  assert.deepEqual(readdirSync(part.target).sort(), ['folder', 'stray']);
  assert.deepEqual(readdirSync(join(part.target, 'folder')), ['inner']);
  const dry = await run(saved, lay(), { delete: true, dryRun: true });
  assert.equal(dry.counters.filesDeleted, 5);
  assert.ok(existsSync(join(dry.target, 'stray')));
  const kept = await run(saved, lay());
  assert.ok(existsSync(join(kept.target, 'stray')));
});

test('delete below / is refused unless a pattern limits it', async () => {
  const saved = await sample({ file: 'x' });
  for (const target of ['/', '//', '/.', '/../', '/usr/..', '../'.repeat(30)]) {
    await assert.rejects(run(saved, target, { delete: true, dryRun: true }), fails('RESTORE_TARGET_REFUSED'));
  }
});

test('a tree that cannot be read keeps its folder from being emptied', async () => {
  const { repository } = await createSampleRepository();
  const writer = (await repository.loadIndex()).openWriter();
  const broken = (await writer.saveBlob('tree', Buffer.from('{"nodes":[{"name":"..","type":"file"}]}\n'))).id;
  const root = await saveSampleTree(writer, { bad: { type: 'dir', subtree: broken }, good: 'good' });
  await writer.flush();
  const target = newTarget();
  mkdirSync(join(target, 'bad'), { recursive: true });
  writeFileSync(join(target, 'bad/precious'), 'precious');
  await assert.rejects(
    run({ indexed: await repository.loadIndex(), tree: root }, target, { delete: true }),
    fails('RESTORE_INCOMPLETE'),
  );
  assert.equal(readFileSync(join(target, 'bad/precious'), 'utf8'), 'precious');
  assert.equal(readFileSync(join(target, 'good'), 'utf8'), 'good');
});

test('include and exclude patterns choose, and folders on the way keep their metadata', async () => {
  const tree: SampleTree = { a: { b: { 'x.txt': '1', 'y.bin': '2' }, 'x.txt': '3' }, 'x.txt': '4' };
  const saved = await sample(tree);
  const names = ({ target }: Run): string[] => readdirSync(target, { recursive: true, encoding: 'utf8' }).sort();
  const included = await run(saved, newTarget(), {
    selection: including(compilePatterns(['/a/b/*.TXT'], { ignoreCase: true })),
  });
  assert.deepEqual(names(included), ['a', 'a/b', 'a/b/x.txt']);
  assert.equal(lstatSync(join(included.target, 'a/b')).mtimeMs, 1_700_000_000_000);
  assert.equal(included.counters.filesTotal, 1);
  const excluded = await run(saved, newTarget(), { selection: excluding(compilePatterns(['b', '/x.txt'])) });
  assert.deepEqual(names(excluded), ['a', 'a/x.txt']);
});

test('a sub-path comes right into the target, be it a folder or one file', async () => {
  const saved = await sample({ a: { b: { c: 'deep' } }, other: 'x' });
  const folder = await run(saved, newTarget(), { subPath: '/a/b/' as ByteString });
  assert.deepEqual(readdirSync(folder.target), ['c']);
  const file = await run(saved, newTarget(), { subPath: 'a/b/c' as ByteString });
  assert.equal(readFileSync(join(file.target, 'c'), 'utf8'), 'deep');
  for (const path of ['nowhere', 'a/b/c/d', 'a/nowhere']) {
    await assert.rejects(run(saved, newTarget(), { subPath: path as ByteString }), fails('PATH_NOT_IN_SNAPSHOT'));
  }
});

test('a dry run counts the same and leaves no trace', async () => {
  const saved = await sample({ a: { b: 'content', empty: '' }, l: { type: 'symlink', linkTarget: 'a' as ByteString } });
  const target = newTarget();
  const dry = await run(saved, target, { dryRun: true });
  assert.ok(!existsSync(target));
  const real = await run(saved, target);
  const figures = ({ counters }: Run): number[] => [
    counters.filesTotal,
    counters.filesRestored,
    counters.bytesTotal,
    counters.bytesRestored,
  ];
  assert.deepEqual(figures(dry), figures(real));
  const second = await run(saved, target, { dryRun: true });
  assert.equal(second.counters.filesSkipped, 2);
  await assert.rejects(run(saved, target, { dryRun: true, verify: true }), fails('USAGE'));
});

test('runs of zeros become holes when asked, whatever the cuts', async () => {
  const hole = Buffer.alloc(1_000_000);
  const chunks = [Buffer.from('head'), hole, Buffer.from('middle'), hole, hole];
  const saved = await sample({
    file: { type: 'file', chunks, ...mine },
    zeros: { type: 'file', chunks: [hole], ...mine },
  });
  const sparse = await run(saved, newTarget(), { sparse: true });
  const full = await run(saved, newTarget());
  for (const name of ['file', 'zeros']) {
    assert.ok(readFileSync(join(sparse.target, name)).equals(readFileSync(join(full.target, name))), name);
  }
  assert.ok(statSync(join(sparse.target, 'file')).blocks * 512 < 100_000);
  assert.ok(statSync(join(full.target, 'file')).blocks * 512 >= 3_000_000);
  writeFileSync(join(sparse.target, 'zeros'), Buffer.alloc(1_000_000, 1));
  await run(saved, sparse.target, { sparse: true });
  assert.ok(readFileSync(join(sparse.target, 'zeros')).equals(hole));
});

test('names of one file are linked again, and a changed name is cut off its old file', async () => {
  const shared = { type: 'file', chunks: ['shared'], links: 3, inode: 77, deviceId: 5, ...mine } as const;
  const saved = await sample({ a: { one: shared }, b: { two: shared }, three: shared });
  const { target } = await run(saved, newTarget());
  const inode = (name: string): number => statSync(join(target, name)).ino;
  assert.equal(inode('a/one'), inode('b/two'));
  assert.equal(inode('a/one'), inode('three'));
  const outsider = join(scratch, 'outsider');
  rmSync(join(target, 'b/two'));
  writeFileSync(outsider, 'another file');
  linkSync(outsider, join(target, 'b/two'));
  await run(saved, target);
  assert.equal(inode('a/one'), inode('b/two'));
  assert.equal(readFileSync(outsider, 'utf8'), 'another file');
});

test('a file with another name elsewhere is replaced, not written through', async () => {
  const saved = await sample({ file: { type: 'file', chunks: ['snapshot'], ...mine } });
  const target = newTarget();
  mkdirSync(target);
  const outside = join(scratch, 'outside');
  writeFileSync(outside, 'outside!');
  linkSync(outside, join(target, 'file'));
  await run(saved, target);
  assert.equal(readFileSync(outside, 'utf8'), 'outside!');
  assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'snapshot');
});

test('entries of another type give way; a folder that is not empty only with delete', async () => {
  const saved = await sample({
    folder: { inner: 'inner' },
    file: 'file',
    link: { type: 'symlink', linkTarget: 'x' as ByteString },
  });
  const lay = (): string => {
    const target = newTarget();
    mkdirSync(join(target, 'file/full'), { recursive: true });
    mkdirSync(join(target, 'link'));
    symlinkSync(scratch, join(target, 'folder'));
    return target;
  };
  const target = lay();
  await assert.rejects(run(saved, target), fails('RESTORE_INCOMPLETE'));
  assert.ok(existsSync(join(target, 'file/full')));
  assert.equal(readlinkSync(join(target, 'link')), 'x');
  assert.ok(lstatSync(join(target, 'folder')).isDirectory());
  assert.ok(!existsSync(join(scratch, 'inner')), 'the old link is not followed');
  const cleared = await run(saved, lay(), { delete: true });
  assert.equal(readFileSync(join(cleared.target, 'file'), 'utf8'), 'file');
});

test('a damaged blob costs its file and no other; a second copy saves it', async () => {
  const { repository, backend } = await createSampleRepository();
  const unaware = await repository.loadIndex();
  const writer = (await repository.loadIndex()).openWriter();
  const root = await saveSampleTree(writer, {
    bad: { type: 'file', chunks: ['first part, ', 'DAMAGED PART, ', 'last part'], ...mine },
    good: { type: 'file', chunks: ['last part'], ...mine },
  });
  await writer.flush();
  const indexed = await repository.loadIndex();
  const damaged = [...indexed.blobs()].find(({ type, id }) => type === 'data' && indexed.blobSize('data', id) === 14);
  assert.ok(damaged !== undefined);
  const file = { kind: 'data', name: damaged.location.packId } as const;
  const bytes = await backend.load(file);
  bytes[damaged.location.offset + 20]! ^= 1;
  await backend.remove(file);
  await backend.save(file, [bytes]);

  const target = newTarget();
  const events: RestoreEvent[] = [];
  const report = (event: RestoreEvent): void => void events.push(event);
  await assert.rejects(run({ indexed, tree: root }, target, { report }), fails('RESTORE_INCOMPLETE'));
  assert.equal(readFileSync(join(target, 'good'), 'utf8'), 'last part');
  assert.equal(readFileSync(join(target, 'bad')).subarray(0, 12).toString(), 'first part, ');
  assert.equal(readFileSync(join(target, 'bad')).subarray(26).toString(), 'last part');
  assert.ok(Date.now() - statSync(join(target, 'bad')).mtimeMs < 600_000, 'the broken file does not look finished');
  assert.deepEqual(
    events.flatMap((event) => (event.kind === 'error' ? [event.path] : [])),
    ['/bad'],
  );

  const second = unaware.openWriter();
  await second.saveBlob('data', Buffer.from('DAMAGED PART, '));
  await second.flush();
  const saved = await run({ indexed: await repository.loadIndex(), tree: root }, target);
  assert.equal(readFileSync(join(target, 'bad'), 'utf8'), 'first part, DAMAGED PART, last part');
  assert.equal(saved.counters.filesSkipped, 1);
});

test('a pack that is gone costs the files in it, and the restore says so', async () => {
  const { repository, backend } = await createSampleRepository();
  const writer = (await repository.loadIndex()).openWriter();
  const root = await saveSampleTree(writer, { lost: 'lost data', empty: '' });
  await writer.flush();
  const indexed = await repository.loadIndex();
  for (const { type, location } of indexed.blobs()) {
    if (type === 'data') await backend.remove({ kind: 'data', name: location.packId });
  }
  const target = newTarget();
  await assert.rejects(run({ indexed, tree: root }, target), fails('RESTORE_INCOMPLETE'));
  assert.equal(readFileSync(join(target, 'empty'), 'utf8'), '');
});

test('a blob that no index knows costs its file', async () => {
  const saved = await sample({ file: { type: 'file', content: [parseId('00'.repeat(32))] }, other: 'other' });
  const target = newTarget();
  await assert.rejects(run(saved, target), fails('RESTORE_INCOMPLETE'));
  assert.deepEqual(readdirSync(target), ['other']);
});

test('a storage that refuses stops the restore with its own error', async () => {
  let refuses = false;
  const denied = { kind: 'fail', error: new CoffreError('BACKEND_DENIED', 'no') } as const;
  const backend = withFaults(createMemoryBackend(), () => (refuses ? denied : undefined));
  const { repository } = await createSampleRepository({ backend });
  const writer = (await repository.loadIndex()).openWriter();
  const root = await saveSampleTree(writer, { folder: { file: 'x'.repeat(1000) } });
  await writer.flush();
  const indexed = await repository.loadIndex();
  refuses = true;
  await assert.rejects(run({ indexed, tree: root }, newTarget()), fails('BACKEND_DENIED'));
});

test('a full disk stops at once and says what to do', async () => {
  const saved = await sample(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`file ${i}`, `content ${i}`])));
  const handles = createHandles();
  let writes = 0;
  const full = {
    ...handles,
    write: (...args: Parameters<typeof handles.write>) => {
      if (++writes > 3) throw systemError(28, 'write');
      handles.write(...args);
    },
  };
  await assert.rejects(run(saved, newTarget(), { handles: full }), (error) => {
    return isCoffreError(error, 'RESTORE_INCOMPLETE') && /takes no more/.test(error.message);
  });
});

test('an interrupted restore ends with INTERRUPTED and goes on next time', async () => {
  const saved = await sample({ a: { file: 'x' }, b: { file: 'y' } });
  const target = newTarget();
  await assert.rejects(run(saved, target, { signal: AbortSignal.abort() }), fails('INTERRUPTED'));
  await run(saved, target);
  assert.equal(readFileSync(join(target, 'b/file'), 'utf8'), 'y');
});

test('a target that cannot be used is refused', async () => {
  const saved = await sample({ file: 'x' });
  const file = join(scratch, 'a file');
  writeFileSync(file, '');
  await assert.rejects(run(saved, file), fails('RESTORE_TARGET_REFUSED'));
  await assert.rejects(run(saved, join(file, 'below')), fails('RESTORE_TARGET_REFUSED'));
  await assert.rejects(run(saved, ''), fails('RESTORE_TARGET_REFUSED'));
});

test('verify finds a file that did not reach the disk as it was sent', async () => {
  const saved = await sample({ file: { type: 'file', chunks: ['content that arrives damaged'], ...mine } });
  const handles = createHandles();
  const lying = {
    ...handles,
    write: (file: Parameters<typeof handles.write>[0], bytes: Uint8Array, position: number) => {
      const wrong = Buffer.from(bytes);
      wrong[0]! ^= 1;
      handles.write(file, wrong, position);
    },
  };
  await run(saved, newTarget(), { handles: lying });
  await assert.rejects(run(saved, newTarget(), { handles: lying, verify: true }), fails('RESTORE_INCOMPLETE'));
});

test('a restored file is never open to others before its own mode is set', async () => {
  const saved = await sample({ file: { type: 'file', chunks: ['secret'], mode: 0o600, ...mine } });
  const target = newTarget();
  mkdirSync(target);
  writeFileSync(join(target, 'file'), 'public');
  chmodSync(join(target, 'file'), 0o666);
  const handles = createHandles();
  const modes: number[] = [];
  const watching = {
    ...handles,
    write: (...args: Parameters<typeof handles.write>) => {
      modes.push(statSync(join(target, 'file')).mode & 0o777);
      handles.write(...args);
    },
  };
  await run(saved, target, { handles: watching });
  assert.deepEqual(modes, [0o600]);
});

test('extended attributes are chosen by pattern, and those too many are removed', async (t) => {
  const attribute = (name: string) => ({ name, value: Buffer.from(name) });
  const extendedAttributes = [attribute('user.kept'), attribute('user.other')];
  const saved = await sample({ file: { type: 'file', chunks: ['x'], extendedAttributes, ...mine } });
  const files = createFiles();
  const native = openNative();
  const namesAfter = async (options: Partial<RestoreOptions>): Promise<string[]> => {
    const target = newTarget();
    mkdirSync(target);
    const path = toByteString(join(target, 'file'));
    writeFileSync(join(target, 'file'), 'x');
    if (native !== undefined) setXattr(native, path, attribute('user.stray'));
    await run(saved, target, options);
    return files
      .listXattrs(path)
      .map(({ name }) => name)
      .toSorted();
  };
  if (native === undefined) return t.skip('this Node cannot set attributes');
  try {
    assert.deepEqual(await namesAfter({}), ['user.kept', 'user.other']);
  } catch (error) {
    if (codeOf(error) === 'ENOTSUP') return t.skip('the temporary folder has no extended attributes');
    throw error;
  }
  assert.deepEqual(await namesAfter({ xattrs: { include: ['*.kept'] } }), ['user.kept', 'user.stray']);
  assert.deepEqual(await namesAfter({ xattrs: { exclude: ['user.other', 'user.stray'] } }), [
    'user.kept',
    'user.stray',
  ]);
  await assert.rejects(namesAfter({ xattrs: { include: ['a'], exclude: ['b'] } }), fails('USAGE'));
});

test(
  'owners come back by name when asked, and by number where the name is unknown',
  { skip: !isRoot && 'needs root' },
  async () => {
    const saved = await sample({
      known: { type: 'file', chunks: ['x'], uid: 4242, gid: 4243, user: 'root', group: 'root' },
      unknown: { type: 'file', chunks: ['x'], uid: 4242, gid: 4243, user: 'nobody-has-this', group: '' },
    });
    const byName = await run(saved, newTarget(), { ownershipByName: true });
    const byNumber = await run(saved, newTarget());
    const owner = (target: string, name: string): number[] => {
      const { uid, gid } = statSync(join(target, name));
      return [uid, gid];
    };
    assert.deepEqual(owner(byName.target, 'known'), [0, 0]);
    assert.deepEqual(owner(byName.target, 'unknown'), [4242, 4243]);
    assert.deepEqual(owner(byNumber.target, 'known'), [4242, 4243]);
  },
);
