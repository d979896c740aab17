import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { backendConformance } from '../../testing/backend-conformance.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import type { Backend } from '../backend.ts';
import { withCounts } from '../counting.ts';
import { createMemoryBackend } from '../memory.ts';
import { withLimits } from './limits.ts';
import { inPieces } from './pieces.ts';
import { createThrottle } from './throttle.ts';

const kib = 1024;
const pack = { kind: 'data', name: 'ab'.repeat(32) } as const;
const noon = { minuteOfDay: () => 12 * 60 };

backendConformance('limits', async () => {
  const clock = createFakeClock({ sleepless: true });
  const throttle = createThrottle({ usual: { up: 20_000 * kib, down: 30_000 * kib }, windows: [] }, { clock });
  return { backend: withLimits(createMemoryBackend(), throttle) };
});

describe('a throttle', () => {
  test('lets 100 KiB a second through, whatever the second', async () => {
    const clock = createFakeClock();
    const { up } = createThrottle({ usual: { up: 100 * kib }, windows: [] }, { clock, ...noon });
    let sent = 0;
    const upload = (async () => {
      for await (const piece of inPieces([Buffer.alloc(16 * kib * kib)], up)) sent += piece.byteLength;
    })();
    const seconds: number[] = [];
    for (let second = 0; second < 160; second += 1) {
      const before = sent;
      await clock.advance(1000);
      seconds.push((sent - before) / kib);
    }
    await clock.advance(5000);
    await upload;
    assert.equal(sent, 16 * kib * kib);
    assert.ok(Math.max(...seconds) <= 135, `at most a second's worth and a quarter: ${Math.max(...seconds)}`);
    assert.ok(Math.min(...seconds) >= 90, `never still: ${Math.min(...seconds)}`);
  });

  test('is shared evenly: a small file passes between the pieces of large ones', async () => {
    const clock = createFakeClock();
    const { up } = createThrottle({ usual: { up: 64 * kib }, windows: [] }, { clock, ...noon });
    const done: string[] = [];
    const packs = Array.from({ length: 4 }, () => up.take(1024 * kib).then(() => done.push('pack')));
    await clock.advance(1000);
    const lock = up.take(300).then(() => done.push('lock'));
    await clock.advance(1000);
    assert.deepEqual(done, ['lock']);
    await clock.advance(70_000);
    await Promise.all([...packs, lock]);
  });

  test('follows the timetable while an upload is under way', async () => {
    const clock = createFakeClock();
    const windows = [{ from: 8 * 60, until: 18 * 60, rates: { up: 10 * kib } }];
    const minuteOfDay = (): number => (clock.monotonicMs() < 60_000 ? 17 * 60 + 59 : 18 * 60);
    const { up } = createThrottle({ usual: {}, windows }, { clock, minuteOfDay });
    let done = false;
    const upload = up.take(100_000 * kib).then(() => (done = true));
    await clock.advance(59_000);
    assert.equal(done, false);
    await clock.advance(2000);
    assert.equal(done, true);
    await upload;
  });

  test('lets who is aborted go at once, and the others do not wait for him', async () => {
    const clock = createFakeClock();
    const { down } = createThrottle({ usual: { down: kib }, windows: [] }, { clock, ...noon });
    const stop = new AbortController();
    const first = down.take(1000 * kib, stop.signal);
    const second = down.take(2 * kib);
    await clock.advance(1000);
    stop.abort(new Error('enough'));
    await assert.rejects(first, /enough/);
    await clock.advance(4000);
    await second;
    await assert.rejects(down.take(1, AbortSignal.abort(new Error('before'))), /before/);
  });

  test('without a limit never sleeps', async () => {
    const clock = createFakeClock();
    const { up, down } = createThrottle({ usual: {}, windows: [] }, { clock, ...noon });
    await Promise.all([up.take(2 ** 28), down.take(2 ** 28)]);
    assert.equal(clock.sleeping(), 0);
    assert.equal(up.secondBytes(), Infinity);
  });
});

describe('a storage that does not know of limits', () => {
  const bytes = randomBytes(1000 * kib);

  function limited(storage: Backend, clock = createFakeClock()) {
    const throttle = createThrottle(
      { usual: { up: 100 * kib, down: 100 * kib }, windows: [] },
      { clock, minuteOfDay: noon.minuteOfDay },
    );
    return { clock, backend: withLimits(storage, throttle) };
  }

  test('gets a save once its bytes are earned, and in one request', async () => {
    const counted = withCounts(createMemoryBackend());
    const { backend, clock } = limited(counted);
    const save = backend.save(pack, [bytes]);
    await clock.advance(9500);
    assert.equal(counted.tally('save').calls, 0);
    await clock.advance(1000);
    await save;
    assert.deepEqual(counted.tally('save'), { calls: 1, bytes: 1000 * kib });
  });

  test('gives a pack in requests of a second each', async () => {
    const memory = createMemoryBackend();
    await memory.save(pack, [bytes]);
    const counted = withCounts(memory);
    const { backend, clock } = limited(counted);
    const load = backend.load(pack, { offset: 5, length: 500 * kib });
    await clock.advance(2000);
    const { calls } = counted.tally('load');
    assert.ok(calls >= 1 && calls <= 3, String(calls));
    await clock.advance(10_000);
    assert.ok((await load).equals(bytes.subarray(5, 5 + 500 * kib)));
    assert.deepEqual(counted.tally('load'), { calls: 5, bytes: 500 * kib });
  });

  test('is not slowed down twice when it keeps the pace itself', () => {
    const pacing: Backend = { ...createMemoryBackend(), isThrottled: true };
    assert.equal(limited(pacing).backend, pacing);
  });

  test('an aborted save never reaches it', async () => {
    const counted = withCounts(createMemoryBackend());
    const { backend, clock } = limited(counted);
    const stop = new AbortController();
    const save = backend.save(pack, [bytes], stop.signal);
    await clock.advance(3000);
    stop.abort(new Error('enough'));
    await assert.rejects(save, /enough/);
    await clock.advance(60_000);
    assert.equal(counted.tally('save').calls, 0);
  });
});
