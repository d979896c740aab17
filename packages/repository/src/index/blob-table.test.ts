import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { PackId } from '../ids.ts';
import { BlobSegment, BlobTable } from './blob-table.ts';

function idOf(n: number): Buffer {
  return createHash('sha256').update(String(n)).digest();
}

test('a table finds every blob it was given, also after it has grown many times', () => {
  const table = new BlobTable(1);
  const pack = table.packNumber('a'.repeat(64) as PackId);
  for (let n = 0; n < 20_000; n++) table.addLoaded('data', idOf(n), pack, n * 10, 10, n % 2);
  for (let n = 0; n < 20_000; n++) {
    assert.deepEqual(table.places('data', idOf(n)), [
      { packNumber: 0, offset: n * 10, length: 10, uncompressedLength: n % 2 },
    ]);
  }
  assert.equal(table.has('data', idOf(20_001)), false);
});

test('the type belongs to the key: a tree and a data blob of one id are two blobs', () => {
  const table = new BlobTable();
  table.addLoaded('data', idOf(1), 0, 0, 40, 0);
  assert.equal(table.has('tree', idOf(1)), false);
  table.addLoaded('tree', idOf(1), 0, 40, 40, 0);
  assert.equal(table.places('tree', idOf(1))[0]?.offset, 40);
});

test('every place of a blob is kept, and an index file seen twice adds nothing', () => {
  const table = new BlobTable();
  for (const pack of [0, 1, 1]) table.addLoaded('data', idOf(1), pack, 0, 40, 0);
  assert.deepEqual(
    table.places('data', idOf(1)).map((place) => place.packNumber),
    [0, 1],
  );
});

test('a claimed blob is known at once and has a place only when its pack is stored', () => {
  const table = new BlobTable();
  const segment = table.addSegment(10);
  const entry = segment.claim('data', idOf(7));
  assert.equal(table.has('data', idOf(7)), true);
  assert.deepEqual(table.places('data', idOf(7)), []);
  segment.place(entry, 3, 5, 50, 18);
  assert.deepEqual(table.places('data', idOf(7)), [{ packNumber: 3, offset: 5, length: 50, uncompressedLength: 18 }]);
  assert.equal(segment.claim('data', idOf(7)), -1);
});

test('a full segment says so and takes nothing more', () => {
  const segment = BlobSegment.allocate(3);
  for (let n = 0; n < 3; n++) assert.ok(segment.claim('data', idOf(n)) >= 0);
  assert.equal(segment.claim('data', idOf(3)), -2);
  assert.equal(segment.claim('data', idOf(1)), -1);
  assert.equal(segment.count, 3);
});

test('of two threads that claim the same ids at once, exactly one gets each', async () => {
  const segment = BlobSegment.allocate(20_000);
  const url = new URL('./blob-table.ts', import.meta.url).href;
  const code = `
    import { workerData, parentPort } from 'node:worker_threads';
    import { createHash } from 'node:crypto';
    const { BlobSegment } = await import(${JSON.stringify(url)});
    const segment = new BlobSegment(workerData);
    let won = 0;
    for (let n = 0; n < 5000; n++) if (segment.claim('data', createHash('sha256').update(String(n)).digest()) >= 0) won++;
    parentPort.postMessage(won);`;
  const wins = await Promise.all(
    [1, 2, 3].map(
      async () =>
        await new Promise<number>((resolve, reject) => {
          const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
            workerData: segment.memory,
          });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  assert.equal(
    wins.reduce((sum, won) => sum + won, 0),
    5000,
  );
});

test('blobs grouped by pack come in order of their offset', () => {
  const table = new BlobTable();
  for (const [n, offset] of [200, 0, 100].entries()) table.addLoaded('data', idOf(n), n === 1 ? 1 : 0, offset, 10, 0);
  table.packNumber('a'.repeat(64) as PackId);
  table.packNumber('b'.repeat(64) as PackId);
  const [group] = table.entriesByPack();
  assert.deepEqual([...(group?.entries ?? [])], [2, 0, 1]);
  assert.deepEqual([...(group?.starts ?? [])], [0, 2, 3]);
});
