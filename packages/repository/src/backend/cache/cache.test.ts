import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { backendConformance, listed, rejectsWith } from '../../testing/backend-conformance.ts';
import { systemError } from '../../testing/local-faults.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import type { Backend, FileHandle, FileKind } from '../backend.ts';
import { withCounts } from '../counting.ts';
import { createMemoryBackend } from '../memory.ts';
import { createCacheFiles } from './cache-files.ts';
import type { CacheFiles } from './cache-files.ts';
import { withCache } from './cache.ts';

let folder = '';
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'coffre-cache-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const cacheFiles = (): CacheFiles => createCacheFiles(folder, createSeededRandom(1));

/** What is asked of packs is asked as of packs of folder listings. */
function asTrees(backend: Backend): Backend {
  const marked = (file: FileHandle): FileHandle => (file.kind === 'data' ? { ...file, holdsTrees: true } : file);
  return {
    ...backend,
    save: (file, parts, signal) => backend.save(marked(file), parts, signal),
    async load(file, options) {
      // Memory answers at once, and would never let the disk of the cache have its turn.
      await setImmediate();
      return await backend.load(marked(file), options);
    },
  };
}

for (const replacesAtomically of [true, false]) {
  backendConformance(`a cache (${replacesAtomically ? 'replacing' : 'not replacing'})`, async () => ({
    backend: asTrees(withCache(createMemoryBackend({ replacesAtomically }), { files: cacheFiles() })),
  }));
}

type Stored = { file: { kind: FileKind; name: string; holdsTrees?: boolean }; bytes: Buffer };

function stored(kind: FileKind, sizeBytes = 5000): Stored {
  const bytes = randomBytes(sizeBytes);
  const name = createHash('sha256').update(bytes).digest('hex');
  return { file: kind === 'data' ? { kind, name, holdsTrees: true } : { kind, name }, bytes };
}

async function scene(kinds: readonly FileKind[]) {
  const memory = createMemoryBackend();
  const all = kinds.map((kind) => stored(kind));
  for (const { file, bytes } of all) await memory.save(file, [bytes]);
  const storage = withCounts(memory);
  /** As another program would open it. */
  const open = (files = cacheFiles(), report?: (error: Error) => void) =>
    withCache(storage, { files, ...(report && { report }) });
  return { memory, storage, open, all };
}

const loads = (storage: ReturnType<typeof withCounts>): number => storage.tally('load').calls;

describe('a cache of indexes and snapshots', () => {
  test('fetches a file once, for every program that comes later', async () => {
    const { storage, open, all } = await scene(['index', 'snapshots']);
    for (let round = 0; round < 3; round += 1) {
      const cache = open();
      for (const { file, bytes } of all) assert.deepEqual(await cache.load(file), bytes);
    }
    assert.equal(loads(storage), 2);
  });

  test('has what was saved through it, and nothing of locks, keys and the config', async () => {
    const { storage, open } = await scene([]);
    const cache = open();
    for (const kind of ['index', 'snapshots', 'locks', 'keys'] as const) {
      const { file, bytes } = stored(kind);
      await cache.save(file, [bytes.subarray(0, 100), bytes.subarray(100)]);
      assert.deepEqual(await cache.load(file), bytes);
    }
    await cache.save({ kind: 'config' }, [Buffer.from('config')]);
    await cache.load({ kind: 'config' });
    assert.equal(loads(storage), 3);
    assert.deepEqual((await readdir(folder)).toSorted(), ['index', 'snapshots']);
  });

  test('throws a damaged file away and fetches it again', async () => {
    const { storage, open, all } = await scene(['index']);
    const [{ file, bytes }] = all as [Stored];
    await open().load(file);
    for (const damage of [bytes.subarray(1), Buffer.alloc(0), Buffer.concat([bytes, Buffer.alloc(1)])]) {
      await writeFile(join(folder, 'index', file.name), damage);
      assert.deepEqual(await open().load(file), bytes);
      assert.deepEqual(await readFile(join(folder, 'index', file.name)), bytes);
    }
    assert.equal(loads(storage), 4);
  });

  test('keeps nothing that is damaged in the storage', async () => {
    const { memory, open, all } = await scene(['index']);
    const [{ file, bytes }] = all as [Stored];
    memory.files.set(`index/${file.name}`, bytes.subarray(1));
    const cache = open();
    assert.deepEqual(await cache.load(file), bytes.subarray(1));
    memory.files.set(`index/${file.name}`, bytes);
    assert.deepEqual(await cache.load(file), bytes);
  });

  test('forgets what a whole list no longer shows, and what is removed', async () => {
    const { memory, open, all } = await scene(['index', 'index', 'index']);
    const cache = open();
    for (const { file } of all) await cache.load(file);
    const [gone, removed, stays] = all as [Stored, Stored, Stored];
    memory.files.delete(`index/${gone.file.name}`);
    await cache.remove(removed.file);
    for await (const _ of cache.list('index')) break;
    assert.ok(
      (await readdir(join(folder, 'index'))).includes(gone.file.name),
      'a list that was broken off tells nothing',
    );
    await listed(cache, 'index');
    assert.deepEqual(await readdir(join(folder, 'index')), [stays.file.name]);
    await rejectsWith('BACKEND_NOT_FOUND', cache.load(removed.file));
  });

  test('may be deleted at any time, also between two calls', async () => {
    const { open, all } = await scene(['index', 'data']);
    const cache = open();
    for (let round = 0; round < 3; round += 1) {
      for (const { file, bytes } of all) {
        assert.deepEqual(await cache.load(file, file.kind === 'data' ? { offset: 0, length: 5000 } : {}), bytes);
      }
      await rm(folder, { recursive: true });
    }
  });

  test('is passed over once the storage itself is to be checked', async () => {
    const { storage, open, all } = await scene(['index']);
    const [{ file }] = all as [Stored];
    const cache = open();
    await cache.load(file);
    cache.bypassCaches?.();
    await cache.load(file);
    assert.equal(loads(storage), 2);
  });
});

describe('a cache of packs of folder listings', () => {
  const range = (offset: number, length: number) => ({ offset, length });

  test('keeps the pieces that were read, and serves every part of them', async () => {
    const { storage, open, all } = await scene(['data']);
    const [{ file, bytes }] = all as [Stored];
    await open().load(file, range(1000, 500));
    for (const [offset, length] of [
      [1000, 500],
      [1100, 10],
      [1499, 1],
    ] as const) {
      assert.deepEqual(await open().load(file, range(offset, length)), bytes.subarray(offset, offset + length));
    }
    assert.equal(loads(storage), 1);
    await open().load(file, range(1499, 2));
    assert.equal(loads(storage), 2);
  });

  test('takes a pack whole at the third call for it', async () => {
    const { storage, open, all } = await scene(['data']);
    const [{ file, bytes }] = all as [Stored];
    const cache = open();
    for (const offset of [0, 10, 20, 30, 4999]) {
      assert.deepEqual(await cache.load(file, range(offset, 1)), bytes.subarray(offset, offset + 1));
    }
    assert.deepEqual(storage.tally('load'), { calls: 3, bytes: 5002 });
    assert.deepEqual(await readdir(join(folder, 'data')), [file.name]);
    assert.deepEqual(await open().load(file, range(77, 7)), bytes.subarray(77, 84));
    assert.equal(loads(storage), 3);
  });

  test('has a pack that was saved through it, without a call', async () => {
    const { storage, open } = await scene([]);
    const { file, bytes } = stored('data');
    await open().save(file, [bytes]);
    const cache = open();
    const parts = await Promise.all([0, 1000, 2000].map((offset) => cache.load(file, range(offset, 1000))));
    assert.deepEqual(Buffer.concat(parts), bytes.subarray(0, 3000));
    assert.equal(loads(storage), 0);
  });

  test('keeps no pack of file contents, and none that is read whole', async () => {
    const { storage, open, all } = await scene(['data']);
    const [{ file }] = all as [Stored];
    const cache = open();
    const { kind, name } = file;
    for (let round = 0; round < 4; round += 1) {
      await cache.load({ kind, name }, range(0, 10));
      await cache.load(file);
    }
    assert.equal(loads(storage), 8);
    assert.deepEqual(await readdir(folder), []);
  });

  test('throws damaged pieces and damaged packs away and fetches them again', async () => {
    const { storage, open, all } = await scene(['data']);
    const [{ file, bytes }] = all as [Stored];
    await open().load(file, range(0, 100));
    const piece = join(folder, 'data', `${file.name}.0-100`);
    await writeFile(piece, randomBytes(132));
    assert.deepEqual(await open().load(file, range(5, 10)), bytes.subarray(5, 15));
    await rm(piece, { force: true });
    await writeFile(join(folder, 'data', file.name), randomBytes(5000));
    assert.deepEqual(await open().load(file, range(0, 100)), bytes.subarray(0, 100));
    assert.equal(loads(storage), 3);
  });

  test('lets go of packs that the index no longer knows', async () => {
    const { open, all } = await scene(['data', 'data']);
    const cache = open();
    for (const { file } of all) await cache.load(file, range(0, 10));
    await cache.retainPacks?.([(all[0] as Stored).file.name]);
    assert.deepEqual(await readdir(join(folder, 'data')), [`${(all[0] as Stored).file.name}.0-10`]);
  });

  test('passes on a range that goes beyond the pack, and one of a pack that is damaged in the storage', async () => {
    const { memory, open, all } = await scene(['data']);
    const [{ file }] = all as [Stored];
    const cache = open();
    for (let round = 0; round < 4; round += 1)
      await rejectsWith('BACKEND_SHORT_READ', cache.load(file, range(0, 5001)));
    memory.files.set(`data/${file.name}`, Buffer.alloc(5000));
    const fresh = open(createCacheFiles(join(folder, 'other'), createSeededRandom(1)));
    for (const offset of [0, 1, 2, 3, 4]) assert.deepEqual(await fresh.load(file, range(offset, 1)), Buffer.alloc(1));
  });
});

for (const code of ['ENOSPC', 'EACCES', 'EIO', 'EROFS']) {
  test(`${code} at any call of the cache costs the cache and nothing else`, async () => {
    for (let failing = 0; ; failing += 1) {
      await rm(folder, { recursive: true, force: true });
      const { open, all } = await scene(['index', 'data', 'snapshots']);
      let calls = 0;
      const reports: Error[] = [];
      const cache = open(
        failingFrom(cacheFiles(), () => calls++ >= failing, code),
        (error) => reports.push(error),
      );
      for (let round = 0; round < 2; round += 1) {
        for (const { file, bytes } of all) {
          const { offset, length } = { offset: 10 * round, length: 20 };
          if (file.kind === 'data')
            assert.deepEqual(await cache.load(file, { offset, length }), bytes.subarray(offset, offset + length));
          else assert.deepEqual(await cache.load(file), bytes);
        }
        assert.equal((await listed(cache, 'index')).length, 1);
      }
      const { file, bytes } = stored('snapshots');
      await cache.save(file, [bytes]);
      await cache.remove(file);
      assert.ok(reports.length <= 1, 'said once');
      if (calls <= failing) break;
    }
  });
}

function failingFrom(files: CacheFiles, fails: () => boolean, code: string): CacheFiles {
  const meet = (operation: string): void => {
    if (fails()) throw systemError(code, operation);
  };
  return {
    read: async (name) => (meet('read'), files.read(name)),
    readRange: async (...range) => (meet('readRange'), files.readRange(...range)),
    write: async (name, parts) => (meet('write'), files.write(name, parts)),
    remove: async (name) => (meet('remove'), files.remove(name)),
    list: async (name) => (meet('list'), files.list(name)),
  };
}
