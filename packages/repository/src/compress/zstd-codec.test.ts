import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isCoffreError } from '../errors.ts';
import { compressBlob } from './zstd.ts';
import { ZstdCodec } from './zstd-codec.ts';

test('a context that is used again gives the very frames of the one-shot call, and opens them', () => {
  const codec = new ZstdCodec();
  const plain = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 2000 }));
  fc.assert(
    fc.property(
      plain,
      fc.constantFrom('fastest' as const, 'auto' as const, 'better' as const),
      ([piece, times], level) => {
        const bytes = Buffer.concat(Array.from({ length: times }, () => piece));
        const packed = codec.compress(bytes, level);
        assert.deepEqual(packed, compressBlob(bytes, level));
        if (packed !== undefined) assert.ok(codec.decompress(packed, bytes.byteLength).equals(bytes));
      },
    ),
    { numRuns: 200 },
  );
});

test('one compressible corner of a long random blob does not hide behind the samples for long', () => {
  const codec = new ZstdCodec();
  const half = Buffer.concat([randomBytes(500_000), Buffer.alloc(500_000, 'text ')]);
  assert.ok((codec.compress(half, 'auto')?.byteLength ?? half.byteLength) < 520_000);
});

test('what does not become smaller stays as it is', () => {
  assert.equal(new ZstdCodec().compress(randomBytes(100_000), 'auto'), undefined);
  assert.equal(new ZstdCodec().compress(Buffer.alloc(0), 'auto'), undefined);
  assert.equal(new ZstdCodec().compress(Buffer.alloc(1000), 'off'), undefined);
});

test('a damaged, longer, shorter or cut frame is an error, and the next blob opens all the same', () => {
  const codec = new ZstdCodec();
  const plain = Buffer.from('some text that repeats, '.repeat(500));
  const packed = Buffer.from(codec.compress(plain, 'auto') ?? '');
  const broken = Buffer.from(packed);
  broken[broken.byteLength >> 1] = (broken[broken.byteLength >> 1] as number) ^ 0x55;
  const attempts: [Buffer, number][] = [
    [packed, plain.byteLength - 1],
    [packed, plain.byteLength + 1],
    [packed.subarray(0, packed.byteLength - 3), plain.byteLength],
    [Buffer.from('no frame at all'), 100],
  ];
  for (const [frame, size] of attempts) {
    assert.throws(
      () => codec.decompress(frame, size),
      (error) => isCoffreError(error, 'REPO_BLOB_DAMAGED'),
    );
    assert.ok(codec.decompress(packed, plain.byteLength).equals(plain));
  }
});
