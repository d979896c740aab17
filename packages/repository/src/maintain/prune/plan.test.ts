import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPacks, smallPackLimit, unusedBytesMax, type PackPlanOptions, type PackUsage } from './plan.ts';

const MiB = 1024 * 1024;
const options: PackPlanOptions = { version: 2, maxUnused: { kind: 'percent', percent: 5 } };

function pack(packNumber: number, usage: Partial<PackUsage> = {}): PackUsage {
  return {
    packNumber,
    kind: 'data',
    usedBlobs: 10,
    usedBytes: 16 * MiB,
    unusedBlobs: 0,
    unusedBytes: 0,
    isUncompressed: false,
    isStored: true,
    ...usage,
  };
}

function plan(packs: readonly PackUsage[], more: Partial<PackPlanOptions> = {}) {
  const usedBytes = packs.reduce((sum, each) => sum + each.usedBytes, 0);
  const unusedBytes = packs.reduce((sum, each) => sum + each.unusedBytes, 0);
  return planPacks(packs, { usedBytes, unusedBytes }, { ...options, ...more });
}

const half = { usedBytes: 8 * MiB, unusedBlobs: 5, unusedBytes: 8 * MiB };
const empty = { usedBlobs: 0, usedBytes: 100, unusedBlobs: 5, unusedBytes: 16 * MiB };

test('a pack that nobody needs goes, one that is used as a whole stays', () => {
  assert.deepEqual(plan([pack(0), pack(1, empty)]), { keep: [0], repack: [], remove: [1] });
});

test('a pack that is not in the storage and not needed leaves the index', () => {
  assert.deepEqual(plan([pack(0), pack(1, { ...empty, isStored: false })]).remove, [1]);
});

test('repacking begins with the emptiest packs and ends when little enough is unused', () => {
  const packs = [
    ...Array.from({ length: 10 }, (_, number) => pack(number)),
    pack(10, { usedBytes: 12 * MiB, unusedBlobs: 1, unusedBytes: 4 * MiB }),
    pack(11, { usedBytes: 2 * MiB, unusedBlobs: 9, unusedBytes: 14 * MiB }),
    pack(12, half),
  ];
  assert.deepEqual(plan(packs).repack, [11, 12]);
  assert.deepEqual(plan(packs, { maxUnused: { kind: 'bytes', bytes: 0 } }).repack, [11, 12, 10]);
  assert.deepEqual(plan(packs, { maxUnused: { kind: 'unlimited' } }).repack, []);
});

test('packs of trees and mixed packs are repacked whatever may stay unused', () => {
  const packs = [pack(0, { ...half, kind: 'tree' }), pack(1, { kind: 'mixed' }), pack(2, half)];
  assert.deepEqual(plan(packs, { maxUnused: { kind: 'unlimited' } }).repack, [0, 1]);
});

test('no more is repacked than was allowed', () => {
  const packs = [pack(0, half), pack(1, half), pack(2, half)];
  const limits = { maxUnused: { kind: 'bytes', bytes: 0 } } as const;
  assert.deepEqual(plan(packs, { ...limits, maxRepackBytes: 33 * MiB }).repack, [0, 1]);
  assert.deepEqual(plan(packs, { ...limits, maxRepackBytes: 0 }).repack, []);
});

test('only packs of trees are repacked when only what is cached should be', () => {
  const packs = [pack(0, half), pack(1, { ...half, kind: 'tree' }), pack(2, empty)];
  assert.deepEqual(plan(packs, { repackCacheableOnly: true }), { keep: [0], repack: [1], remove: [2] });
});

test('small packs are put together when there are ten of them', () => {
  const small = { usedBytes: 1 * MiB };
  const nine = Array.from({ length: 9 }, (_, number) => pack(number, small));
  assert.deepEqual(plan(nine).repack, []);
  assert.equal(plan([...nine, pack(9, small)]).repack.length, 10);
  assert.deepEqual(plan([...nine, pack(9, { usedBytes: 4 * MiB })]).repack, []);
  const larger = Array.from({ length: 10 }, (_, number) => pack(number, { usedBytes: 5 * MiB }));
  assert.deepEqual(plan(larger).repack, []);
  assert.equal(plan(larger, { smallPackBytes: 8 * MiB }).repack.length, 10);
});

test('trees that are not compressed are repacked in version 2, data when asked for', () => {
  const packs = [pack(0, { isUncompressed: true }), pack(1, { kind: 'tree', isUncompressed: true })];
  assert.deepEqual(plan(packs).repack, [1]);
  assert.deepEqual(plan(packs, { repackUncompressed: true }).repack, [1, 0]);
  assert.deepEqual(plan(packs, { version: 1 }).repack, []);
});

test('what counts as small follows the sizes in the repository, and is never more than they are', () => {
  assert.equal(smallPackLimit([]), 0);
  assert.equal(smallPackLimit([pack(0, { usedBytes: 100 })]), Math.trunc((4 * MiB * 4) / 5));
  assert.equal(smallPackLimit([pack(0)]), Math.trunc((16 * MiB * 4) / 5));
});

test('a share may stay unused of what there is afterwards', () => {
  assert.equal(unusedBytesMax({ kind: 'percent', percent: 5 }, 95), 5);
  assert.equal(unusedBytesMax({ kind: 'bytes', bytes: 7 }, 95), 7);
  assert.equal(unusedBytesMax({ kind: 'unlimited' }, 95), Number.POSITIVE_INFINITY);
});
