import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZstdCodec } from '../compress/zstd-codec.ts';
import { ChunkDigests } from '../crypto/chunk-digests.ts';
import { NonceSource } from '../crypto/nonce-source.ts';
import { createSealer, randomMasterKey } from '../crypto/seal.ts';
import { BlobSegment } from '../index/blob-table.ts';
import { BulkSealer } from '../pack/bulk-sealer.ts';
import type { FinishedPack } from '../pack/pack-buffer.ts';
import { openBlob } from '../pack/pack-read.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import { ChunkStore, nothingAdded } from './chunk-store.ts';

test('tasks that overlap while packs are stored slowly lose no chunk', async () => {
  const random = createSeededRandom(7);
  const key = randomMasterKey(random);
  const sealer = createSealer(key);
  const stored = new Map<string, Buffer>();
  const waiting: (() => void)[] = [];
  const handOver = async (pack: FinishedPack): Promise<void> => {
    const file = Buffer.from(Buffer.from(pack.buffer, 0, pack.sizeBytes));
    await new Promise<void>((resolve) => waiting.push(resolve));
    assert.ok(file.equals(Buffer.from(pack.buffer, 0, pack.sizeBytes)), 'a pack changed after it was finished');
    for (const blob of pack.blobs) {
      const sealed = file.subarray(blob.offset, blob.offset + blob.length);
      stored.set(blob.id, openBlob(sealer, blob, sealed));
    }
  };
  const store = new ChunkStore(
    [BlobSegment.allocate(10_000).memory],
    {
      sealer: new BulkSealer(key),
      nonces: new NonceSource(random),
      codec: new ZstdCodec(),
      version: 2,
      compression: 'auto',
      targetBytes: 256 * 1024,
    },
    new ChunkDigests(undefined),
    handOver,
  );
  const plains = new Map<string, Buffer>();
  const task = async (): Promise<void> => {
    for (let batch = 0; batch < 40; batch++) {
      const chunks = Array.from({ length: 1 + random.integer(3) }, () => random.bytes(1000 + random.integer(120_000)));
      const ids = await store.store(chunks, nothingAdded);
      for (const [i, id] of ids.entries()) plains.set(id, chunks[i] as Buffer);
    }
  };
  const state = { done: false };
  const tasks = Promise.all([task(), task(), task()])
    .then(() => store.flush())
    .finally(() => {
      state.done = true;
    });
  while (!state.done) {
    await new Promise((resolve) => setImmediate(resolve));
    if (random.chance(0.3)) waiting.shift()?.();
  }
  await tasks;
  assert.equal(stored.size, plains.size);
  for (const [id, plain] of plains) assert.ok(stored.get(id)?.equals(plain), `${id} is not what went in`);
});
