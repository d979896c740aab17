import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoffreError, errorCodes } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { backendConformance, listed, rejectsWith } from '../testing/backend-conformance.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { atCall, atEvery, bySeed, withFaults } from '../testing/faults.ts';
import type { FaultPlan } from '../testing/faults.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import type { Backend } from './backend.ts';
import { createMemoryBackend } from './memory.ts';
import { withRetry } from './retry.ts';
import type { RetryEvent, RetryOptions } from './retry.ts';

const file = { kind: 'data', name: 'ab'.repeat(32) } as const;
const bytes = Buffer.from('the bytes of a pack');

for (const replacesAtomically of [true, false]) {
  backendConformance(
    `retry over a storage that fails at random (${replacesAtomically ? 'replacing' : 'not replacing'})`,
    async () => {
      const memory = createMemoryBackend({ replacesAtomically });
      const random = bySeed(7, 0.2, [{ kind: 'fail' }, { kind: 'lose-answer' }]);
      // A removal whose answer was lost cannot tell a missing file from one that it removed itself.
      const faulty = withFaults(memory, (call) => (call.operation === 'remove' ? undefined : random(call)));
      return { backend: retrying(faulty).backend };
    },
  );
}

function retrying(backend: Backend, options: Partial<RetryOptions> = {}): { backend: Backend; events: RetryEvent[] } {
  const events: RetryEvent[] = [];
  const clock = createFakeClock({ sleepless: true });
  const random = createSeededRandom(1);
  return { events, backend: withRetry(backend, { clock, random, report: (event) => events.push(event), ...options }) };
}

test('the pauses double up to a minute, each between half and one and a half of its nominal length', async () => {
  const always = withFaults(
    createMemoryBackend(),
    atEvery(() => true, { kind: 'fail' }),
  );
  const { backend, events } = retrying(always, { attemptsMax: 10 });
  await rejectsWith('BACKEND_IO', backend.load(file));
  assert.equal(always.calls.length, 10);
  assert.deepEqual(
    events.map(({ attempt }) => attempt),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  for (const { attempt, delayMs, about } of events) {
    const nominalMs = Math.min(500 * 2 ** (attempt - 1), 60_000);
    assert.ok(delayMs >= nominalMs / 2 && delayMs <= nominalMs * 1.5, `${attempt}: ${delayMs}`);
    assert.equal(about, `reading data/${file.name}`);
  }
  assert.ok(new Set(events.slice(-3).map(({ delayMs }) => delayMs)).size > 1, 'jittered');
});

test('no try begins later than a quarter of an hour after the first', async () => {
  const { backend, events } = retrying(
    withFaults(
      createMemoryBackend(),
      atEvery(() => true, { kind: 'fail' }),
    ),
    {
      attemptsMax: 1000,
    },
  );
  await rejectsWith('BACKEND_IO', backend.stat(file));
  const totalMs = events.reduce((sum, { delayMs }) => sum + delayMs, 0);
  assert.ok(totalMs <= 15 * 60_000 && totalMs > 12 * 60_000, String(totalMs));
});

test('a storage that says when to come again is not asked before, within reason', async () => {
  for (const [askedMs, expectedMs] of [
    [90_000, 90_000],
    [86_400_000, 300_000],
  ] as const) {
    const error = new CoffreError('BACKEND_IO', 'busy', { retryable: true, retryAfterMs: askedMs });
    const { backend, events } = retrying(withFaults(createMemoryBackend(), atCall(0, { kind: 'fail', error })));
    await backend.save(file, [bytes]);
    assert.deepEqual(
      events.map(({ delayMs }) => delayMs),
      [expectedMs],
    );
  }
});

/** Of a storage, and worth another try. Every other code is permanent, also one that comes later. */
const passing = new Set(['BACKEND_IO', 'BACKEND_SHORT_READ']);
const storageCodes = (Object.keys(errorCodes) as ErrorCode[]).filter((code) => code.startsWith('BACKEND_'));

for (const code of storageCodes.filter((name) => !passing.has(name))) {
  test(`${code} is never tried again, however it is marked`, async () => {
    const error = new CoffreError(code, 'injected', { retryable: true });
    const faulty = withFaults(
      createMemoryBackend(),
      atEvery(() => true, { kind: 'fail', error }),
    );
    await rejectsWith(code, retrying(faulty).backend.save(file, [bytes]));
    assert.equal(faulty.calls.length, 1);
  });
}

test('an error that is not marked as retryable is not tried again', async () => {
  const error = new CoffreError('BACKEND_IO', 'injected');
  const faulty = withFaults(
    createMemoryBackend(),
    atEvery(() => true, { kind: 'fail', error }),
  );
  await rejectsWith('BACKEND_IO', retrying(faulty).backend.load(file));
  assert.equal(faulty.calls.length, 1);
});

test('a failed save is repeated at once where files are replaced', async () => {
  const faulty = withFaults(createMemoryBackend(), atCall(0, { kind: 'fail' }));
  await retrying(faulty).backend.save(file, [bytes]);
  assert.deepEqual(
    faulty.calls.map(({ operation }) => operation),
    ['save', 'save'],
  );
});

test('a failed save is removed before it is repeated where files are not replaced', async () => {
  const memory = createMemoryBackend({ replacesAtomically: false });
  const faulty = withFaults(memory, atCall(0, { kind: 'lose-answer' }));
  await retrying(faulty).backend.save(file, [bytes]);
  assert.deepEqual(
    faulty.calls.map(({ operation }) => operation),
    ['save', 'remove', 'save'],
  );
  assert.deepEqual(memory.files.get(`data/${file.name}`), bytes);
});

const denied = new CoffreError('BACKEND_DENIED', 'append-only');
const appendOnly: FaultPlan = (call) => (call.operation === 'remove' ? { kind: 'fail', error: denied } : undefined);

test('on an append-only storage equal bytes count as saved when only the answer was lost', async () => {
  const memory = createMemoryBackend({ replacesAtomically: false });
  const backend = withFaults(withFaults(memory, atCall(0, { kind: 'lose-answer' })), appendOnly);
  await retrying(backend).backend.save(file, [bytes.subarray(0, 4), bytes.subarray(4)]);
  assert.deepEqual(memory.files.get(`data/${file.name}`), bytes);
});

test('on an append-only storage a part of the file does not count as saved', async () => {
  const memory = createMemoryBackend({ replacesAtomically: false });
  memory.files.set(`data/${file.name}`, bytes.subarray(0, 4));
  const backend = withFaults(withFaults(memory, atCall(0, { kind: 'fail' })), appendOnly);
  await rejectsWith('BACKEND_EXISTS', retrying(backend).backend.save(file, [bytes]));
});

test('a config is never removed to save it again: it may be that of another init', async () => {
  const memory = createMemoryBackend({ replacesAtomically: false });
  memory.files.set('config', Buffer.from('of another'));
  const faulty = withFaults(memory, atCall(0, { kind: 'fail' }));
  await rejectsWith('BACKEND_EXISTS', retrying(faulty).backend.save({ kind: 'config' }, [bytes]));
  assert.equal(memory.files.get('config')?.toString(), 'of another');
});

test('a removal whose answer was lost has worked', async () => {
  const memory = createMemoryBackend();
  await memory.save(file, [bytes]);
  await retrying(withFaults(memory, atCall(0, { kind: 'lose-answer' }))).backend.remove(file);
  assert.equal(memory.files.size, 0);
});

test('a list that breaks off starts again and gives every file once', async () => {
  const memory = createMemoryBackend();
  const names = Array.from({ length: 20 }, (_, i) => i.toString(16).padStart(64, '0'));
  for (const name of names) await memory.save({ kind: 'index', name }, [bytes]);
  let breaks = 3;
  const breaking: Backend = {
    ...memory,
    async *list(kind) {
      let given = 0;
      for await (const item of memory.list(kind)) {
        if (given === 5 * (4 - breaks) && breaks > 0) {
          breaks -= 1;
          throw new CoffreError('BACKEND_IO', 'broken off', { retryable: true });
        }
        given += 1;
        yield item;
      }
    },
  };
  assert.deepEqual(
    (await listed(retrying(breaking).backend, 'index')).map(({ name }) => name),
    names,
  );
  assert.equal(breaks, 0);
});

test('an abort ends the waiting at once', async () => {
  const clock = createFakeClock();
  const always = withFaults(
    createMemoryBackend(),
    atEvery(() => true, { kind: 'fail' }),
  );
  const stop = new AbortController();
  const { backend } = retrying(always, { clock });
  const load = backend.load(file, { signal: stop.signal });
  await clock.advance(0);
  assert.equal(clock.sleeping(), 1);
  stop.abort(new Error('enough'));
  await assert.rejects(load, /enough/);
  assert.equal(always.calls.length, 1);
});
