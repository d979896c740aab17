import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createMemoryBackend } from '../backend/memory.ts';
import { walkTree } from '../browse/walk.ts';
import { databaseProfile, pagesProfile } from '../chunker/profile.ts';
import { isCoffreError } from '../errors.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { createFiles, type Files } from '../host/files.ts';
import type { BlobId } from '../ids.ts';
import { openRepository, type Repository } from '../repository.ts';
import { atEachCall, isWrite, withFaults } from '../testing/faults.ts';
import { createSampleRepository, samplePassword } from '../testing/sample-repository.ts';
import { backup, type BackupOptions, type BackupResult } from './backup.ts';
import type { SavedContent } from './closing.ts';
import type { StreamSource } from './stream-source.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-streams-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
mkdirSync(join(scratch, 'site/sub'), { recursive: true });
writeFileSync(join(scratch, 'site/index.html'), '<h1>shop</h1>');
writeFileSync(join(scratch, 'site/sub/logo'), 'logo');
const site = toByteString(join(scratch, 'site'));

/** Others make files in the folder above meanwhile. */
const real = createFiles();
const above = real.lstat(toByteString(tmpdir()));
const calmFiles: Files = { ...real, lstat: (at) => (at === tmpdir() ? above : real.lstat(at)) };

const workingFolder = '/' as ByteString;
const path = (text: string): ByteString => toByteString(text);

async function* parts(data: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.byteLength; at += 70_001) yield data.subarray(at, at + 70_001);
}

async function save(repository: Repository, options: Partial<BackupOptions>): Promise<BackupResult> {
  return await backup(await repository.loadIndex(), { workingFolder, ...options });
}

async function filesOf(repository: Repository, tree: BlobId): Promise<Map<string, Buffer>> {
  const indexed = await repository.loadIndex();
  const wanted: [string, readonly BlobId[]][] = [];
  await walkTree(indexed, tree, {
    entry: (at, node) => void (node.type === 'file' && wanted.push([at, node.content ?? []])),
  });
  const load = async (ids: readonly BlobId[]): Promise<Buffer> =>
    Buffer.concat(await Promise.all(ids.map((id) => indexed.loadBlob('data', id))));
  return new Map(await Promise.all(wanted.map(async ([at, ids]) => [at, await load(ids)] as const)));
}

test('streams and folders are one snapshot, each stream cut its own way and hashed as a whole', async () => {
  const { repository } = await createSampleRepository();
  const sql = randomBytes(5_000_000);
  const pages = randomBytes(3_000_123);
  const streams: StreamSource[] = [
    { path: path('/databases/shop.sql'), bytes: parts(sql), profile: databaseProfile },
    { path: path('/databases/ledger.sqlite'), bytes: () => parts(pages), profile: pagesProfile },
    { path: path('/notes'), bytes: Buffer.from('small') },
    { path: path('/empty'), bytes: Buffer.alloc(0) },
  ];
  const { snapshot, streams: saved, summary } = await save(repository, { streams, streamsAtOnce: 2, paths: [site] });
  const files = await filesOf(repository, snapshot.tree);
  assert.deepEqual([...files.keys()].toSorted(), [
    '/databases/ledger.sqlite',
    '/databases/shop.sql',
    '/empty',
    '/notes',
    `${site}/index.html`,
    `${site}/sub/logo`,
  ]);
  assert.ok(files.get('/databases/shop.sql')?.equals(sql));
  assert.ok(files.get('/databases/ledger.sqlite')?.equals(pages));
  assert.equal(files.get('/notes')?.toString(), 'small');
  assert.deepEqual(snapshot.paths, ['/databases/ledger.sqlite', '/databases/shop.sql', '/empty', '/notes', site]);
  assert.equal(saved[0]?.sha256, createHash('sha256').update(sql).digest('hex'));
  assert.deepEqual(
    saved.map(({ sizeBytes }) => sizeBytes),
    [5_000_000, 3_000_123, 5, 0],
  );
  assert.equal(saved[1]?.content.length, Math.ceil(3_000_123 / 65_536));
  assert.equal(summary.files_new, 6);
  assert.equal(summary.total_bytes_processed, 5_000_000 + 3_000_123 + 5 + 17);
});

test('one stream that fails, at its end or in the middle, publishes nothing and ends the others', async () => {
  const { repository } = await createSampleRepository();
  const good = (): StreamSource => ({ path: path('/good'), bytes: parts(randomBytes(200_000)) });
  const badEnd: StreamSource = { ...good(), path: path('/bad'), ended: Promise.reject(new Error('exit status 1')) };
  badEnd.ended?.catch(() => undefined);
  async function* torn(): AsyncGenerator<Buffer> {
    yield randomBytes(100_000);
    throw new Error('the pipe broke');
  }
  await assert.rejects(save(repository, { streams: [good(), badEnd] }), /exit status 1/);
  await assert.rejects(save(repository, { streams: [{ path: path('/torn'), bytes: torn() }], paths: [site] }), /pipe/);

  let told = false;
  async function* endless(signal: AbortSignal): AsyncGenerator<Buffer> {
    signal.addEventListener('abort', () => (told = true));
    for (;;) {
      yield Buffer.alloc(1000, 7);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const beside = { path: path('/endless'), bytes: endless };
  const streams = [beside, { path: path('/torn'), bytes: torn() }];
  await assert.rejects(save(repository, { streams, streamsAtOnce: 2 }), /the pipe broke/);
  assert.ok(told);
  assert.equal((await repository.listSnapshots()).length, 0);
});

test('a stream whose turn never came is never started', async () => {
  const { repository } = await createSampleRepository();
  let started = false;
  async function* late(): AsyncGenerator<Buffer> {
    started = true;
    yield Buffer.from('late');
  }
  // eslint-disable-next-line require-yield
  async function* failing(): AsyncGenerator<Buffer> {
    throw new Error('no such server');
  }
  const streams = [
    { path: path('/first'), bytes: failing },
    { path: path('/late'), bytes: late },
  ];
  await assert.rejects(save(repository, { streams }), /no such server/);
  assert.equal(started, false);
});

test('two streams cannot have one place, nor lie in each other or in a saved folder', async () => {
  const { repository } = await createSampleRepository();
  const bytes = Buffer.from('x');
  for (const paths of [['/a', '/a'], ['/a', '/a/b'], ['/'], ['relative'], [`${site}/sub/x`], [site]]) {
    const streams = paths.map((one) => ({ path: path(one), bytes }));
    await assert.rejects(save(repository, { streams, paths: [site] }), (error) => isCoffreError(error, 'USAGE'));
  }
  assert.equal((await repository.listSnapshots()).length, 0);
});

test('streams with the same bytes as before change nothing, and what closes a backup never counts', async () => {
  const { repository } = await createSampleRepository();
  const data = randomBytes(300_000);
  const seen: SavedContent[] = [];
  const manifest = path('/.coffre/manifest.json');
  const options = (content: Buffer, count: number): Partial<BackupOptions> => ({
    streams: [{ path: path('/db/shop.sql'), bytes: parts(content) }],
    paths: [site],
    files: calmFiles,
    skipIfUnchanged: true,
    closing: {
      paths: [manifest],
      make: async (saved) => {
        seen.push(saved);
        return [{ path: manifest, bytes: Buffer.from(`backup ${count}`) }];
      },
    },
  });
  const first = await save(repository, options(data, 1));
  const same = await save(repository, options(data, 2));
  assert.equal(same.snapshotId, undefined);
  assert.equal(seen.length, 1);
  const other = await save(repository, options(Buffer.concat([data, data]), 3));
  assert.ok(other.snapshotId !== undefined);
  assert.equal(other.parent, first.snapshotId);
  assert.equal(seen.length, 2);
  const files = await filesOf(repository, other.snapshot.tree);
  assert.equal(files.get(manifest)?.toString(), 'backup 3');
  assert.equal(seen[1]?.streams[0]?.sizeBytes, 600_000);
  assert.deepEqual(other.snapshot.paths, ['/db/shop.sql', site]);
});

test('what closes a backup may read back what was saved, and its failure publishes nothing', async () => {
  const { repository } = await createSampleRepository();
  const indexed = await repository.loadIndex();
  const names: string[] = [];
  const closing = (fails: boolean): BackupOptions['closing'] => ({
    paths: [path('/about')],
    make: async ({ tree }) => {
      await walkTree(indexed, tree as BlobId, { entry: (at) => void names.push(at) });
      if (fails) throw new Error('no key to sign with');
      return [{ path: path('/about'), bytes: Buffer.from(String(names.length)) }];
    },
  });
  const options = { workingFolder, paths: [site] };
  await assert.rejects(backup(indexed, { ...options, closing: closing(true) as never }), /no key/);
  assert.equal((await repository.listSnapshots()).length, 0);
  assert.ok(names.includes(`${site}/sub/logo`));
  await backup(indexed, { ...options, closing: closing(false) as never });
  assert.equal((await repository.listSnapshots()).length, 1);
});

test('a crash at any write leaves no snapshot that lacks a stream, and the next backup succeeds', async () => {
  const data = randomBytes(150_000);
  const options = (): Partial<BackupOptions> => ({
    streams: [
      { path: path('/db/one'), bytes: parts(data), profile: databaseProfile },
      { path: path('/db/two'), bytes: data.subarray(7), profile: pagesProfile },
    ],
    paths: [site],
    packTargetBytes: 100_000,
    threads: 1,
    closing: {
      paths: [path('/.coffre/manifest.json')],
      make: async () => [{ path: path('/.coffre/manifest.json'), bytes: Buffer.from('{}') }],
    },
  });
  const tried = await atEachCall({ kind: 'crash' }, isWrite, async (plan) => {
    const memory = createMemoryBackend();
    const { repository, host } = await createSampleRepository({ backend: memory });
    const faulty = await openRepository({ backend: withFaults(memory, plan), host, password: samplePassword });
    await save(faulty, options()).catch(() => undefined);
    for (const { snapshot } of await repository.listSnapshots()) {
      assert.equal((await filesOf(repository, snapshot.tree)).size, 5);
    }
    const again = await save(repository, options());
    assert.equal((await filesOf(repository, again.snapshot.tree)).size, 5);
  });
  assert.ok(tried >= 6, `${tried} writes`);
});
