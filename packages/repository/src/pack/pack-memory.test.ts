import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Backend, FileHandle } from '../backend/backend.ts';
import { createMemoryBackend } from '../backend/memory.ts';
import { handedOver, PackMemory } from './pack-memory.ts';

const mib = 2 ** 20;
const file: FileHandle = { kind: 'data', name: 'a'.repeat(64) };

async function storageOf(content: Buffer, usesMemory: boolean): Promise<Backend> {
  const backend = createMemoryBackend();
  await backend.save(file, [content]);
  return {
    ...backend,
    load: async (wanted, options = {}) => {
      const bytes = await backend.load(wanted, options);
      const { into } = options;
      if (!usesMemory || into === undefined || into.byteLength < bytes.byteLength) return bytes;
      const placed = Buffer.from(into, 0, bytes.byteLength);
      bytes.copy(placed);
      return placed;
    },
  };
}

test('memory that was given back is used again, when it is large enough', async () => {
  const content = randomBytes(3 * mib);
  const backend = await storageOf(content, true);
  const memory = new PackMemory(2);
  const first = await memory.load(backend, file, content.byteLength);
  assert.ok(first.equals(content));
  const held = first.buffer;
  assert.notEqual((await memory.load(backend, file, content.byteLength)).buffer, held, 'what is held is not shared');
  memory.give(first);
  const range = { offset: 7, length: 2 * mib };
  const second = await memory.load(backend, file, range.length, range);
  assert.equal(second.buffer, held);
  assert.ok(second.equals(content.subarray(7, 7 + 2 * mib)));
  memory.give(second);
  assert.notEqual((await memory.load(backend, file, held.byteLength + 1)).buffer, held);
});

test('a storage may bring its own memory, and more or less bytes than expected', async () => {
  const content = randomBytes(6 * mib);
  for (const usesMemory of [true, false]) {
    const backend = await storageOf(content, usesMemory);
    const memory = new PackMemory(1);
    for (const expected of [0, 100, mib, 6 * mib, 20 * mib]) {
      const bytes = await memory.load(backend, file, expected);
      assert.ok(bytes.equals(content));
      memory.give(bytes);
    }
  }
});

test('no more is kept than was asked for; what lay about the longest goes', async () => {
  const backend = await storageOf(randomBytes(8 * mib), true);
  const memory = new PackMemory(1);
  const read = (length: number): Promise<Buffer> => memory.load(backend, file, length, { offset: 0, length });
  const [large, small, other] = [await read(8 * mib), await read(mib), await read(mib)];
  for (const bytes of [large, small, other]) memory.give(bytes);
  assert.notEqual((await read(8 * mib)).buffer, large.buffer, 'the oldest is gone');
  assert.deepEqual(
    new Set([(await read(mib)).buffer, (await read(mib)).buffer]),
    new Set([small.buffer, other.buffer]),
  );
});

test('on the way to a thread shared memory stays, own memory moves, and a part of other memory is copied', () => {
  const shared = Buffer.from(new SharedArrayBuffer(8), 2, 4);
  assert.deepEqual(handedOver(shared), { bytes: shared, transfer: [] });
  const own = Buffer.alloc(100);
  assert.equal(handedOver(own).transfer[0], own.buffer);
  const part = Buffer.from(new ArrayBuffer(100), 10, 20).fill(7);
  const moved = handedOver(part);
  assert.notEqual(moved.transfer[0], part.buffer);
  assert.deepEqual([...moved.bytes], [...part]);
});
