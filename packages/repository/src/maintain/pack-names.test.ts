import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { sha256, sha256Hex } from '../crypto/hash.ts';
import { KnownDigests } from '../crypto/known-digests.ts';
import { compileLanes } from '../crypto/sha256-lanes/engine.ts';
import { PackNames } from './pack-names.ts';

const names = new PackNames(new KnownDigests({ module: compileLanes(), gain: 8 }));

test('packs get their names whatever their sizes and however their blobs come', () => {
  const packs = [0, 1, 55, 56, 64, 1000, 300_001].map((size) => randomBytes(size));
  const chunks = [0, 10, 64, 5000, 200_000].map((size) => randomBytes(size));
  const total = 2 * chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  // More and fewer bytes than announced: blobs that do not open never come.
  for (const announced of [total, 3 * total, 0, total / 5]) {
    names.begin(packs, announced);
    assert.deepEqual(names.of(chunks), chunks.map(sha256));
    assert.deepEqual(names.of(chunks), chunks.map(sha256));
    assert.deepEqual(names.end(), packs.map(sha256Hex));
  }
  names.begin(packs, 0);
  assert.deepEqual(names.end(), packs.map(sha256Hex));
  assert.deepEqual(names.of(chunks), chunks.map(sha256));
});
