import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { ByteStream, drawFrom, fileSize, wordPool } from './content.ts';

test('the same seed gives the same bytes, in whatever pieces they are taken', () => {
  const whole = new ByteStream('a').take(1000);
  const pieces = new ByteStream('a');
  assert.deepEqual(Buffer.concat([pieces.take(300), pieces.take(700)]), whole);
  assert.notDeepEqual(new ByteStream('b').take(1000), whole);
});

test('random bytes do not compress and text does, about as source code', () => {
  const share = (bytes: Buffer): number => zstdCompressSync(bytes).length / bytes.length;
  assert.ok(share(new ByteStream('a').take(100_000)) > 0.99);
  const text = share(wordPool('a', 200_000));
  assert.ok(text > 0.2 && text < 0.5, String(text));
});

test('sizes of ordinary files are mostly small, never above the limit', () => {
  const draw = drawFrom('sizes');
  const sizes = Array.from({ length: 20_000 }, () => fileSize(draw, 8.44, 1.3, 400_000));
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  assert.ok(mean > 9_000 && mean < 12_500, String(mean));
  assert.ok(Math.max(...sizes) <= 400_000 && Math.min(...sizes) >= 0);
});
