import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compileLanes, createLaneEngine } from './engine.ts';
import { laneBytes } from './kernel.ts';
import { beginDigest, Sha256Lanes } from './lanes.ts';
import { scheduleLanes } from './schedule.ts';

// A gain of 8 sends everything through the lanes.
const module = compileLanes();
const lanes = new Sha256Lanes({ module, gain: 8 });
const hexOf = (digests: readonly Buffer[]): string[] => digests.map((digest) => digest.toString('hex'));

test('the published examples of SHA-256 come out of the lanes', () => {
  const text = (value: string): Buffer => Buffer.from(value, 'latin1');
  const { digests } = lanes.digestMany([
    text(''),
    text('abc'),
    text('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    text('a'.repeat(1_000_000)),
  ]);
  assert.deepEqual(hexOf(digests), [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  ]);
});

test('every length around a block and around a lane gets the digest of the single stream', () => {
  const source = Buffer.from(Array.from({ length: 2 * laneBytes + 200 }, (_, index) => (index * 31) ^ (index >> 8)));
  const around = [64, 128, laneBytes, 2 * laneBytes].flatMap((size) =>
    Array.from({ length: 24 }, (_, d) => size + d - 12),
  );
  const messages = around.map((size, index) => source.subarray(index, index + size));
  assert.deepEqual(hexOf(lanes.digestMany(messages).digests), hexOf(messages.map((m) => hash('sha256', m, 'buffer'))));
});

test('messages of any number and length get the digest of the single stream', () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(200_000).map((size) => new Uint8Array(size).fill(size)),
  );
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 20 }),
      fc.double({ min: 0.5, max: 8, noNaN: true }),
      (messages, gain) => {
        const some = new Sha256Lanes({ module, gain });
        const expected = messages.map((bytes) => hash('sha256', bytes, 'hex'));
        assert.deepEqual(hexOf(some.digestMany(messages).digests), expected);
      },
    ),
    { numRuns: 50 },
  );
});

test('a message that comes in parts, beside others, gets the digest of the whole', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1500), { maxLength: 5 }), fc.nat(200), fc.nat(5000), (blocks, rest, other) => {
      const whole = Buffer.alloc(blocks.reduce((sum, count) => sum + count, 0) * 64 + rest, 'coffre');
      const beside = Buffer.alloc(other, 'beside');
      const running = beginDigest();
      let at = 0;
      for (const count of blocks) {
        const bytes = whole.subarray(at, (at += count * 64));
        const { digests, ended } = lanes.digestMany([beside], [{ running, bytes, last: false }]);
        assert.deepEqual(hexOf(digests), [hash('sha256', beside, 'hex')]);
        assert.deepEqual(ended, []);
      }
      const { ended } = lanes.digestMany([], [{ running, bytes: whole.subarray(at), last: true }]);
      assert.deepEqual(hexOf(ended), [hash('sha256', whole, 'hex')]);
      assert.equal(running.hashedBytes, whole.byteLength);
    }),
    { numRuns: 40 },
  );
});

test('an engine is made only where the lanes measured faster', () => {
  let time = 0;
  // Every trial takes the same time, so eight messages in lanes look eight times as fast as one after the other.
  assert.equal(createLaneEngine(() => (time += 1))?.gain, 8);
  // No time at all: a machine with SHA instructions.
  assert.equal(
    createLaneEngine(() => 0),
    undefined,
  );
});

test('a long message beside short ones is hashed alone, and equal ones together', () => {
  const speed = { gain: 2.4, lanes: 8 };
  assert.deepEqual(scheduleLanes([1, 50, 2, 1], [], speed).alone, [1, 2, 0, 3]);
  assert.deepEqual(scheduleLanes([9, 500, ...new Array<number>(16).fill(10)], [], speed).alone, [1]);
  assert.deepEqual(scheduleLanes(new Array<number>(8).fill(10), [], speed).alone, []);
  // Long ones that must run in lanes leave room for the others beside them.
  assert.deepEqual(scheduleLanes([10, 10, 10, 10], [10, 10, 10, 10], speed).alone, []);
});

test('a schedule names every message once and never costs more than one stream', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(10_000), { maxLength: 40 }),
      fc.double({ min: 1, max: 4, noNaN: true }),
      (sizes, gain) => {
        const { together, alone } = scheduleLanes(sizes, [], { gain, lanes: 8 });
        assert.deepEqual(
          [...together, ...alone].toSorted((a, b) => a - b),
          [...sizes.keys()],
        );
        const sum = (indexes: readonly number[]): number =>
          indexes.reduce((total, index) => total + (sizes[index] ?? 0), 0);
        const longest = Math.max(0, ...together.map((index) => sizes[index] ?? 0));
        const cost = sum(alone) + (Math.max(longest, sum(together) / 8) * 8) / gain;
        assert.ok(cost <= sum([...sizes.keys()]) + 1e-6);
      },
    ),
  );
});
