import assert from 'node:assert/strict';
import { randomBytes, scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { deriveInLanes, deriveKeyOnThreads, threadsFor } from './scrypt-lanes.ts';

test('lanes on threads give what RFC 7914 has published', async () => {
  const key = await deriveInLanes('password', { N: 1024, r: 8, p: 16 }, Buffer.from('NaCl'), 3);
  assert.equal(
    key.toString('hex'),
    'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162' +
      '2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
  );
});

test('lanes give what OpenSSL gives, with the costs of repositories', async () => {
  for (const [N, p, threads] of [
    [2 ** 15, 3, 2],
    [2 ** 15, 2, 1],
    [2 ** 11, 7, 4],
  ] as const) {
    const salt = randomBytes(64);
    const password = `pässwörd ${p} 中`;
    const expected = scryptSync(password, salt, 64, { N, r: 8, p, maxmem: 2 ** 27 });
    assert.deepEqual(await deriveInLanes(password, { N, r: 8, p }, salt, threads), expected);
  }
});

test('threads are used where lanes can be shared out evenly, and never for costs that the kernel does not know', () => {
  const threads = (N: number, r: number, p: number, cores: number): number => threadsFor({ N, r, p }, cores);
  assert.equal(threads(2 ** 15, 8, 5, 2), 2);
  assert.equal(threads(2 ** 15, 8, 5, 16), 3);
  assert.equal(threads(2 ** 15, 8, 8, 16), 4);
  assert.equal(threads(2 ** 15, 8, 5, 1), 0);
  assert.equal(threads(2 ** 15, 8, 1, 8), 0);
  assert.equal(threads(2 ** 17, 8, 4, 8), 0);
  assert.equal(threads(2 ** 15, 16, 4, 8), 0);
  assert.equal(threads(40_000, 8, 4, 8), 0);
  assert.equal(threads(2, 8, 4, 8), 0);
});

test('costs that gain nothing are left to the plain way', async () => {
  assert.equal(await deriveKeyOnThreads('x', { N: 1024, r: 8, p: 1 }, Buffer.alloc(64)), undefined);
});
