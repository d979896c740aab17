import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryBackend } from '../backend/memory.ts';
import { backendConformance, rejectsWith } from './backend-conformance.ts';
import { createFakeClock } from './fake-clock.ts';
import { atCall, atEachCall, atEvery, bySeed, isWrite, withFaults } from './faults.ts';
import { createSeededRandom } from './seeded-random.ts';

const file = { kind: 'data', name: 'ab'.repeat(32) } as const;
const bytes = Buffer.alloc(1000, 7);

backendConformance('a faulty backend without faults', async () => ({
  backend: withFaults(createMemoryBackend(), () => undefined),
}));

test('after a crash nothing reaches the storage any more', async () => {
  const memory = createMemoryBackend();
  const backend = withFaults(memory, atCall(1, { kind: 'crash' }, isWrite));
  await backend.save(file, [bytes]);
  await backend.load(file);
  await rejectsWith('BACKEND_IO', backend.remove(file));
  await rejectsWith('BACKEND_IO', backend.load(file));
  await rejectsWith('BACKEND_IO', backend.save({ kind: 'config' }, [bytes]));
  assert.deepEqual([...memory.files.keys()], [`data/${file.name}`]);
  assert.ok(backend.crashed());
});

test('a flipped bit is one bit, a truncated load is shorter', async () => {
  const memory = createMemoryBackend();
  await memory.save(file, [bytes]);
  const flipped = await withFaults(
    memory,
    atEvery(() => true, { kind: 'flip-bit' }),
  ).load(file);
  const different = flipped.filter((byte) => byte !== 7);
  assert.equal(different.length, 1);
  assert.equal(((different[0] ?? 0) ^ 7).toString(2).replaceAll('0', ''), '1');
  assert.ok(
    (
      await withFaults(
        memory,
        atEvery(() => true, { kind: 'truncate' }),
      ).load(file)
    ).byteLength < 1000,
  );
  assert.ok((await memory.load(file)).equals(bytes));
});

test('enumerating the calls meets each once', async () => {
  const met: string[] = [];
  const places = await atEachCall({ kind: 'fail' }, isWrite, async (plan) => {
    const backend = withFaults(createMemoryBackend(), (call) => {
      const fault = plan(call);
      if (fault !== undefined) met.push(`${call.index} ${call.operation}`);
      return fault;
    });
    await backend.save(file, [bytes]).catch(() => undefined);
    await backend.load(file).catch(() => undefined);
    await backend.remove(file).catch(() => undefined);
  });
  assert.equal(places, 2);
  assert.deepEqual(met, ['0 save', '2 remove']);
});

test('the same seed gives the same faults', async () => {
  const run = async (seed: number): Promise<string> => {
    const backend = withFaults(createMemoryBackend(), bySeed(seed, 0.5, [{ kind: 'fail' }]));
    const outcomes = Array.from({ length: 40 }, () =>
      backend.save(file, [bytes]).then(
        () => '1',
        () => '0',
      ),
    );
    return (await Promise.all(outcomes)).join('');
  };
  assert.equal(await run(3), await run(3));
  assert.notEqual(await run(3), await run(4));
});

test('a seeded random is even, and repeats with its seed', () => {
  const [a, b] = [createSeededRandom(9), createSeededRandom(9)];
  assert.deepEqual(a.bytes(1001), b.bytes(1001));
  const counts = new Uint32Array(10);
  for (let i = 0; i < 10_000; i += 1) counts[a.integer(10)] = (counts[a.integer(10)] ?? 0) + 1;
  assert.ok(a.chance(1) && !a.chance(0));
  assert.ok(['x', 'y'].includes(a.pick(['x', 'y'])));
});

test('a fake clock wakes sleepers in order, and only when their time has come', async () => {
  const clock = createFakeClock();
  const woken: string[] = [];
  const sleeper = async (name: string, ...durationsMs: number[]): Promise<void> => {
    for (const durationMs of durationsMs) {
      await clock.sleep(durationMs);
      woken.push(`${name}${clock.monotonicMs()}`);
    }
  };
  const all = Promise.all([sleeper('a', 100, 100), sleeper('b', 150), sleeper('c', 1000)]);
  await clock.advance(250);
  assert.deepEqual(woken, ['a100', 'b150', 'a200']);
  clock.jump(3600_000);
  await clock.advance(10);
  assert.equal(clock.sleeping(), 1);
  await clock.advance(1000);
  await all;
  assert.equal(clock.nowNs(), BigInt(Date.parse('2026-01-02T04:04:05Z') + 1260) * 1_000_000n);
});
