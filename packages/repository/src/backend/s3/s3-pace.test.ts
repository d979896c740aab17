import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { assertEvenPace } from '../../testing/even-pace.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import type { FileHandle } from '../backend.ts';
import { createThrottle } from '../limits/throttle.ts';
import { createS3Backend } from './s3.ts';
import { parseS3Location } from './s3-location.ts';

const kib = 1024;
const bytesPerSecond = 100 * kib;
const pieceBytes = bytesPerSecond / 16;
const bytes = randomBytes(1500 * kib);
const pack: FileHandle = { kind: 'data', name: createHash('sha256').update(bytes).digest('hex') };

async function scene(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const clock = createFakeClock();
  const plan = { usual: { up: bytesPerSecond, down: bytesPerSecond }, windows: [] };
  const options = {
    environment: { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    throttle: createThrottle(plan, { clock, minuteOfDay: () => 0 }),
  };
  const sizes = { wholeMaxBytes: 2000 * kib, pieceBytes: 1000 * kib };
  const backend = await createS3Backend(parseS3Location(`http://127.0.0.1:${port}/vault`), options, sizes);
  return {
    clock,
    backend,
    async [Symbol.asyncDispose]() {
      await backend.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a pack goes into a bucket at an even pace', async () => {
  const received: Buffer[] = [];
  await using at = await scene((request, response) => {
    request.on('data', (chunk: Buffer) => received.push(chunk));
    request.on('end', () => response.writeHead(200, { etag: '"x"' }).end());
  });
  const { backend, clock } = at;
  assert.equal(backend.isThrottled, true);
  const moved = (): number => received.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const save = backend.save(pack, [bytes.subarray(0, 10), bytes.subarray(10, 40_000), bytes.subarray(40_000)]);
  await assertEvenPace(save, { clock, moved, sizeBytes: bytes.byteLength, bytesPerSecond, pieceBytes });
  assert.ok(Buffer.concat(received).equals(bytes));
});

test('a pack comes out of a bucket as fast as the limit lets it', async () => {
  await using at = await scene((_, response) => {
    response.writeHead(200, { 'content-length': bytes.byteLength }).end(bytes);
  });
  const { backend, clock } = at;
  let isLoaded = false;
  const load = backend.load(pack).finally(() => (isLoaded = true));
  let seconds = 0;
  const passTime = async (): Promise<void> => {
    await clock.advance(1000);
    seconds += 1;
    if (!isLoaded) await passTime();
  };
  await passTime();
  assert.ok((await load).equals(bytes));
  assert.ok(seconds >= 14, `${seconds} s for 15 s worth of bytes`);
});

test('who stops while an upload waits for its turn does not wait for the rest', async () => {
  await using at = await scene((request, response) => {
    request.resume();
    request.on('end', () => response.end());
  });
  const stop = new AbortController();
  const save = at.backend.save(pack, [bytes], stop.signal);
  await at.clock.advance(2000);
  stop.abort(new Error('enough'));
  await assert.rejects(save, /enough/);
});
