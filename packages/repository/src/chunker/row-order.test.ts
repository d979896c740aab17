import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { chainCount, orderRows, termCount } from './row-order.ts';

test('every row gets the sum of exactly its planes, and comes once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255), { maxLength: 53 }), (patterns) => {
      const steps = orderRows(patterns);
      const chains = new Array<number | undefined>(chainCount).fill(undefined);
      for (const { row, chain, added, starts } of steps) {
        if (chain === undefined) {
          assert.equal(patterns[row], 0);
          continue;
        }
        assert.equal(starts, chains[chain] === undefined);
        for (const term of added) {
          assert.ok(term < termCount);
          chains[chain] = (chains[chain] ?? 0) ^ (((term % 3) + 1) << (2 * Math.floor(term / 3)));
        }
        assert.equal(chains[chain], patterns[row]);
      }
      assert.deepEqual(
        steps.map(({ row }) => row).sort((a, b) => a - b),
        [...patterns.keys()],
      );
    }),
  );
});

test('in order, rows cost about half of what each one alone would', () => {
  const patterns = Array.from({ length: 53 }, (_, row) => (row * 167 + 13) % 256);
  const termsAdded = orderRows(patterns).reduce((total, { added }) => total + added.length, 0);
  assert.ok(termsAdded < 1.6 * patterns.length, `${termsAdded} terms`);
});
