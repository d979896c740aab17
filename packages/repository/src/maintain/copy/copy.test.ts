import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MemoryBackend } from '../../backend/memory.ts';
import type { SnapshotId } from '../../ids.ts';
import { openRepository, type Repository, type StoredSnapshot } from '../../repository.ts';
import {
  atEachCall,
  atEvery,
  isWrite,
  withFaults,
  type BackendCall,
  type Fault,
  type FaultyBackend,
} from '../../testing/faults.ts';
import {
  addSampleSnapshot,
  createSampleHost,
  createSampleRepository,
  samplePassword,
  type SampleTree,
} from '../../testing/sample-repository.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import { check } from '../check.ts';
import { copySnapshots, type CopyOptions, type CopyReport, type CopyResult } from './copy.ts';

const random = createSeededRandom(7);
const noise = (sizeBytes: number): Buffer => random.bytes(sizeBytes);

/** Small packs, so that there are several; in this thread, so that every call happens in one order. */
const settings = { packTargetBytes: 20_000, threads: 0 } as const;

const shared: SampleTree = { a: { type: 'file', chunks: [noise(9000), noise(9000), 'text '.repeat(900)] } };
const trees: readonly SampleTree[] = [
  { docs: { ...shared, empty: '' }, b: { type: 'file', chunks: [noise(15_000)] } },
  { docs: shared, c: { type: 'file', chunks: [noise(12_000), noise(12_000)] } },
  { docs: shared, d: 'small', deep: { er: { e: { type: 'file', chunks: [noise(5000)] } } } },
];

type Source = { readonly repository: Repository; readonly backend: MemoryBackend; readonly ids: SnapshotId[] };

async function createSource(version: 1 | 2 = 2): Promise<Source> {
  const { repository, backend } = await createSampleRepository({ version });
  const ids: SnapshotId[] = [];
  for (const [i, tree] of trees.entries()) {
    const indexed = await repository.loadIndex();
    const parent = ids.at(-1);
    const time = `2026-01-0${i + 1}T00:00:00Z`;
    ids.push(await addSampleSnapshot(indexed, tree, { time, ...(parent !== undefined && { parent }) }));
  }
  return { repository, backend, ids };
}

async function createTarget(version: 1 | 2 = 2): Promise<MemoryBackend> {
  const host = createSampleHost({ random: createSeededRandom(99) });
  return (await createSampleRepository({ version, host })).backend;
}

type Copied = { readonly result: CopyResult; readonly events: CopyReport[]; readonly target: Repository };

async function copyBetween(
  from: Source['backend'] | FaultyBackend,
  to: MemoryBackend | FaultyBackend,
  options: Partial<CopyOptions> = {},
): Promise<Copied> {
  const host = createSampleHost();
  const source = await openRepository({ backend: from, host, password: samplePassword });
  const target = await openRepository({ backend: to, host, password: samplePassword });
  const events: CopyReport[] = [];
  const snapshots = options.snapshots ?? (await source.listSnapshots());
  const result = await copySnapshots(await source.loadIndex(), await target.loadIndex(), {
    ...settings,
    report: (event) => events.push(event),
    ...options,
    snapshots,
  });
  return { result, events, target };
}

async function problemsOf(backend: MemoryBackend): Promise<string[]> {
  const repository = await openRepository({ backend, host: createSampleHost(), password: samplePassword });
  const problems: string[] = [];
  await check(repository, { readData: { kind: 'all' }, threads: 0 }, (event) => {
    if (event.kind === 'finding' && event.finding.severity === 'error') problems.push(event.finding.message);
  });
  return problems;
}

async function snapshotsIn(backend: MemoryBackend): Promise<StoredSnapshot[]> {
  const repository = await openRepository({ backend, host: createSampleHost(), password: samplePassword });
  const all = await repository.listSnapshots();
  return all.sort((a, b) => (a.snapshot.time < b.snapshot.time ? -1 : 1));
}

/** How often each blob is in the packs of the index. */
async function timesStored(backend: MemoryBackend): Promise<number[]> {
  const repository = await openRepository({ backend, host: createSampleHost(), password: samplePassword });
  const times = new Map<string, number>();
  for (const { type, id } of (await repository.loadIndex()).blobs()) {
    times.set(`${type} ${id}`, (times.get(`${type} ${id}`) ?? 0) + 1);
  }
  return [...times.values()];
}

for (const [from, to] of [
  [2, 2],
  [1, 2],
  [2, 1],
  [1, 1],
] as const) {
  test(`a copy from version ${from} to ${to} is whole, holds every blob once, and has nothing to do again`, async () => {
    const source = await createSource(from);
    const backend = await createTarget(to);
    const { result } = await copyBetween(source.backend, backend);
    assert.deepEqual([result.copied, result.present, result.failed], [3, 0, 0]);
    assert.deepEqual(await problemsOf(backend), []);
    assert.ok((await timesStored(backend)).every((times) => times === 1));
    const copies = await snapshotsIn(backend);
    const originals = await snapshotsIn(source.backend);
    for (const [i, { snapshot }] of copies.entries()) {
      const { parent: _, ...expected } = originals[i]!.snapshot;
      assert.deepEqual(snapshot, { ...expected, original: source.ids[i] });
    }
    const again = await copyBetween(source.backend, backend);
    assert.deepEqual([again.result.copied, again.result.present, again.result.amount.blobs], [0, 3, 0]);
    const back = await copyBetween(backend, source.backend);
    assert.deepEqual([back.result.copied, back.result.present], [0, 3], 'nor in the other direction');
  });
}

test('compressed blobs keep their bytes between repositories of version 2, also in threads', async () => {
  const source = await createSource();
  const backend = await createTarget();
  await copyBetween(source.backend, backend, { threads: 2 });
  assert.deepEqual(await problemsOf(backend), []);
  const lengths = async (repository: Repository): Promise<Set<string>> => {
    const blobs = (await repository.loadIndex()).blobs();
    return new Set([...blobs].map(({ id, location }) => `${id} ${location.length} ${location.uncompressedLength}`));
  };
  const host = createSampleHost();
  const target = await openRepository({ backend, host, password: samplePassword });
  assert.deepEqual(await lengths(target), await lengths(source.repository));
});

test('only the snapshots asked for are copied, and what they share with copied ones is not moved again', async () => {
  const source = await createSource();
  const backend = await createTarget();
  const all = await snapshotsIn(source.backend);
  const first = await copyBetween(source.backend, backend, { snapshots: all.slice(1, 2) });
  assert.equal(first.result.copied, 1);
  const second = await copyBetween(source.backend, backend, { snapshots: all.slice(0, 1) });
  assert.equal(second.result.amount.blobs, 3, 'one file, and the trees above it and beside the empty one');
  assert.deepEqual(await problemsOf(backend), []);
});

test('a dry run counts what would be moved and writes nothing', async () => {
  const source = await createSource();
  const backend = await createTarget();
  const target = withFaults(backend, () => undefined);
  const dry = await copyBetween(source.backend, target, { dryRun: true });
  assert.deepEqual(target.calls.filter(isWrite), []);
  const wet = await copyBetween(source.backend, backend);
  assert.deepEqual(dry.result.amount, wet.result.amount);
});

for (const kind of ['crash', 'crash-after'] as const satisfies readonly Fault['kind'][]) {
  test(`a ${kind} at any write leaves no snapshot without its data, and the next copy moves nothing twice`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'coffre-copy-'));
    try {
      const source = await createSource();
      const before = [...(await snapshotsIn(source.backend))];
      const places = await atEachCall({ kind }, isWrite, async (plan, index) => {
        const backend = await createTarget();
        const journalPath = join(folder, `${kind}-${index}`);
        const killed = withFaults(backend, plan);
        await copyBetween(source.backend, killed, { journalPath }).catch((error: unknown) => {
          assert.ok(killed.crashed(), String(error));
        });
        assert.deepEqual(await problemsOf(backend), [], 'after the crash');
        const watched = withFaults(source.backend, () => undefined);
        const { result } = await copyBetween(watched, backend, { journalPath });
        assert.equal(result.failed, 0);
        assert.deepEqual(await problemsOf(backend), [], 'after the next copy');
        assert.ok(
          (await timesStored(backend)).every((times) => times === 1),
          'every blob was moved once',
        );
        assert.equal((await snapshotsIn(backend)).length, 3);
        assert.deepEqual(watched.calls.filter(isWrite), []);
      });
      assert.ok(places > 6, `there were ${places} writes`);
      assert.deepEqual(await snapshotsIn(source.backend), before);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** The pack of the source that holds most of the data of one snapshot only. */
async function packOfSnapshot(source: Source, which: number): Promise<string> {
  const indexed = await source.repository.loadIndex();
  const { tree } = (await source.repository.loadSnapshot(source.ids[which] as SnapshotId)) ?? {};
  const name = ['b', 'c', 'd'][which];
  const node = (await indexed.loadTree(tree)).find((entry) => entry.name === (name as string));
  return indexed.place('data', node!.content![0]!)!.packId;
}

for (const fault of [{ kind: 'flip-bit' }, { kind: 'truncate' }] as const satisfies readonly Fault[]) {
  test(`a pack of the source with ${fault.kind} costs the snapshots that need it and no others`, async () => {
    const source = await createSource();
    const packId = await packOfSnapshot(source, 1);
    const isPack = ({ operation, name }: BackendCall): boolean => operation === 'load' && name === `data/${packId}`;
    const damaged = withFaults(source.backend, atEvery(isPack, fault));
    const backend = await createTarget();
    const { result, events } = await copyBetween(damaged, backend);
    assert.deepEqual(await problemsOf(backend), []);
    const failed = events.flatMap((event) => (event.kind === 'failed' ? [event] : []));
    assert.deepEqual(
      failed.map(({ snapshot }) => snapshot.id),
      [source.ids[1]],
    );
    assert.match(failed[0]!.error.message, /snapshot [0-9a-f]{8} was not copied: "\/c" cannot be read: /);
    assert.deepEqual([result.copied, result.failed], [2, 1]);
    const healed = await copyBetween(source.backend, backend);
    assert.deepEqual([healed.result.copied, healed.result.present], [1, 2]);
    assert.deepEqual(await problemsOf(backend), []);
  });
}

test('a read that lies once is read again', async () => {
  const source = await createSource();
  const isPack = ({ operation, kind }: BackendCall): boolean => operation === 'load' && kind === 'data';
  const places = await atEachCall({ kind: 'flip-bit' }, isPack, async (plan) => {
    const backend = await createTarget();
    const { result } = await copyBetween(withFaults(source.backend, plan), backend);
    assert.deepEqual([result.copied, result.failed], [3, 0]);
    assert.deepEqual(await problemsOf(backend), []);
  });
  assert.ok(places > 3);
});

test('a storage that cannot be reached ends the copy, and nothing is published half', async () => {
  const source = await createSource();
  const backend = await createTarget();
  let reads = 0;
  const isLater = ({ operation, kind }: BackendCall): boolean => operation === 'load' && kind === 'data' && ++reads > 4;
  const broken = withFaults(source.backend, atEvery(isLater, { kind: 'fail' }));
  await assert.rejects(copyBetween(broken, backend), { code: 'BACKEND_IO' });
  assert.deepEqual(await snapshotsIn(backend), []);
  assert.deepEqual(await problemsOf(backend), []);
});

test('an abort ends the copy with its reason', async () => {
  const source = await createSource();
  const backend = await createTarget();
  const stop = new AbortController();
  const reason = new Error('enough');
  const report = (event: CopyReport): void => {
    if (event.kind === 'counted') stop.abort(reason);
  };
  await assert.rejects(copyBetween(source.backend, backend, { signal: stop.signal, report }), reason);
  assert.deepEqual(await snapshotsIn(backend), []);
});
