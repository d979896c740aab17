import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backendConformance, listed, rejectsWith } from '../testing/backend-conformance.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { atEvery, withFaults } from '../testing/faults.ts';
import type { Backend } from './backend.ts';
import { withConnectionCap } from './connection-cap.ts';
import { createMemoryBackend } from './memory.ts';

for (const connectionsMax of [1, 3]) {
  backendConformance(`a cap of ${connectionsMax} connections`, async () => ({
    backend: withConnectionCap(createMemoryBackend({ connectionsMax })),
  }));
}

const name = (n: number): string => n.toString(16).padStart(64, '0');
const pack = (n: number) => ({ kind: 'data', name: name(n) }) as const;

/** Calls that end when they are told to; `most` were at work at once. */
function held(connectionsMax: number) {
  const memory = createMemoryBackend({ connectionsMax });
  const seen = { now: 0, most: 0, order: [] as string[] };
  const ends: (() => void)[] = [];
  async function hold<T>(about: string, result: Promise<T>): Promise<T> {
    seen.now += 1;
    seen.most = Math.max(seen.most, seen.now);
    seen.order.push(about);
    const { promise, resolve } = Promise.withResolvers<void>();
    ends.push(resolve);
    await promise;
    seen.now -= 1;
    return result;
  }
  const storage: Backend = {
    ...memory,
    save: (file, parts) => hold(`save ${file.kind}`, memory.save(file, parts)),
    stat: (file) => hold(`stat ${'name' in file ? Number(`0x${file.name}`) : 0}`, memory.stat(file)),
    async *list(kind) {
      yield* await hold(`list ${kind}`, listed(memory, kind));
    },
  };
  return { memory, seen, ends, backend: withConnectionCap(storage) };
}

const settled = (): Promise<void> => createFakeClock().advance(0);

test('never more calls at once than connections, lists among them, in the order they came', async () => {
  const { memory, backend, seen, ends } = held(2);
  for (let n = 0; n < 5; n += 1) await memory.save(pack(n), [Buffer.alloc(1)]);
  const calls: Promise<unknown>[] = [0, 1, 2].map((n) => backend.stat(pack(n)));
  calls.push(listed(backend, 'data'), backend.stat(pack(4)));
  while (seen.order.length < 5 || seen.now > 0) {
    await settled();
    ends.shift()?.();
    await settled();
  }
  await Promise.all(calls);
  assert.equal(seen.most, 2);
  assert.deepEqual(seen.order, ['stat 0', 'stat 1', 'stat 2', 'list data', 'stat 4']);
});

test('a lock does not wait behind packs', async () => {
  const { backend, seen, ends } = held(1);
  const calls = [
    backend.save(pack(0), []),
    backend.save(pack(1), []),
    backend.save({ kind: 'locks', name: name(9) }, []),
  ];
  await settled();
  assert.deepEqual(seen.order, ['save data', 'save locks']);
  while (ends.length > 0) {
    ends.shift()?.();
    await settled();
  }
  await Promise.all(calls);
});

test('an abort ends the waiting, and the place in the queue with it', async () => {
  const { backend, seen, ends } = held(1);
  const stop = new AbortController();
  const first = backend.save(pack(0), []);
  const aborted = backend.save(pack(1), [], stop.signal);
  const last = backend.save(pack(2), []);
  await settled();
  stop.abort(new Error('enough'));
  await assert.rejects(aborted, /enough/);
  ends.shift()?.();
  await first;
  await settled();
  ends.shift()?.();
  await last;
  assert.deepEqual(seen.order, ['save data', 'save data']);
});

test('a call that fails gives its place back', async () => {
  const failing = withFaults(
    createMemoryBackend({ connectionsMax: 1 }),
    atEvery(() => true, { kind: 'fail' }),
  );
  const backend = withConnectionCap(failing);
  for (let round = 0; round < 3; round += 1) {
    await rejectsWith('BACKEND_IO', backend.stat(pack(0)));
    await rejectsWith('BACKEND_IO', listed(backend, 'data'));
  }
});
