import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { backendConformance, listed, rejectsWith } from '../../testing/backend-conformance.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { atEachCall, isWrite, withFaults } from '../../testing/faults.ts';
import type { CoffreError } from '../../errors.ts';
import type { Backend, FileKind } from '../backend.ts';
import { createMemoryBackend } from '../memory.ts';
import { hasShrunk } from './judge.ts';
import { withListFloor } from './list-floor.ts';
import type { ListFloorOptions } from './list-floor.ts';
import { parseListings } from './listing-notes.ts';

backendConformance('a list floor', async () => ({
  backend: withListFloor(createMemoryBackend(), { notes: memoryNotes(), clock: createFakeClock() }),
}));

function memoryNotes() {
  let text: string | undefined;
  return {
    read: async () => text,
    write: async (fresh: string) => void (text = fresh),
    listings: () => parseListings(text),
  };
}

const idOf = (n: number): string => n.toString(16).padStart(64, '0');
const kib = 1024;

describe('a listing', () => {
  const shrunk = (kind: 'data' | 'index' | 'snapshots', known: [number, number], seen: [number, number]): boolean =>
    hasShrunk(kind, { files: known[0], sizeBytes: known[1] }, { files: seen[0], sizeBytes: seen[1] });

  test('that is empty where there was something is suspicious, of every kind', () => {
    for (const kind of ['data', 'index', 'snapshots'] as const) {
      assert.equal(shrunk(kind, [1, 100], [0, 0]), true);
      assert.equal(shrunk(kind, [0, 0], [0, 0]), false);
      assert.equal(hasShrunk(kind, undefined, { files: 0, sizeBytes: 0 }), false);
    }
  });

  test('of snapshots is suspicious below half of them, not when a few were few', () => {
    assert.equal(shrunk('snapshots', [100, 30_000], [49, 15_000]), true);
    assert.equal(shrunk('snapshots', [100, 30_000], [50, 15_000]), false);
    assert.equal(shrunk('snapshots', [7, 2000], [1, 300]), false);
  });

  test('of packs or indexes is suspicious below half of the bytes, not when many became few', () => {
    assert.equal(shrunk('data', [100, 100_000 * kib], [100, 49_000 * kib]), true);
    assert.equal(shrunk('data', [100, 100_000 * kib], [10, 90_000 * kib]), false);
    assert.equal(shrunk('index', [100, 1000 * kib], [1, 600 * kib]), false);
    assert.equal(shrunk('index', [100, 100 * kib], [1, 10 * kib]), false);
  });
});

async function scene(counts: Partial<Record<FileKind, number>> = { data: 20, index: 20, snapshots: 20 }) {
  const memory = createMemoryBackend();
  const notes = memoryNotes();
  const warnings: CoffreError[] = [];
  for (const [kind, count] of Object.entries(counts)) {
    for (let n = 0; n < count; n += 1)
      await memory.save({ kind: kind as FileKind, name: idOf(n) }, [Buffer.alloc(100 * kib)]);
  }
  const open = (options: Partial<ListFloorOptions> = {}, storage: Backend = memory) =>
    withListFloor(storage, { notes, clock: createFakeClock(), warn: (error) => warnings.push(error), ...options });
  const lose = (kind: FileKind, count: number): void => {
    for (const name of [...memory.files.keys()].filter((key) => key.startsWith(`${kind}/`)).slice(0, count))
      memory.files.delete(name);
  };
  const look = async (backend: Backend): Promise<void> => {
    for (const kind of ['data', 'index', 'snapshots'] as const) await listed(backend, kind);
  };
  await look(open());
  return { memory, notes, warnings, open, lose, look };
}

const snapshot = (n: number) => ({ kind: 'snapshots', name: idOf(n) }) as const;
const pack = (n: number) => ({ kind: 'data', name: idOf(n) }) as const;

test('a listing that shrinks suddenly only warns who reads, and lets nobody remove', async () => {
  const { open, lose, look, warnings, memory } = await scene();
  lose('index', 15);
  const backend = open();
  await look(backend);
  await look(backend);
  assert.deepEqual(
    warnings.map(({ message }) => message),
    ['memory lists 5 index files (0.5 MiB), where 20 index files (2.0 MiB) should be since 2026-01-02'],
  );
  const before = new Map(memory.files);
  for (const file of [pack(1), snapshot(1), { kind: 'index', name: idOf(19) } as const]) {
    await rejectsWith('BACKEND_LIST_SHRANK', backend.remove(file));
  }
  assert.deepEqual(memory.files, before);
  await memory.save({ kind: 'locks', name: idOf(1) }, []);
  await backend.remove({ kind: 'locks', name: idOf(1) });
});

test('work that removes is stopped by the listing itself, before it plans', async () => {
  const { open, lose } = await scene();
  lose('snapshots', 20);
  const backend = open();
  backend.refuseShrunkenLists?.();
  await rejectsWith('BACKEND_LIST_SHRANK', listed(backend, 'snapshots'));
  const late = open();
  await listed(late, 'snapshots');
  assert.throws(() => late.refuseShrunkenLists?.(), /lists 0 snapshots/);
});

test('who accepts it goes on, and the smaller listing is what is known from then on', async () => {
  const { open, lose, look, notes } = await scene();
  lose('snapshots', 19);
  const backend = open({ accept: true });
  backend.refuseShrunkenLists?.();
  await look(backend);
  await backend.remove(snapshot(19));
  await backend.close();
  assert.equal(notes.listings().snapshots?.files, 0);
  const next = open();
  next.refuseShrunkenLists?.();
  await look(next);
});

test('a suspicion ends when the storage shows everything again', async () => {
  const { open, lose, memory } = await scene();
  lose('snapshots', 15);
  const backend = open();
  await listed(backend, 'snapshots');
  await rejectsWith('BACKEND_LIST_SHRANK', backend.remove(snapshot(19)));
  for (let n = 0; n < 15; n += 1) await memory.save(snapshot(n), [Buffer.alloc(100 * kib)]);
  await listed(backend, 'snapshots');
  await backend.remove(snapshot(19));
});

test('what this program removed itself is not missed, in this run and in the next', async () => {
  const { open, look, notes, warnings } = await scene();
  const backend = open();
  await look(backend);
  for (let n = 0; n < 18; n += 1) for (const file of [snapshot(n), pack(n)]) await backend.remove(file);
  await look(backend);
  await backend.close();
  assert.deepEqual([notes.listings().snapshots?.files, notes.listings().data?.files], [2, 2]);
  const next = open();
  next.refuseShrunkenLists?.();
  await look(next);
  assert.deepEqual(warnings, []);
});

test('a kill at any removal leaves no memory of more than there is', async () => {
  const places = await atEachCall({ kind: 'crash' }, isWrite, async (plan) => {
    const { memory, open, look } = await scene({ snapshots: 20 });
    const faulty = withFaults(memory, plan);
    const backend = open({}, faulty);
    await look(backend);
    try {
      for (let n = 0; n < 20; n += 1) await backend.remove(snapshot(n));
      await backend.close();
    } catch (error) {
      if (!faulty.crashed()) throw error;
    }
    const next = open();
    next.refuseShrunkenLists?.();
    await look(next);
  });
  assert.equal(places, 20);
});

test('a list that is broken off tells nothing', async () => {
  const { open, notes } = await scene();
  for await (const _ of open().list('snapshots')) break;
  assert.equal(notes.listings().snapshots?.files, 20);
});

test('notes that cannot be read or written cost the suspicion and nothing else', async () => {
  const fails = async (): Promise<never> => {
    throw new Error('EIO');
  };
  const { open, look, lose } = await scene();
  lose('snapshots', 20);
  const backend = open({ notes: { read: fails, write: fails } });
  await look(backend);
  await backend.remove(pack(0));
  await backend.close();
  for (const text of ['', '{', '[]', '{"listings":{"data":{"files":-1,"sizeBytes":1,"seenMs":1},"index":7}}']) {
    assert.deepEqual(parseListings(text), {});
  }
});
