import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { FileHandle, FileKind } from '@coffre/repository';
import { headBytesMax, judgeUpload } from './file-shape.ts';
import { nameOf, sampleFile, sampleKey } from './server-stage.ts';

function judged(kind: FileKind | 'config', bytes: Buffer): string | undefined {
  const file: FileHandle = kind === 'config' ? { kind } : { kind, name: nameOf(bytes) };
  const facts = {
    sizeBytes: bytes.length,
    sha256: nameOf(bytes),
    head: bytes.subarray(0, headBytesMax),
    tail: bytes.subarray(-4),
  };
  return judgeUpload(file, facts);
}

test('what can be a file of its kind is taken', () => {
  for (const kind of ['data', 'index', 'snapshots', 'locks', 'keys', 'config'] as const) {
    assert.equal(judged(kind, sampleFile(kind)), undefined, kind);
  }
  assert.equal(judged('locks', randomBytes(33)), undefined);
});

test('a pack ends in the length of a header that fits its size', () => {
  const pack = (headerBytes: number, sizeBytes = 1000): Buffer => {
    const bytes = randomBytes(sizeBytes);
    bytes.writeUInt32LE(headerBytes, sizeBytes - 4);
    return bytes;
  };
  for (const good of [32 + 37, 32 + 41, 32 + 37 * 2, 32 + 37 + 41, 32 + 37 * 3 + 41 * 2]) {
    assert.equal(judged('data', pack(good)), undefined, String(good));
  }
  for (const bad of [0, 1, 31, 32, 33, 32 + 36, 32 + 38, 32 + 42, 997, 0xffffffff, 0x7fffffff, 16 * 1024 * 1024 + 1]) {
    assert.match(judged('data', pack(bad)) ?? 'taken', /does not end as a pack|smaller than the header/, String(bad));
  }
  // A header of 37 bytes promises a blob of 32 at least.
  assert.equal(judged('data', pack(69, 69 + 4 + 32)), undefined);
  assert.match(judged('data', pack(69, 69 + 4 + 31)) ?? 'taken', /smaller than the header/);
});

test('a key asks for no more than an honest one', () => {
  assert.equal(judged('keys', sampleKey()), undefined);
  const bad = [
    { N: 2 ** 30 },
    { N: 3000 },
    { N: 1 },
    { r: 2 ** 24 },
    { p: 2 ** 30 },
    { p: 0 },
    { N: 2 ** 20, p: 100 },
    { N: '32768' },
    { kdf: 'none' },
    { salt: '' },
    { salt: 5 },
    { data: 'no base64!' },
  ];
  for (const changes of bad)
    assert.match(judged('keys', sampleKey(changes)) ?? 'taken', /no key/, JSON.stringify(changes));
  assert.match(judged('keys', sampleKey({ hostname: 'x'.repeat(70_000) })) ?? 'taken', /too large/);
});
