import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crc64 } from './rdb-crc64.ts';

function sumOf(...parts: readonly Uint8Array[]): string {
  const crc = new Crc64();
  for (const part of parts) crc.update(part);
  return Buffer.from(crc.digest().toReversed()).toString('hex');
}

test('the published check value of CRC-64/Jones comes out', () => {
  assert.equal(sumOf(Buffer.from('123456789')), 'e9c6d914c4b8d9ca');
});

test('pieces of any length give the same as the whole', () => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, at) => (at * 97 + (at >> 3)) & 255));
  const whole = sumOf(bytes);
  for (let cut = 0; cut < 40; cut += 1) assert.equal(sumOf(bytes.subarray(0, cut), bytes.subarray(cut)), whole);
});
