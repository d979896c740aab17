import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ChunkDigests } from './chunk-digests.ts';
import { sha256 } from './hash.ts';
import { compileLanes } from './sha256-lanes/engine.ts';

const zeros = Buffer.alloc(524_288);
const nearlyZeros = [0, 1, 4095, 524_287].map((at) => {
  const bytes = Buffer.from(zeros);
  bytes[at] = 1;
  return bytes;
});
const chunks = [
  randomBytes(100_000),
  zeros,
  ...nearlyZeros,
  zeros,
  zeros.subarray(0, 5000),
  zeros.subarray(0, 10),
  Buffer.alloc(0),
  Buffer.alloc(8192, 7),
  zeros,
];

for (const lanes of [undefined, { module: compileLanes(), gain: 2 }]) {
  test(`chunks of zeros get their digest among others, in order, ${lanes === undefined ? 'one by one' : 'in lanes'}`, () => {
    const digests = new ChunkDigests(lanes);
    for (let turn = 0; turn < 2; turn++) {
      const found = digests.of(chunks);
      for (const digest of found.splice(1, 1)) digest.fill(0); // whoever gets one may do with it what they like
      assert.deepEqual(
        found.map((digest) => digest.toString('hex')),
        chunks.toSpliced(1, 1).map((chunk) => sha256(chunk).toString('hex')),
      );
    }
    assert.deepEqual(digests.of([]), []);
  });
}
