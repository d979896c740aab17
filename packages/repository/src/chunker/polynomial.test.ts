import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  formatPolynomial,
  isIrreducible,
  parsePolynomial,
  polynomialDegree,
  randomPolynomial,
  remaindersOfPowers,
} from './polynomial.ts';

/** Without carries. */
function product(a: bigint, b: bigint): bigint {
  let sum = 0n;
  for (let bit = 0n; b >> bit !== 0n; bit++) if ((b >> bit) & 1n) sum ^= a << bit;
  return sum;
}

test('the irreducible polynomials up to degree 7 are those that no smaller one divides', () => {
  const products = new Set<bigint>();
  for (let a = 2n; a < 128n; a++) for (let b = 2n; b < 128n; b++) products.add(product(a, b));
  for (let polynomial = 0n; polynomial < 256n; polynomial++) {
    assert.equal(isIrreducible(polynomial), polynomial > 1n && !products.has(polynomial), polynomial.toString(2));
  }
});

test('a product is never taken for irreducible', () => {
  const factor = fc.bigInt({ min: 2n, max: (1n << 40n) - 1n });
  fc.assert(fc.property(factor, factor, (a, b) => !isIrreducible(product(a, b))));
});

test('a random polynomial is irreducible, of degree 53, and written as restic writes it', () => {
  let state = 1n;
  const random = {
    bytes(size: number): Buffer {
      const bytes = Buffer.alloc(size);
      state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
      bytes.writeBigUInt64LE(state);
      return bytes;
    },
  };
  const drawn = new Set<bigint>();
  for (let draw = 0; draw < 5; draw++) {
    const polynomial = randomPolynomial(random);
    drawn.add(polynomial);
    assert.equal(polynomial.toString(2).length, polynomialDegree + 1);
    assert.match(formatPolynomial(polynomial), /^[23][0-9a-f]{13}$/);
    assert.equal(parsePolynomial(formatPolynomial(polynomial)), polynomial);
  }
  assert.equal(drawn.size, 5);
});

test('a published polynomial of restic is accepted', () => {
  assert.equal(parsePolynomial('3da3358b4dc173'), 0x3da3358b4dc173n);
  assert.equal(parsePolynomial('25b468838dcb75'), 0x25b468838dcb75n);
});

for (const [text, why] of [
  ['', 'empty'],
  ['3da3358b4dc17', 'too small'],
  ['7da3358b4dc173', 'too large'],
  ['3da3358b4dc171', 'reducible'],
  ['3da3358b4dc172', 'without the constant term'],
  ['-3da3358b4dc173', 'no hexadecimal number'],
  ['3da3358b4dc173000', 'too long'],
] as const) {
  test(`a polynomial that is ${why} is refused`, () => {
    assert.throws(() => parsePolynomial(text), { code: 'REPO_CONFIG_DAMAGED' });
  });
}

test('remainders of powers multiply up', () => {
  const divisor = 0x3da3358b4dc173n;
  const [lower, upper] = [remaindersOfPowers(0, 60, divisor), remaindersOfPowers(52, 8, divisor)];
  assert.equal(lower[52], 1n << 52n);
  assert.equal(lower[53], divisor ^ (1n << 53n));
  assert.deepEqual(upper, lower.slice(52));
});
