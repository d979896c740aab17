/**
 * Polynomials over GF(2), one bit per coefficient: the secret that decides where a repository's chunks end.
 * All of them are irreducible and of degree 53, as restic draws them.
 */
import { CoffreError } from '../errors.ts';
import type { Random } from '../host/host.ts';

export const polynomialDegree = 53;

const topBit = 1n << BigInt(polynomialDegree);

export function degreeOf(polynomial: bigint): number {
  return polynomial === 0n ? -1 : polynomial.toString(2).length - 1;
}

function remainder(dividend: bigint, divisor: bigint): bigint {
  const divisorDegree = degreeOf(divisor);
  let rest = dividend;
  for (let degree = degreeOf(rest); degree >= divisorDegree; degree = degreeOf(rest)) {
    rest ^= divisor << BigInt(degree - divisorDegree);
  }
  return rest;
}

/** Remainders of x^exponent, x^(exponent+1), … */
export function remaindersOfPowers(exponent: number, count: number, divisor: bigint): bigint[] {
  const overflow = 1n << BigInt(degreeOf(divisor));
  const remainders: bigint[] = [];
  for (let power = 0, rest = 1n; remainders.length < count; power++) {
    if (power >= exponent) remainders.push(rest);
    rest <<= 1n;
    if (rest >= overflow) rest ^= divisor;
  }
  return remainders;
}

/** Bits of a square: a zero between each two coefficients, since all mixed terms cancel. */
function square(polynomial: bigint): bigint {
  return BigInt(`0b${polynomial.toString(2).split('').join('0')}`);
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [larger, smaller] = [a, b];
  while (smaller !== 0n) [larger, smaller] = [smaller, remainder(larger, smaller)];
  return larger;
}

/**
 * Ben-Or: a polynomial of degree n is irreducible when it shares no factor with x^(2^i) − x for i = 1 … n/2,
 * because the i-th of these is the product of all irreducible polynomials whose degree divides i.
 */
export function isIrreducible(polynomial: bigint): boolean {
  const degree = degreeOf(polynomial);
  if (degree < 1) return false;
  const x = 2n;
  let power = x;
  for (let i = 1; i <= Math.floor(degree / 2); i++) {
    power = remainder(square(power), polynomial);
    if (greatestCommonDivisor(polynomial, power ^ x) !== 1n) return false;
  }
  return true;
}

/** One in about 27 candidates is irreducible. */
export function randomPolynomial(random: Random): bigint {
  for (;;) {
    const candidate = (random.bytes(8).readBigUInt64LE() & (topBit - 1n)) | topBit | 1n;
    if (isIrreducible(candidate)) return candidate;
  }
}

/** @throws {CoffreError} REPO_CONFIG_DAMAGED when it is not a polynomial that restic would draw */
export function parsePolynomial(hex: string): bigint {
  const polynomial = /^[0-9a-fA-F]{1,16}$/.test(hex) ? BigInt(`0x${hex}`) : 0n;
  if (degreeOf(polynomial) !== polynomialDegree || !isIrreducible(polynomial)) {
    throw new CoffreError(
      'REPO_CONFIG_DAMAGED',
      `the chunker polynomial ${JSON.stringify(hex)} is not an irreducible polynomial of degree ${polynomialDegree}`,
    );
  }
  return polynomial;
}

export function formatPolynomial(polynomial: bigint): string {
  return polynomial.toString(16);
}
