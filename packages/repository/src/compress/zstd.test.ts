import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compressBlob, compressFrame, decompressBlob, decompressBounded, type CompressionLevel } from './zstd.ts';

const levels = ['fastest', 'auto', 'better', 'max'] as const satisfies CompressionLevel[];
const text = Buffer.from('Backups are a claim; a drill is the proof. '.repeat(2000));

for (const level of levels) {
  test(`${level}: what is compressed comes back, at every size`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: text.length }), (size) => {
        const plain = text.subarray(0, size);
        assert.deepEqual(decompressBlob(compressFrame(plain, level), size), plain);
      }),
      { numRuns: 30 },
    );
  });
}

test('frames carry their content size and no checksum, so that every reader of the format is content', () => {
  for (const level of levels) {
    const descriptor = compressFrame(text, level).readUInt8(4);
    assert.equal(descriptor & 0b100, 0, 'no checksum');
    assert.ok(descriptor >> 6 > 0 || (descriptor & 0b100000) !== 0, 'has a content size');
  }
});

test('a blob that does not shrink is stored as it is', () => {
  assert.equal(compressBlob(randomBytes(10_000), 'max'), undefined);
  assert.equal(compressBlob(Buffer.from('abc'), 'auto'), undefined);
  assert.equal(compressBlob(Buffer.alloc(0), 'auto'), undefined);
  assert.equal(compressBlob(text, 'off'), undefined);
  assert.ok((compressBlob(text, 'auto')?.length ?? Infinity) < 200);
});

test('a blob must have exactly the size that its header says', () => {
  const packed = compressFrame(text, 'auto');
  for (const size of [0, 1, text.length - 1, text.length + 1]) {
    assert.throws(() => decompressBlob(packed, size), { code: 'REPO_BLOB_DAMAGED' });
  }
});

test('a bomb is stopped at the limit, and garbage is an error', () => {
  const bomb = compressFrame(Buffer.alloc(50_000_000), 'auto');
  assert.throws(() => decompressBounded(bomb, 1_000_000), { code: 'REPO_FILE_DAMAGED' });
  assert.equal(decompressBounded(bomb, 50_000_000).length, 50_000_000);
  assert.throws(() => decompressBounded(Buffer.from('no frame at all'), 1000), { code: 'REPO_FILE_DAMAGED' });
  const packed = compressFrame(text, 'auto');
  assert.throws(() => decompressBlob(packed.subarray(0, -3), text.length), { code: 'REPO_BLOB_DAMAGED' });
});
