import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../crypto/hash.ts';
import { idFromBytes, type BlobId, type PackId } from '../../ids.ts';
import { BlobTable } from '../../index/blob-table.ts';
import { IndexedRepository } from '../../index/indexed-repository.ts';
import type { Repository } from '../../repository.ts';
import { planParts } from './plan.ts';
import { BlobMarks, SourceBlobs } from './source-blobs.ts';

const mib = 1024 * 1024;
const blobId = (name: string): BlobId => idFromBytes(sha256(Buffer.from(name)));
const packId = (name: string): PackId => idFromBytes(sha256(Buffer.from(name)));

/** `[name, pack, offset, length]` of each blob, in the order of the index. */
function sourceOf(blobs: readonly (readonly [string, string, number, number])[]): SourceBlobs {
  const table = new BlobTable();
  for (const [name, pack, offset, length] of blobs) {
    const number = table.packNumber(packId(pack));
    table.addLoaded('data', sha256(Buffer.from(name)), number, offset, length, 0);
  }
  return new SourceBlobs(new IndexedRepository({} as Repository, table));
}

test('packs come as they were first wanted, blobs as they lie, and near ones in one read', () => {
  const source = sourceOf([
    ['a', 'p', 0, 1000],
    ['b', 'p', 1000, 1000],
    ['c', 'p', 3 * mib, 1000],
    ['d', 'q', 0, 500],
  ]);
  const plan = planParts(
    ['d', 'c', 'b', 'a'].map((name) => source.find('data', blobId(name))),
    source,
  );
  assert.deepEqual(
    plan.parts.map(({ packId: pack, offset, length, isLast, blobs }) => [pack, offset, length, isLast, blobs.length]),
    [
      [packId('q'), 0, 500, true, 1],
      [packId('p'), 0, 2000, false, 2],
      [packId('p'), 3 * mib, 1000, true, 1],
    ],
  );
  assert.deepEqual([plan.blobs, plan.packs, plan.sizeBytes], [4, 2, 3500]);
});

test('a blob that lies in several packs has one number', () => {
  const source = sourceOf([
    ['a', 'p', 0, 1000],
    ['b', 'p', 1000, 1000],
    ['a', 'q', 0, 1000],
  ]);
  const marks = new BlobMarks(source.count);
  assert.equal(marks.set(source.find('data', blobId('a'))), true);
  assert.equal(marks.set(source.find('data', blobId('a'))), false);
  assert.equal(marks.has(source.find('data', blobId('b'))), false);
  assert.equal(source.find('tree', blobId('a')), -1);
});
