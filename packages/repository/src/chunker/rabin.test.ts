import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { cutPositions, digestBefore } from '../testing/cut-reference.ts';
import { cutAll } from './cuts.ts';
import { parsePolynomial } from './polynomial.ts';
import { filesProfile } from './profile.ts';
import { createScanner, type CutRuns, type CutScanner } from './rabin.ts';

const MiB = 1024 * 1024;

type PublishedCuts = {
  readonly polynomial: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly chunks: Readonly<Record<'averageBits20' | 'averageBits19' | 'from16To32MiB', readonly number[]>>;
  readonly digestsAtCuts: readonly string[];
  readonly first607: string;
};

const published = JSON.parse(
  readFileSync(new URL('./golden/published-cuts.json', import.meta.url), 'utf8'),
) as PublishedCuts;
const polynomial = parsePolynomial(published.polynomial);

/** Go's additive lagged Fibonacci generator, in halves of 32 bits. */
function publishedStream(): Buffer {
  const first = Buffer.from(published.first607, 'base64');
  const count = published.sizeBytes / 4;
  const [low, high] = [new Uint32Array(count), new Uint32Array(count)];
  const stream = Buffer.alloc(published.sizeBytes);
  for (let n = 0; n < count; n++) {
    if (n < 607) {
      low[n] = first.readUInt32LE(8 * n);
      high[n] = first.readUInt32LE(8 * n + 4);
    } else {
      const sum = (low[n - 607] as number) + (low[n - 273] as number);
      low[n] = sum;
      high[n] = (high[n - 607] as number) + (high[n - 273] as number) + (sum > 0xffffffff ? 1 : 0);
    }
    stream.writeUInt32LE(((high[n] as number) * 2 + ((low[n] as number) >>> 31)) % 2 ** 32, 4 * n);
  }
  return stream;
}

function lengthsOf(ends: readonly number[]): number[] {
  return ends.map((end, index) => end - (ends[index - 1] ?? 0));
}

function positionsOf(runs: CutRuns): number[] {
  const positions: number[] = [];
  for (let run = 0; run < runs.length; run += 2) {
    for (let position = runs[run] as number; position <= (runs[run + 1] as number); position++)
      positions.push(position);
  }
  return positions;
}

/** As a backup cuts: the smallest size is skipped, then only the next position is asked for. */
function cutOneByOne(scanner: CutScanner, bytes: Uint8Array, limits: { minBytes: number; maxBytes: number }): number[] {
  const ends: number[] = [];
  for (let start = 0; start < bytes.byteLength; start = ends.at(-1) as number) {
    const latest = Math.min(bytes.byteLength, start + limits.maxBytes);
    ends.push(scanner.first(bytes, Math.min(latest, start + limits.minBytes - 1), latest) ?? latest);
  }
  return ends;
}

describe('published cut points', () => {
  let stream: Buffer;
  before(() => {
    stream = publishedStream();
  });

  test('the stream is the one that was published', () => {
    assert.equal(createHash('sha256').update(stream).digest('hex'), published.sha256);
  });

  const cases = [
    { averageBits: 20, limits: filesProfile, lengths: published.chunks.averageBits20 },
    { averageBits: 19, limits: filesProfile, lengths: published.chunks.averageBits19 },
    {
      averageBits: 20,
      limits: { minBytes: 16 * MiB, maxBytes: 32 * MiB },
      lengths: published.chunks.from16To32MiB,
    },
  ];
  for (const { averageBits, limits, lengths } of cases) {
    test(`${averageBits} bits from ${limits.minBytes} bytes give the published chunks, scanned whole or one by one`, () => {
      const scanner = createScanner(polynomial, averageBits);
      const runs = scanner.scan(stream, 0, stream.byteLength);
      assert.deepEqual(lengthsOf(cutAll(runs, stream.byteLength, limits)), lengths);
      assert.deepEqual(lengthsOf(cutOneByOne(scanner, stream, limits)), lengths);
    });
  }

  test('the plain reference gives the published digests at the cuts', () => {
    let position = 0;
    const digests = published.digestsAtCuts.map((_, index) => {
      position += published.chunks.averageBits20[index] as number;
      return digestBefore(stream, position, polynomial).toString(16).padStart(16, '0');
    });
    assert.deepEqual(digests, published.digestsAtCuts);
  });

  test('segments scanned alone give together what one scan gives', () => {
    const scanner = createScanner(polynomial, 16);
    const whole = positionsOf(scanner.scan(stream, 0, 4 * MiB));
    const segmentBytes = 300_007;
    const parts: number[] = [];
    for (let from = 0; from < 4 * MiB; from += segmentBytes) {
      const to = Math.min(4 * MiB, from + segmentBytes);
      const begin = Math.max(0, from - 64);
      const segment = Uint8Array.from(stream.subarray(begin, to));
      parts.push(...positionsOf(scanner.scan(segment, from - begin, to - begin)).map((position) => begin + position));
    }
    assert.ok(whole.length > 20);
    assert.deepEqual(parts, whole);
  });
});

describe('any bytes', () => {
  /** Random stretches, zeros and repeated bytes, so that hits come alone, in runs and not at all. */
  const stretch = fc.oneof(
    { weight: 3, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 900, size: 'max' }) },
    fc.integer({ min: 1, max: 600 }).map((length) => new Uint8Array(length)),
    fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 200 })).map(([byte, length]) => new Uint8Array(length).fill(byte)),
  );
  const data = fc.array(stretch, { minLength: 1, maxLength: 6 }).map((parts) => Buffer.concat(parts));
  const anyPolynomial = fc.bigInt({ min: 0n, max: (1n << 53n) - 1n }).map((bits) => bits | (1n << 53n) | 1n);
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });

  test('the scanner finds exactly the positions of the plain reference, wherever it starts and ends', () => {
    fc.assert(
      fc.property(data, anyPolynomial, fc.integer({ min: 1, max: 9 }), fraction, fraction, (bytes, p, bits, a, b) => {
        const [from, to] = [a, b].map((part) => Math.floor(part * bytes.byteLength)).sort((x, y) => x - y) as [
          number,
          number,
        ];
        const scanner = createScanner(p, bits);
        const expected = cutPositions(bytes, from, to, p, bits);
        const runs = scanner.scan(bytes, from, to);
        assert.deepEqual(positionsOf(runs), expected);
        assert.equal(scanner.first(bytes, from, to), expected[0]);
        for (let run = 2; run < runs.length; run += 2) assert.ok((runs[run] as number) > (runs[run - 1] as number) + 1);
      }),
      { numRuns: 25 },
    );
  });

  test('several blocks and their uneven rest agree with the plain reference', () => {
    const bytes = new Uint8Array(150_003);
    for (let at = 0, state = 7; at < bytes.byteLength; at++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      bytes[at] = state >>> 24;
    }
    bytes.fill(0, 139_000, 139_500);
    bytes.fill(0, 149_800);
    const expected = cutPositions(bytes, 1000, bytes.byteLength, polynomial, 10);
    const scanner = createScanner(polynomial, 10);
    assert.deepEqual(positionsOf(scanner.scan(bytes, 1000, bytes.byteLength)), expected);
    assert.equal(scanner.first(bytes, 1000, bytes.byteLength), expected[0]);
  });

  test('no position before the first 64 bytes is given, and the 64th may be', () => {
    const zeros = new Uint8Array(100);
    const scanner = createScanner(polynomial, 20);
    assert.deepEqual([...scanner.scan(zeros, 0, 100)], [64, 100]);
    assert.equal(scanner.first(zeros, 0, 100), 64);
    assert.equal(scanner.first(zeros, 0, 63), undefined);
  });

  test('a scan that leaves its buffer is refused', () => {
    const scanner = createScanner(polynomial, 20);
    assert.throws(() => scanner.scan(new Uint8Array(100), 0, 101), { code: 'INTERNAL' });
    assert.throws(() => scanner.first(new Uint8Array(100), -1, 100), { code: 'INTERNAL' });
  });
});

describe('zeros', () => {
  test('a long run of zeros is one run of positions, cut at exactly the smallest size', () => {
    const zeros = new Uint8Array(3 * MiB + 5);
    const scanner = createScanner(polynomial, filesProfile.averageBits);
    const runs = scanner.scan(zeros, 0, zeros.byteLength);
    assert.deepEqual([...runs], [64, zeros.byteLength]);
    const lengths = [...new Array<number>(6).fill(512 * 1024), 5];
    assert.deepEqual(lengthsOf(cutAll(runs, zeros.byteLength, filesProfile)), lengths);
    assert.deepEqual(lengthsOf(cutOneByOne(scanner, zeros, filesProfile)), lengths);
  });

  test('holes between data give one run each', () => {
    const bytes = publishedStream().subarray(0, MiB);
    bytes.fill(0, 100_000, 600_000);
    const runs = createScanner(polynomial, filesProfile.averageBits).scan(bytes, 0, bytes.byteLength);
    assert.deepEqual([...runs], [100_064, 600_000]);
  });
});
