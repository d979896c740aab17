import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { isCoffreError } from '../../errors.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { openSftpSession } from './sftp-session.ts';
import type { SftpSession } from './sftp-session.ts';

const version = Buffer.from([0, 0, 0, 5, 2, 0, 0, 0, 3]);
const okTo = (id: number): Buffer => Buffer.from([0, 0, 0, 9, 101, 0, 0, 0, id, 0, 0, 0, 0]);

/** A server whose answers the test writes by hand. */
function createScene() {
  const [readable, writable] = [new PassThrough(), new PassThrough()];
  const ended = Promise.withResolvers<string | undefined>();
  const clock = createFakeClock();
  let destroyed = false;
  writable.resume();
  const channel = { readable, writable, ended: ended.promise, destroy: () => void (destroyed = true) };
  const opening = openSftpSession(channel, { clock, stuckTimeoutMs: 1000 });
  opening.catch(() => undefined);
  return {
    clock,
    opening,
    end: (why: string) => ended.resolve(why),
    answer: (bytes: Buffer) => void readable.write(bytes),
    destroyed: () => destroyed,
    async session(): Promise<SftpSession> {
      readable.write(version);
      return opening;
    },
  };
}

const lost = (pattern: RegExp) => (error: unknown) => isCoffreError(error, 'BACKEND_IO') && pattern.test(error.message);

test('answers find their requests, in whatever order and pieces they come', async () => {
  const scene = createScene();
  const session = await scene.session();
  const replies = [1, 2, 3].map(() => session.request('stat', ['x']));
  for (const byte of Buffer.concat([okTo(3), okTo(1), okTo(2)])) scene.answer(Buffer.from([byte]));
  for (const reply of await Promise.all(replies)) assert.deepEqual(reply, { kind: 'status', status: 0, message: '' });
  assert.equal(session.waiting, 0);
});

const nonsense: Record<string, [bytes: Buffer, pattern: RegExp]> = {
  'a greeting of the shell': [Buffer.from('Welcome to this server!\n'), /does not speak SFTP/],
  'a packet longer than any': [Buffer.from([0x7f, 0xff, 0xff, 0xff, 101]), /packet of 2147483647 bytes/],
  'an empty packet': [Buffer.from([0, 0, 0, 0]), /packet of 0 bytes/],
  'an answer to nothing': [okTo(77), /what nobody asked/],
  'an unknown type': [Buffer.from([0, 0, 0, 5, 250, 0, 0, 0, 1]), /type 250/],
  'a string that is longer than its packet': [
    Buffer.from([0, 0, 0, 9, 102, 0, 0, 0, 1, 0xff, 0, 0, 0]),
    /ended too early/,
  ],
  'more names than there are': [Buffer.from([0, 0, 0, 9, 104, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]), /ended too early/],
};

for (const [what, [bytes, pattern]] of Object.entries(nonsense)) {
  test(`${what} ends the session with a sentence`, async () => {
    const scene = createScene();
    const session = await scene.session();
    const reply = session.request('stat', ['x']);
    scene.answer(bytes);
    await assert.rejects(reply, lost(pattern));
    assert.ok(session.ended && scene.destroyed());
    await assert.rejects(session.request('stat', ['y']), lost(pattern));
  });
}

test('a channel that ends rejects all that wait, with the reason', async () => {
  const scene = createScene();
  const session = await scene.session();
  const replies = [session.request('stat', ['x']), session.request('stat', ['y'])];
  scene.end('the cable was cut');
  for (const reply of replies) await assert.rejects(reply, lost(/the cable was cut/));
});

test('a server that never greets is given up', async () => {
  const scene = createScene();
  await scene.clock.advance(1000);
  await assert.rejects(scene.opening, lost(/did not answer for 1 s/));
});

test('silence counts from the last thing heard, and only while something is asked', async () => {
  const scene = createScene();
  const session = await scene.session();
  await scene.clock.advance(5000);
  const [first, second] = [session.request('stat', ['x']), session.request('stat', ['y'])];
  second.catch(() => undefined);
  await scene.clock.advance(900);
  scene.answer(okTo(1));
  await first;
  await scene.clock.advance(900);
  assert.ok(!session.ended);
  await scene.clock.advance(200);
  await assert.rejects(second, lost(/did not answer/));
});
