import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createMemoryBackend } from '../backend/memory.ts';
import { databaseProfile, pagesProfile } from '../chunker/profile.ts';
import { isCoffreError } from '../errors.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import type { TreeNode } from '../format/tree.ts';
import { createFiles } from '../host/files.ts';
import type { BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { openRepository } from '../repository.ts';
import { atEachCall, isWrite, withFaults } from '../testing/faults.ts';
import { withFileFaults } from '../testing/file-faults.ts';
import { createSampleRepository, samplePassword } from '../testing/sample-repository.ts';
import { compilePatterns } from '../select/patterns.ts';
import { backup, type BackupOptions } from './backup.ts';
import { createSelection } from './selection.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-backup-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
function makeSource(files: Record<string, string | Buffer>): ByteString {
  const path = join(scratch, `source-${folders++}`);
  mkdirSync(path);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return toByteString(path);
}

function optionsFor(path: ByteString, more: Partial<BackupOptions> = {}): BackupOptions {
  return { paths: [path], workingFolder: '/' as ByteString, ...more };
}

/** Path -> content of every file and link in a tree. */
async function readAll(indexed: IndexedRepository, tree: BlobId, prefix = ''): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const node of await indexed.loadTree(tree)) {
    const path = `${prefix}/${node.name}`;
    if (node.subtree !== undefined) for (const [k, v] of await readAll(indexed, node.subtree, path)) all.set(k, v);
    if (node.type === 'file') all.set(path, await readFile(indexed, node));
    if (node.type === 'symlink') all.set(path, `-> ${node.linkTarget}`);
  }
  return all;
}

async function readFile(indexed: IndexedRepository, node: TreeNode): Promise<string> {
  const parts = await Promise.all((node.content ?? []).map(async (id) => await indexed.loadBlob('data', id)));
  return Buffer.concat(parts).toString('latin1');
}

test('what was saved is read back byte for byte, with links and empty files', async () => {
  const { repository } = await createSampleRepository();
  const big = randomBytes(3_000_000);
  const source = makeSource({ 'a.txt': 'hello', empty: '', 'deep/er/big.bin': big });
  symlinkSync('a.txt', join(source, 'link'));
  const { snapshot, summary } = await backup(await repository.loadIndex(), optionsFor(source));
  const files = await readAll(await repository.loadIndex(), snapshot.tree);
  assert.equal(files.get(`${source}/a.txt`), 'hello');
  assert.equal(files.get(`${source}/empty`), '');
  assert.equal(files.get(`${source}/link`), '-> a.txt');
  assert.equal(files.get(`${source}/deep/er/big.bin`), big.toString('latin1'));
  assert.equal(summary.files_new, 3);
  assert.equal(summary.total_bytes_processed, 3_000_005);
});

test('a link on the way to a path is saved as the folder behind it, so that what lies below is found', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ 'real/inner/f': 'hello' });
  symlinkSync('real', join(source, 'near'));
  symlinkSync(join(source, 'near'), join(source, 'far'));
  const path = toByteString(join(source, 'far', 'inner'));
  const { snapshot, counters } = await backup(await repository.loadIndex(), optionsFor(path));
  assert.equal(counters.errors, 0);
  assert.equal((await readAll(await repository.loadIndex(), snapshot.tree)).get(`${path}/f`), 'hello');
  const folders = await (await repository.loadIndex()).loadTree(snapshot.tree);
  assert.ok(folders.every(({ type }) => type === 'dir'));
  symlinkSync('round', join(source, 'round'));
  const looped = optionsFor(path, { paths: [path, toByteString(join(source, 'round', 'x'))] });
  assert.equal((await backup(await repository.loadIndex(), looped)).counters.errors, 1);
});

test('a second backup reads nothing that is unchanged and adds no data', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ one: 'one', 'two/two': 'two' });
  const first = await backup(await repository.loadIndex(), optionsFor(source));
  const second = await backup(await repository.loadIndex(), optionsFor(source));
  assert.equal(second.parent, first.snapshotId);
  assert.equal(second.summary.files_unmodified, 2);
  assert.equal(second.counters.bytesRead, 0);
  assert.equal(second.summary.data_blobs, 0);
});

test('a changed time or size makes a file be read again, and equal bytes are stored once', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ same: 'same', other: 'other' });
  await backup(await repository.loadIndex(), optionsFor(source));
  utimesSync(join(source, 'same'), 1000, 1000);
  writeFileSync(join(source, 'other'), 'other, longer');
  const { summary } = await backup(await repository.loadIndex(), optionsFor(source));
  assert.equal(summary.files_changed, 2);
  assert.equal(summary.data_blobs, 1);
});

test('a blob that the index lost is stored again although its file did not change', async () => {
  const { repository, backend } = await createSampleRepository();
  const source = makeSource({ precious: 'precious' });
  await backup(await repository.loadIndex(), optionsFor(source));
  for await (const { name } of backend.list('index')) await backend.remove({ kind: 'index', name });
  const { summary } = await backup(await repository.loadIndex(), optionsFor(source));
  assert.equal(summary.data_blobs, 1);
  const indexed = await repository.loadIndex();
  const newest = (await repository.listSnapshots()).at(-1);
  assert.ok(newest !== undefined);
  assert.equal((await readAll(indexed, newest.snapshot.tree)).get(`${source}/precious`), 'precious');
});

test('skip-if-unchanged publishes no snapshot, and a dry run never does', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ file: 'x' });
  await backup(await repository.loadIndex(), optionsFor(source));
  const same = await backup(await repository.loadIndex(), optionsFor(source, { skipIfUnchanged: true }));
  assert.equal(same.snapshotId, undefined);
  const dry = await backup(await repository.loadIndex(), optionsFor(source, { dryRun: true }));
  assert.equal(dry.snapshotId, undefined);
  assert.equal((await repository.listSnapshots()).length, 1);
});

test('an unreadable file and an unreadable folder are reported, and the rest is saved', async () => {
  const { repository, host } = await createSampleRepository();
  const source = makeSource({ good: 'good', bad: 'bad', 'locked/inside': 'x' });
  for (const fault of [
    { call: 'open', pathEnd: 'bad', nth: 1, errno: 13 },
    { call: 'listNames', pathEnd: 'locked', nth: 1, errno: 13 },
  ] as const) {
    const errors: string[] = [];
    const files = withFileFaults(createFiles(), fault);
    const faulty = await openRepository({
      backend: repository.backend,
      host: { ...host, files },
      password: samplePassword,
    });
    const indexed = await faulty.loadIndex();
    const { snapshot, counters } = await backup(
      indexed,
      optionsFor(source, {
        parent: 'none',
        report: (event) => {
          if (event.kind === 'error') errors.push(event.path);
        },
      }),
    );
    assert.equal(counters.errors, 1);
    assert.ok(errors[0]?.endsWith(fault.pathEnd));
    assert.equal((await readAll(indexed, snapshot.tree)).get(`${source}/good`), 'good');
  }
});

test('paths that do not exist are errors; when none exists nothing is published', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ here: 'here' });
  const missing = `${source}/nowhere` as ByteString;
  const some = await backup(await repository.loadIndex(), optionsFor(source, { paths: [source, missing] }));
  assert.equal(some.counters.errors, 1);
  await assert.rejects(
    backup(await repository.loadIndex(), optionsFor(missing)),
    (error) => isCoffreError(error, 'SOURCE_MISSING') && error.hint !== undefined,
  );
  assert.equal((await repository.listSnapshots()).length, 1);
});

test('a stream becomes one file, and a producer that fails at the end publishes nothing', async () => {
  const { repository } = await createSampleRepository();
  const data = randomBytes(10_000_000);
  async function* parts(): AsyncGenerator<Buffer> {
    for (let at = 0; at < data.byteLength; at += 70_001) yield data.subarray(at, at + 70_001);
  }
  const stream = { path: '/dump/db.sql' as ByteString, bytes: parts() };
  for (const profile of [databaseProfile, pagesProfile]) {
    const saved = await backup(await repository.loadIndex(), {
      stream: { ...stream, bytes: parts() },
      workingFolder: '/' as ByteString,
      profile,
    });
    const files = await readAll(await repository.loadIndex(), saved.snapshot.tree);
    assert.equal(files.get('/dump/db.sql'), data.toString('latin1'));
    assert.equal(saved.summary.total_bytes_processed, data.byteLength);
  }
  const failing = { ...stream, bytes: parts(), ended: Promise.reject(new Error('exit code 1')) };
  failing.ended.catch(() => undefined);
  await assert.rejects(
    backup(await repository.loadIndex(), { stream: failing, workingFolder: '/' as ByteString }),
    /exit code 1/,
  );
  assert.equal((await repository.listSnapshots()).length, 2);
});

test('a long file cut by several threads at once has the blobs of one sequential pass', async () => {
  const { repository } = await createSampleRepository();
  const data = Buffer.concat([randomBytes(40_000_000), Buffer.alloc(20_000_000), randomBytes(20_000_000)]);
  const source = makeSource({ 'long.bin': data });
  const long = await backup(await repository.loadIndex(), optionsFor(source, { threads: 3 }));
  async function* whole(): AsyncGenerator<Buffer> {
    yield data;
  }
  const streamed = await backup(await repository.loadIndex(), {
    stream: { path: '/long.bin' as ByteString, bytes: whole() },
    workingFolder: '/' as ByteString,
  });
  assert.equal(streamed.summary.data_blobs, 0);
  const files = await readAll(await repository.loadIndex(), long.snapshot.tree);
  assert.ok(Buffer.from(files.get(`${source}/long.bin`) ?? '', 'latin1').equals(data));
});

test('a crash at any write leaves every earlier snapshot readable, and the next backup succeeds', async () => {
  const source = makeSource({ a: randomBytes(400_000), 'sub/b': randomBytes(300_000), c: 'c' });
  const tried = await atEachCall({ kind: 'crash' }, isWrite, async (plan) => {
    const memory = createMemoryBackend();
    const { repository, host } = await createSampleRepository({ backend: memory });
    const before = await backup(await repository.loadIndex(), optionsFor(makeSource({ old: 'old' })));
    const faulty = await openRepository({ backend: withFaults(memory, plan), host, password: samplePassword });
    const options = optionsFor(source, { packTargetBytes: 100_000 });
    await backup(await faulty.loadIndex(), options).catch(() => undefined);

    const indexed = await repository.loadIndex();
    for (const { snapshot } of await repository.listSnapshots()) await readAll(indexed, snapshot.tree);
    assert.ok((await repository.listSnapshots()).some(({ id }) => id === before.snapshotId));
    const again = await backup(indexed, options);
    assert.equal((await readAll(await repository.loadIndex(), again.snapshot.tree)).size, 3);
  });
  assert.ok(tried >= 5, `${tried} writes`);
});

test('an interrupted first backup goes on where it stopped, from a local journal', async () => {
  const memory = createMemoryBackend();
  const { repository, host } = await createSampleRepository({ backend: memory });
  const files = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, randomBytes(20_000)]));
  const source = makeSource(files);
  const journalPath = join(scratch, 'journal');
  const options = optionsFor(source, { packTargetBytes: 500_000, journalPath });
  let saves = 0;
  const faulty = await openRepository({
    backend: withFaults(memory, (call) =>
      call.operation === 'save' && call.kind === 'data' && ++saves === 6 ? { kind: 'crash' } : undefined,
    ),
    host,
    password: samplePassword,
  });
  await assert.rejects(backup(await faulty.loadIndex(), options));
  const resumed = await backup(await repository.loadIndex(), options);
  assert.equal(resumed.summary.files_new, 300);
  assert.ok(resumed.counters.bytesRead < 300 * 20_000 * 0.8, `${resumed.counters.bytesRead} bytes were read again`);
  assert.equal((await readAll(await repository.loadIndex(), resumed.snapshot.tree)).size, 300);
});

test('a file that changes while it is read is counted and the snapshot is kept', async () => {
  const { repository, host } = await createSampleRepository();
  const source = makeSource({ growing: 'some' });
  const files = createFiles();
  const meddling = {
    ...files,
    read: ((fd, ...rest) => {
      const got = files.read(fd, ...rest);
      writeFileSync(join(source, 'growing'), 'some more');
      return got;
    }) satisfies typeof files.read,
  };
  const faulty = await openRepository({
    backend: repository.backend,
    host: { ...host, files: meddling },
    password: samplePassword,
  });
  const { counters, snapshotId } = await backup(await faulty.loadIndex(), optionsFor(source));
  assert.equal(counters.changedWhileRead, 1);
  assert.equal(counters.errors, 0);
  assert.ok(snapshotId !== undefined);
});

test('modes, owners and times of files and folders are in the tree', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ 'run.sh': '#!/bin/sh' });
  chmodSync(join(source, 'run.sh'), 0o4751);
  utimesSync(join(source, 'run.sh'), 1_600_000_000.25, 1_600_000_000.25);
  const { snapshot } = await backup(await repository.loadIndex(), optionsFor(source));
  const indexed = await repository.loadIndex();
  let nodes = await indexed.loadTree(snapshot.tree);
  for (const _ of source.split('/').slice(1)) nodes = await indexed.loadTree(nodes[0]?.subtree as BlobId);
  assert.equal(nodes[0]?.mode, 0o751 + 2 ** 23);
  assert.deepEqual(nodes[0]?.mtime, { sec: 1_600_000_000, nsec: 250_000_000 });
});

test('a path that was named by itself is saved although a pattern excludes it; what is below it is not', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ 'keep.tmp': 'named', 'other.tmp': 'x', 'sub/deep.tmp': 'x', 'sub/deep.txt': 'y' });
  const named = `${source}/keep.tmp` as ByteString;
  const selection = createSelection(createFiles(), { exclude: compilePatterns(['*.tmp']) });
  const paths = [named, `${source}/sub` as ByteString];
  const { snapshot } = await backup(await repository.loadIndex(), optionsFor(source, { paths, selection }));
  const saved = await readAll(await repository.loadIndex(), snapshot.tree);
  assert.deepEqual([...saved.keys()], [named, `${source}/sub/deep.txt`]);
});

test('what a dot stands for was not named: exclude rules hold for it', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ 'big.tmp': 'x', 'kept.txt': 'y', 'skipped/in.txt': 'z' });
  const selection = createSelection(createFiles(), { exclude: compilePatterns(['*.tmp', 'skipped']) });
  const before = process.cwd();
  process.chdir(source);
  try {
    const options: BackupOptions = { paths: ['.' as ByteString], workingFolder: source, selection };
    const { snapshot } = await backup(await repository.loadIndex(), options);
    const nodes = await (await repository.loadIndex()).loadTree(snapshot.tree);
    assert.deepEqual(
      nodes.map(({ name }) => name),
      ['kept.txt'],
    );
  } finally {
    process.chdir(before);
  }
});

test('a folder is told with the size of its listing, as it is and as it is stored', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ a: '1' });
  const told: [number, number][] = [];
  const { snapshot } = await backup(
    await repository.loadIndex(),
    optionsFor(source, {
      report: (event) => {
        if (event.kind === 'entry' && event.path === source) told.push([event.added.bytes, event.added.packedBytes]);
      },
    }),
  );
  const [[bytes, packedBytes] = [0, 0]] = told;
  assert.ok(bytes > 100 && packedBytes > 100 && bytes < (snapshot.summary?.data_added ?? 0), `${bytes} ${packedBytes}`);
});

test('a snapshot names its paths in the order they were given', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({ 'a/x': '1', 'b/y': '2' });
  const paths = [`${source}/b` as ByteString, `${source}/a` as ByteString];
  const { snapshot } = await backup(await repository.loadIndex(), optionsFor(source, { paths }));
  assert.deepEqual(snapshot.paths, paths);
});

test('nothing at all makes no snapshot', async () => {
  const { repository } = await createSampleRepository();
  const source = makeSource({});
  const before = process.cwd();
  process.chdir(source);
  try {
    const options: BackupOptions = { paths: ['.' as ByteString], workingFolder: source };
    await assert.rejects(backup(await repository.loadIndex(), options), (error) =>
      isCoffreError(error, 'SOURCE_MISSING'),
    );
    assert.deepEqual(await repository.listSnapshots(), []);
  } finally {
    process.chdir(before);
  }
});
