import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { assertEvenPace } from '../../testing/even-pace.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { createThrottle } from '../limits/throttle.ts';
import type { SftpSession } from './sftp-session.ts';
import { readRange, writeParts } from './sftp-transfer.ts';

const kib = 1024;
const bytesPerSecond = 100 * kib;
const pieceBytes = bytesPerSecond / 16;
const bytes = randomBytes(1500 * kib);
const handle = Buffer.from('h');
const pack = { kind: 'data', name: 'ab'.repeat(32) } as const;

/** A server with one file, which answers in its own time and gives half of what is asked. */
function scene() {
  const clock = createFakeClock();
  const plan = { usual: { up: bytesPerSecond, down: bytesPerSecond }, windows: [] };
  const content = Buffer.alloc(bytes.byteLength);
  const moves: number[] = [];
  const session: Pick<SftpSession, 'pieceBytes' | 'write' | 'request'> = {
    pieceBytes: { read: 4000, write: 3000 },
    async write(_, offset, length, fill) {
      assert.ok(length <= 3000);
      fill(content.subarray(offset, offset + length));
      await clock.sleep(100);
      moves.push(length);
      return { kind: 'status', status: 0, message: '' };
    },
    async request(_, [, at, size]) {
      const { uint64: offset } = at as { uint64: number };
      const { uint32: length } = size as { uint32: number };
      assert.ok(length <= 4000);
      await clock.sleep(100);
      const data = bytes.subarray(offset, offset + Math.ceil(length / 2));
      moves.push(data.byteLength);
      return { kind: 'data', data };
    },
  };
  return {
    clock,
    content,
    session: session as SftpSession,
    throttle: createThrottle(plan, { clock, minuteOfDay: () => 0 }),
    moved: () => moves.reduce((sum, size) => sum + size, 0),
  };
}

const pace = { sizeBytes: bytes.byteLength, bytesPerSecond, pieceBytes: 2 * pieceBytes };

test('a pack goes to an SSH server at an even pace, every piece to its place', async () => {
  const { session, clock, throttle, moved, content } = scene();
  const parts = [bytes.subarray(0, 10), bytes.subarray(10, 40_000), bytes.subarray(40_000)];
  await assertEvenPace(writeParts(session, handle, parts, { gate: throttle.up }), { ...pace, clock, moved });
  assert.ok(content.equals(bytes));
});

test('a pack comes from an SSH server at an even pace, however little it gives at a time', async () => {
  const { session, clock, throttle, moved } = scene();
  const options = { offset: 0, length: bytes.byteLength };
  const load = readRange(session, handle, pack, options, throttle.down);
  await assertEvenPace(load, { ...pace, clock, moved });
  assert.ok((await load).equals(bytes));
});

test('a small file passes between the pieces of a pack', async () => {
  const { session, clock, throttle } = scene();
  const stop = new AbortController();
  const save = writeParts(session, handle, [bytes], { gate: throttle.up, signal: stop.signal });
  await clock.advance(1000);
  let isLocked = false;
  const lock = writeParts(session, handle, [Buffer.alloc(300)], { gate: throttle.up }).then(() => (isLocked = true));
  await clock.advance(500);
  assert.ok(isLocked);
  await lock;
  const stopped = assert.rejects(save, /enough/);
  stop.abort(new Error('enough'));
  await clock.advance(500);
  await stopped;
});
