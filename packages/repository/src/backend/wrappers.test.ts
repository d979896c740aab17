import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withLockGuard } from '../lock/lock-guard.ts';
import { backendConformance, listed, rejectsWith } from '../testing/backend-conformance.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import { fileName } from './backend.ts';
import { withConnectionCap } from './connection-cap.ts';
import { withCounts } from './counting.ts';
import { withDryRun } from './dry-run.ts';
import { withMemory } from './layers.ts';
import { withLimits } from './limits/limits.ts';
import { createThrottle } from './limits/throttle.ts';
import { createMemoryBackend } from './memory.ts';
import { extendRetention, type Retention } from './retention.ts';
import { withRetry } from './retry.ts';

const name = 'ab'.repeat(32);
const other = 'cd'.repeat(32);

backendConformance('counting', async () => ({ backend: withCounts(createMemoryBackend()) }));

test('calls and bytes are counted, of one kind and of all', async () => {
  const backend = withCounts(createMemoryBackend());
  await backend.save({ kind: 'data', name }, [Buffer.alloc(10), Buffer.alloc(5)]);
  await backend.save({ kind: 'index', name }, [Buffer.alloc(7)]);
  await backend.save({ kind: 'config' }, [Buffer.alloc(1)]);
  await backend.load({ kind: 'data', name }, { offset: 3, length: 4 });
  await backend.stat({ kind: 'index', name });
  await listed(backend, 'data');
  await backend.remove({ kind: 'index', name });
  await rejectsWith('BACKEND_NOT_FOUND', backend.load({ kind: 'index', name }));
  assert.deepEqual(backend.tally('save'), { calls: 3, bytes: 23 });
  assert.deepEqual(backend.tally('save', 'data'), { calls: 1, bytes: 15 });
  assert.deepEqual(backend.tally('save', 'config'), { calls: 1, bytes: 1 });
  assert.deepEqual(backend.tally('load'), { calls: 1, bytes: 4 });
  assert.deepEqual(backend.tally('list', 'data'), { calls: 1, bytes: 0 });
  assert.deepEqual(backend.tally('remove'), { calls: 1, bytes: 0 });
  assert.deepEqual(backend.tally('remove', 'locks'), { calls: 0, bytes: 0 });
});

backendConformance('a dry run that keeps all', async () => ({
  backend: withDryRun(createMemoryBackend(), { keeps: () => true }),
}));

test('a dry run changes nothing and shows how things would be', async () => {
  const memory = createMemoryBackend();
  await memory.save({ kind: 'snapshots', name }, [Buffer.from('old')]);
  const before = new Map(memory.files);
  const backend = withDryRun(memory);
  await backend.create();
  await backend.save({ kind: 'snapshots', name: other }, [Buffer.from('new')]);
  await backend.remove({ kind: 'snapshots', name });
  await rejectsWith('BACKEND_NOT_FOUND', backend.load({ kind: 'snapshots', name }));
  assert.equal((await backend.load({ kind: 'snapshots', name: other })).toString(), 'new');
  assert.deepEqual(await listed(backend, 'snapshots'), [{ name: other, sizeBytes: 3 }]);
  assert.deepEqual(memory.files, before);
});

test('a dry run counts packs and keeps none', async () => {
  const memory = createMemoryBackend();
  const backend = withDryRun(memory);
  const file = { kind: 'data', name } as const;
  await backend.save(file, [Buffer.alloc(1000)]);
  assert.deepEqual(await backend.stat(file), { sizeBytes: 1000 });
  assert.deepEqual(await listed(backend, 'data'), [{ name, sizeBytes: 1000 }]);
  await rejectsWith('BACKEND_NOT_FOUND', backend.load(file));
  assert.equal(memory.files.size, 0);
});

test('retention is reached through every layer before the storage, and a dry run changes none', async () => {
  const kept = new Map<string, number>();
  const retention: Retention = {
    periodMs: 1000,
    until: async (file) => kept.get(fileName(file)),
    extend: async (file, untilMs) => void kept.set(fileName(file), untilMs),
  };
  const [clock, random] = [createFakeClock(), createSeededRandom(1)];
  const path = await mkdtemp(join(tmpdir(), 'coffre-retention-'));
  const storage = withConnectionCap(
    withLimits(
      { ...createMemoryBackend(), retention },
      createThrottle({ usual: { up: 1000 }, windows: [] }, { clock }),
    ),
  );
  const near = { folder: path, random, clock, cached: true };
  const full = withLockGuard(await withMemory(withRetry(storage, { clock, random }), near));
  const files = [{ kind: 'data', name }, { kind: 'config' }] as const;
  assert.deepEqual(await extendRetention(withDryRun(full), files, { untilMs: 500 }), { extended: 2, longEnough: 0 });
  assert.equal(kept.size, 0);
  assert.deepEqual(await extendRetention(full, files, { untilMs: 500 }), { extended: 2, longEnough: 0 });
  assert.deepEqual(await extendRetention(full, files, { untilMs: 900, enoughMs: 400 }), { extended: 0, longEnough: 2 });
  assert.deepEqual([...kept.values()], [500, 500]);
  assert.deepEqual(await extendRetention(full, files, { untilMs: 900 }), { extended: 2, longEnough: 0 });
  await rejectsWith('BACKEND_UNPROTECTED', extendRetention(createMemoryBackend(), files, { untilMs: 1 }));
  await full.close();
  await rm(path, { recursive: true });
});
