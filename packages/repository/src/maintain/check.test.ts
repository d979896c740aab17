import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMemoryBackend, type MemoryBackend } from '../backend/memory.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { isCoffreError } from '../errors.ts';
import { encodeIndexFile, parseIndexFile } from '../format/index-file.ts';
import { encodeTree } from '../format/tree.ts';
import { parseId, type BlobId, type PackId } from '../ids.ts';
import { openRepository, type Repository } from '../repository.ts';
import {
  addSampleSnapshot,
  addSnapshotFile,
  createSampleHost,
  createSampleRepository,
  samplePassword,
  type SampleHost,
} from '../testing/sample-repository.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import { choosePacks } from './check-read.ts';
import { parseReadDataSubset } from './read-data-subset.ts';
import type { CheckFinding, CheckResult, FindingKind } from './check-findings.ts';
import { check, type CheckOptions } from './check.ts';

type World = { repository: Repository; backend: MemoryBackend; host: SampleHost };

/** Two snapshots that share a file; data and trees in packs of their own. */
async function makeWorld(): Promise<World> {
  const world = await createSampleRepository();
  const random = createSeededRandom(7);
  const large = { type: 'file', chunks: [random.bytes(300_000), 'text '.repeat(50_000)] } as const;
  await addSampleSnapshot(await world.repository.loadIndex(), { a: 'first', large, folder: { b: 'shared' } });
  await addSampleSnapshot(
    await world.repository.loadIndex(),
    { a: 'second', folder: { b: 'shared', c: {} } },
    { time: '2026-01-03T00:00:00Z', hostname: 'other' },
  );
  return world;
}

async function checked(
  { repository, backend }: Pick<World, 'repository' | 'backend'>,
  options: CheckOptions = { readData: { kind: 'all' } },
): Promise<{ result: CheckResult; findings: CheckFinding[]; kinds: FindingKind[] }> {
  // As a later process would: with nothing remembered.
  const fresh = createMemoryBackend({ files: backend.files });
  const host = createSampleHost();
  const again = await openRepository({ backend: fresh, host, password: samplePassword });
  assert.equal(again.config.id, repository.config.id);
  const findings: CheckFinding[] = [];
  const result = await check(again, options, (event) => {
    if (event.kind === 'finding') findings.push(event.finding);
  });
  return { result, findings, kinds: findings.map(({ kind }) => kind).sort() };
}

function fileNames({ backend }: World, kind: string): string[] {
  return [...backend.files.keys()].filter((name) => name.startsWith(`${kind}/`)).sort();
}

function plant({ backend }: World, kind: string, bytes: Buffer): string {
  const name = `${kind}/${sha256Hex(bytes)}`;
  backend.files.set(name, bytes);
  return name;
}

async function packOf({ repository }: World, wanted: 'data' | 'tree'): Promise<PackId> {
  for (const { id, blobs } of (await repository.loadIndex()).packs()) if (blobs[0]?.type === wanted) return id;
  return assert.fail(`there is no ${wanted} pack`);
}

test('a sound repository has no findings, and all of it is read', async () => {
  const world = await makeWorld();
  const { result, findings } = await checked(world);
  assert.deepEqual(findings, []);
  const packs = fileNames(world, 'data');
  const sizeBytes = packs.reduce((sum, name) => sum + (world.backend.files.get(name)?.byteLength ?? 0), 0);
  assert.deepEqual(result, {
    errors: 0,
    hints: 0,
    brokenPacks: [],
    suggestsRepairIndex: false,
    suggestsPrune: false,
    steps: [],
    packsRead: packs.length,
    bytesRead: sizeBytes,
  });
});

test('threads find the same as one thread alone', async () => {
  const world = await makeWorld();
  const pack = await packOf(world, 'data');
  const file = world.backend.files.get(`data/${pack}`)!;
  file[100]! ^= 1;
  const alone = await checked(world, { readData: { kind: 'all' }, threads: 0 });
  const threaded = await checked(world, { readData: { kind: 'all' }, threads: 2 });
  assert.deepEqual(threaded, alone);
  assert.deepEqual(threaded.result.brokenPacks, [pack]);
});

test('garbage in keys, index, snapshots or locks is one finding each, and everything else is still checked', async () => {
  const garbages = [Buffer.from('{"not":"ours"}'), Buffer.alloc(300, 7), Buffer.alloc(40), Buffer.from('{')];
  const kinds = {
    keys: 'key-unreadable',
    index: 'index-unreadable',
    snapshots: 'snapshot-unreadable',
    locks: 'lock-unreadable',
  } as const;
  for (const [folder, kind] of Object.entries(kinds)) {
    for (const garbage of garbages) {
      const world = await makeWorld();
      plant(world, folder, garbage);
      const { findings, result } = await checked(world);
      assert.deepEqual(
        findings.map((found) => found.kind),
        [kind],
      );
      assert.equal(result.errors, kind === 'lock-unreadable' ? 0 : 1);
      assert.ok(result.packsRead > 0);
    }
  }
});

test('a flipped bit anywhere in a pack is found by reading it, and the pack is named', async () => {
  for (const wanted of ['data', 'tree'] as const) {
    const world = await makeWorld();
    const pack = await packOf(world, wanted);
    const file = world.backend.files.get(`data/${pack}`)!;
    for (const at of [0, 17, file.byteLength >> 1, file.byteLength - 40, file.byteLength - 1]) {
      file[at]! ^= 4;
      const { kinds, result } = await checked(world);
      file[at]! ^= 4;
      assert.ok(kinds.includes('pack-damaged'), `${wanted} byte ${at}: ${kinds.join()}`);
      assert.deepEqual(result.brokenPacks, [pack]);
    }
    assert.deepEqual((await checked(world)).findings, []);
  }
});

test('a flipped bit in a key file is found although the password still opens it', async () => {
  const world = await makeWorld();
  const [name] = fileNames(world, 'keys');
  const bytes = world.backend.files.get(name!)!;
  const other = Buffer.from(bytes.toString('utf8').replace('"ann"', '"bnn"'));
  world.backend.files.set(`keys/${'0'.repeat(64)}`, other);
  const { kinds } = await checked(world);
  assert.deepEqual(kinds, ['key-unreadable']);
});

test('a truncated and a missing pack are found without reading data', async () => {
  const world = await makeWorld();
  const pack = await packOf(world, 'data');
  const whole = world.backend.files.get(`data/${pack}`)!;
  world.backend.files.set(`data/${pack}`, whole.subarray(0, -10));
  const truncated = await checked(world, {});
  assert.deepEqual(truncated.kinds, ['pack-size']);
  assert.deepEqual(truncated.result.brokenPacks, [pack]);
  world.backend.files.delete(`data/${pack}`);
  const missing = await checked(world, {});
  assert.deepEqual(missing.kinds, ['pack-missing']);
  assert.equal(missing.result.errors, 1);
});

test('a pack that no index names, and one that two name alike, are hints', async () => {
  const world = await makeWorld();
  const [first] = fileNames(world, 'index');
  const file = parseIndexFile(await world.repository.loadUnpacked('index', parseId(first!.slice('index/'.length))));
  await world.repository.saveUnpacked('index', encodeIndexFile({ packs: file.packs.slice(0, 1) }));
  plant(world, 'data', Buffer.from('left by a crash'));
  const { kinds, result } = await checked(world);
  assert.deepEqual(kinds, ['pack-repeated', 'pack-unindexed']);
  assert.deepEqual([result.errors, result.hints], [0, 2]);
  assert.deepEqual([result.suggestsRepairIndex, result.suggestsPrune], [true, true]);
});

test('index files that do not agree about a pack are an error', async () => {
  const world = await makeWorld();
  const [first] = fileNames(world, 'index');
  const file = parseIndexFile(await world.repository.loadUnpacked('index', parseId(first!.slice('index/'.length))));
  const pack = file.packs.find(({ blobs }) => blobs.length > 1)!;
  await world.repository.saveUnpacked('index', encodeIndexFile({ packs: [{ ...pack, blobs: pack.blobs.slice(1) }] }));
  assert.deepEqual((await checked(world, {})).kinds, ['pack-differs']);
});

test('an index that lies about a pack is found by reading the pack', async () => {
  const world = await makeWorld();
  const [first] = fileNames(world, 'index');
  const id = parseId<never>(first!.slice('index/'.length));
  const { packs } = parseIndexFile(await world.repository.loadUnpacked('index', id));
  const pack = packs.find(({ blobs }) => blobs.length > 1)!;
  const blobs = pack.blobs.map((blob) => ({ ...blob }));
  [blobs[0]!.id, blobs[1]!.id] = [blobs[1]!.id, blobs[0]!.id];
  await world.repository.saveUnpacked(
    'index',
    encodeIndexFile({ packs: packs.map((one) => (one === pack ? { ...pack, blobs } : one)) }),
  );
  await world.repository.remove('index', id);
  const { kinds } = await checked(world);
  assert.ok(kinds.includes('pack-damaged'), kinds.join());
});

test('a tree that names what the index does not know is an error for each name', async () => {
  const world = await makeWorld();
  const indexed = await world.repository.loadIndex();
  const writer = indexed.openWriter();
  const nowhere = parseId<BlobId>('ab'.repeat(32));
  const times = { mtime: { sec: 0, nsec: 0 }, atime: { sec: 0, nsec: 0 }, ctime: { sec: 0, nsec: 0 } };
  const common = { ...times, uid: 0, gid: 0 };
  const tree = encodeTree([
    { name: 'a' as never, type: 'file', ...common, content: [nowhere, nowhere] },
    { name: 'b' as never, type: 'dir', ...common, content: null, subtree: nowhere },
    { name: 'c' as never, type: 'file', ...common, content: null },
    { name: 'd' as never, type: 'dir', ...common, content: null },
  ]);
  const { id } = await writer.saveBlob('tree', tree);
  await writer.flush();
  await addSnapshotFile(world.repository, { tree: id });
  const { findings, result } = await checked(world, {});
  assert.deepEqual(findings.map(({ kind, details }) => `${kind} ${details.length}`).sort(), [
    'tree-damaged 1',
    'tree-damaged 4',
  ]);
  assert.equal(result.errors, 5);
});

test('only what the chosen snapshots need is checked and read', async () => {
  const world = await makeWorld();
  const snapshots = await world.repository.listSnapshots();
  const second = snapshots.filter(({ snapshot }) => snapshot.hostname === 'other');
  const indexed = await world.repository.loadIndex();
  const large = [...indexed.blobs()].find(({ type, location }) => type === 'data' && location.length > 200_000)!;
  world.backend.files.get(`data/${large.location.packId}`)![0]! ^= 1;
  assert.deepEqual((await checked(world)).kinds, ['pack-damaged']);
  const { findings, result } = await checked(world, { snapshots: second, readData: { kind: 'all' } });
  // The shared file lies in the damaged pack, so even this check reads it.
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['pack-damaged'],
  );
  assert.ok(result.packsRead < fileNames(world, 'data').length);
});

test('what another process saves while a check goes on beside it is no finding', async () => {
  const world = await makeWorld();
  const before = new Map(world.backend.files);
  await addSampleSnapshot(await world.repository.loadIndex(), { a: 'third' }, { time: '2026-01-04T00:00:00Z' });
  const after = new Map(world.backend.files);
  const kindsWith = async (options: CheckOptions): Promise<FindingKind[]> => {
    const backend = createMemoryBackend({ files: before });
    const repository = await openRepository({
      backend,
      host: createSampleHost(),
      password: samplePassword,
    });
    const kinds: FindingKind[] = [];
    await check(repository, options, (event) => {
      if (event.kind === 'finding') kinds.push(event.finding.kind);
      // Its index was just read.
      if (event.kind === 'phase' && event.phase === 'packs')
        for (const [name, file] of after) backend.files.set(name, file);
    });
    return kinds;
  };
  const readData = { kind: 'all' } as const;
  assert.deepEqual(await kindsWith({ beside: true, readData }), []);
  assert.notDeepEqual(await kindsWith({ readData }), []);
});

test('a subset to read is a part, a percentage or a size, and nothing else', () => {
  assert.deepEqual(parseReadDataSubset('2/10'), { kind: 'part', part: 2, parts: 10 });
  assert.deepEqual(parseReadDataSubset('2.5%'), { kind: 'percent', percent: 2.5 });
  assert.deepEqual(parseReadDataSubset('10M'), { kind: 'bytes', bytes: 10 * 2 ** 20 });
  assert.deepEqual(parseReadDataSubset('500'), { kind: 'bytes', bytes: 500 });
  for (const bad of ['', '0/1', '3/2', '1/257', '0%', '101%', 'x', '-1', '1/2/3', '0', '0K', '5x']) {
    assert.throws(
      () => parseReadDataSubset(bad),
      (error) => isCoffreError(error, 'USAGE'),
      bad,
    );
  }
});

test('the parts together are all packs, each once; a share has the right size and at least one pack', () => {
  const random = createSeededRandom(5);
  const packs = Array.from({ length: 500 }, () => ({
    id: parseId<PackId>(random.bytes(32).toString('hex')),
    sizeBytes: 10,
  }));
  const parts = [1, 2, 3, 4, 5, 6, 7].flatMap((part) => choosePacks(packs, { kind: 'part', part, parts: 7 }, random));
  assert.deepEqual(new Set(parts), new Set(packs));
  assert.equal(parts.length, packs.length);
  const share = choosePacks(packs, { kind: 'percent', percent: 10 }, random);
  assert.equal(new Set(share).size, 50);
  assert.equal(choosePacks(packs, { kind: 'percent', percent: 0.001 }, random).length, 1);
  assert.equal(choosePacks(packs, { kind: 'bytes', bytes: 2500 }, random).length, 250);
  assert.equal(choosePacks(packs, { kind: 'bytes', bytes: 1e9 }, random).length, 500);
  assert.deepEqual(choosePacks([], { kind: 'percent', percent: 10 }, random), []);
});

test('with a promise, checks read on where the last one stopped, and a damaged pack stays first in the queue', async (t) => {
  const stateFolder = mkdtempSync(join(tmpdir(), 'coffre-check-'));
  t.after(() => rmSync(stateFolder, { recursive: true, force: true }));
  const world = await makeWorld();
  const packs = fileNames(world, 'data').length;
  const options: CheckOptions = {
    readData: { kind: 'percent', percent: 1 },
    fullWithinMs: 90 * 86_400_000,
    stateFolder,
  };
  const run = async (): Promise<[number, number]> => {
    const coverages: number[] = [];
    const fresh = createMemoryBackend({ files: world.backend.files });
    const again = await openRepository({ backend: fresh, host: createSampleHost(), password: samplePassword });
    const result = await check(again, options, (event) => {
      if (event.kind === 'coverage') coverages.push(event.coverage.verified.packs);
    });
    return [result.packsRead, coverages[0] ?? 0];
  };
  let covered = 0;
  while (covered < packs) {
    const [read, coveredNow] = await run();
    assert.ok(read > 0);
    assert.equal(coveredNow, covered + read);
    covered = coveredNow;
  }
  assert.equal((await run())[1], packs);
  const bad = await packOf(world, 'tree');
  const file = world.backend.files.get(`data/${bad}`)!;
  file[file.byteLength - 1]! ^= 1;
  await checked(world, { readData: { kind: 'all' }, stateFolder });
  assert.deepEqual(await run(), [1, packs - 1]);
});

test('a promise without local state is refused', async () => {
  const world = await makeWorld();
  await assert.rejects(
    checked(world, { fullWithinMs: 86_400_000 }),
    (error) => isCoffreError(error, 'USAGE') && error.message.includes('local cache'),
  );
});

test('after damage the steps lead from the index to the packs to the snapshots', async () => {
  const world = await makeWorld();
  const pack = await packOf(world, 'data');
  world.backend.files.get(`data/${pack}`)![5]! ^= 1;
  assert.deepEqual((await checked(world)).result.steps, ['repair-packs', 'refill', 'repair-snapshots']);
  for (const name of fileNames(world, 'index')) world.backend.files.delete(name);
  assert.deepEqual((await checked(world)).result.steps, ['repair-index', 'refill', 'repair-snapshots']);
});
