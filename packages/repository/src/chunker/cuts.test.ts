import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cutAll, nextCut } from './cuts.ts';

const limits = { minBytes: 10, maxBytes: 40 };

function runsOf(...positions: number[]): Uint32Array {
  return Uint32Array.from(positions.flatMap((position) => [position, position]));
}

test('a chunk ends at the first position that leaves it at least the smallest size', () => {
  assert.equal(nextCut(runsOf(9, 10, 30), 0, 0, 50, limits, false), 10);
  assert.equal(nextCut(runsOf(109, 131), 0, 100, 200, limits, false), 131);
});

test('a run of positions is entered where the smallest size ends', () => {
  assert.equal(nextCut(Uint32Array.of(5, 90), 0, 20, 100, limits, false), 30);
});

test('without a position a chunk ends at the largest size', () => {
  assert.equal(nextCut(runsOf(41), 0, 0, 50, limits, false), 40);
  assert.equal(nextCut(runsOf(), 0, 0, 40, limits, false), 40);
});

test('while more may come, an undecided chunk has no end', () => {
  assert.equal(nextCut(runsOf(), 0, 0, 39, limits, false), undefined);
  assert.equal(nextCut(runsOf(), 0, 0, 0, limits, false), undefined);
});

test('at the end of the data the rest is a chunk of any size, and nothing is none', () => {
  assert.equal(nextCut(runsOf(), 0, 0, 3, limits, true), 3);
  assert.equal(nextCut(runsOf(), 0, 3, 3, limits, true), undefined);
  assert.deepEqual(cutAll(runsOf(), 0, limits), []);
});

test('chunks cover everything once, within the limits, whatever the positions are', () => {
  const positions = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 60 });
  fc.assert(
    fc.property(positions, fc.nat(400), (found, sizeBytes) => {
      found.sort((a, b) => a - b);
      const ends = cutAll(runsOf(...found), sizeBytes, limits);
      assert.equal(ends.at(-1) ?? 0, sizeBytes);
      for (const [index, end] of ends.entries()) {
        const start = ends[index - 1] ?? 0;
        const earliest = start + limits.minBytes;
        const expected = Math.min(found.find((position) => position >= earliest) ?? Infinity, start + limits.maxBytes);
        assert.equal(end, Math.min(expected, sizeBytes));
      }
    }),
  );
});

test('what is decided early stays decided when more bytes come', () => {
  const positions = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 20 });
  fc.assert(
    fc.property(positions, fc.nat(200), fc.nat(200), (found, few, more) => {
      found.sort((a, b) => a - b);
      const [early, late] = [Math.min(few, more), Math.max(few, more)];
      const known = runsOf(...found.filter((position) => position <= early));
      const decided = nextCut(known, 0, 0, early, limits, false);
      if (decided !== undefined) assert.equal(nextCut(runsOf(...found), 0, 0, late, limits, false), decided);
    }),
  );
});
