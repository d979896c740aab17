import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import { backendConformance, rejectsWith } from '../testing/backend-conformance.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { atEachCall, bySeed, isWrite, withFaults } from '../testing/faults.ts';
import type { FaultPlan } from '../testing/faults.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import type { Backend } from './backend.ts';
import { withConnectionCap } from './connection-cap.ts';
import { reachStorage, withMemory } from './layers.ts';
import { withLimits } from './limits/limits.ts';
import { createThrottle } from './limits/throttle.ts';
import { createMemoryBackend } from './memory.ts';
import { withRetry } from './retry.ts';

const kib = 1024;

/** All layers, in their order, over a storage with faults. */
async function stack(storage: Backend, plan: FaultPlan) {
  const folder = await mkdtemp(join(tmpdir(), 'coffre-layers-'));
  const clock = createFakeClock({ sleepless: true });
  const random = createSeededRandom(3);
  const throttle = createThrottle({ usual: { up: 50_000 * kib, down: 50_000 * kib }, windows: [] }, { clock });
  const lower = withConnectionCap(withLimits(withFaults(storage, plan), throttle));
  const backend = await withMemory(withRetry(lower, { clock, random }), { folder, random, clock, cached: true });
  return { backend, dispose: () => rm(folder, { recursive: true }) };
}

backendConformance('all layers over a storage that fails at random', async () => {
  const random = bySeed(11, 0.15, [{ kind: 'fail' }, { kind: 'lose-answer' }]);
  // A removal whose answer was lost cannot tell a missing file from one that it removed itself.
  return await stack(createMemoryBackend(), (call) => (call.operation === 'remove' ? undefined : random(call)));
});

test('a kill at any write leaves every file whole or absent, whatever the layers kept of it', async () => {
  const kinds = ['data', 'index', 'snapshots'] as const;
  const places = await atEachCall({ kind: 'crash' }, isWrite, async (plan) => {
    const memory = createMemoryBackend();
    const { backend, dispose } = await stack(memory, plan);
    const bytes = Buffer.alloc(100 * kib, 7);
    try {
      for (const [n, kind] of kinds.entries()) {
        await backend.save({ kind, name: String(n).repeat(64), holdsTrees: true }, [
          bytes.subarray(0, 9),
          bytes.subarray(9),
        ]);
      }
      await backend.remove({ kind: 'data', name: '0'.repeat(64) });
    } catch (error) {
      assert.ok(isCoffreError(error, 'BACKEND_IO'), String(error));
    }
    for (const stored of memory.files.values()) assert.ok(stored.equals(bytes));
    await dispose();
  });
  assert.equal(places, 4);
});

test('a folder is reached with limits, and a timetable that cannot be read is refused before anything is touched', async () => {
  const path = await mkdtemp(join(tmpdir(), 'coffre-layers-'));
  const clock = createFakeClock();
  const options = { clock, random: createSeededRandom(1) };
  await rejectsWith('USAGE', reachStorage({ kind: 'local', path }, { ...options, limits: { schedule: 'noon' } }));
  const backend = await reachStorage({ kind: 'local', path }, { ...options, limits: { up: 100 * kib } });
  await backend.create();
  const save = { doneMs: 0 };
  const name = 'ab'.repeat(32);
  const saved = backend
    .save({ kind: 'data', name }, [Buffer.alloc(500 * kib)])
    .then(() => (save.doneMs = clock.monotonicMs()));
  while (clock.sleeping() === 0) await clock.advance(0);
  while (save.doneMs === 0) await clock.advance(100);
  assert.ok(save.doneMs >= 4500, `${save.doneMs} ms for 500 KiB`);
  await saved;
  assert.equal((await backend.stat({ kind: 'data', name })).sizeBytes, 500 * kib);
  await backend.close();
  await rm(path, { recursive: true });
});
