import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../host/host.ts';
import { calibrateCosts, deriveKey } from './kdf.ts';

// RFC 7914, section 12
const vectors = [
  {
    password: 'password',
    salt: 'NaCl',
    costs: { N: 1024, r: 8, p: 16 },
    key:
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162' +
      '2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
  },
  {
    password: 'pleaseletmein',
    salt: 'SodiumChloride',
    costs: { N: 16384, r: 8, p: 1 },
    key:
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
      'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
  },
];

for (const { password, salt, costs, key } of vectors) {
  test(`scrypt with N=${costs.N} p=${costs.p} gives the published key, split in three`, async () => {
    const { encrypt, macK, macR } = await deriveKey(password, costs, Buffer.from(salt));
    assert.equal(Buffer.concat([encrypt, macK, macR]).toString('hex'), key);
    assert.deepEqual([encrypt.length, macK.length, macR.length], [32, 16, 16]);
  });
}

test('costs that scrypt refuses are a damaged key and not a crash', async () => {
  await assert.rejects(deriveKey('x', { N: 1000, r: 8, p: 1 }, Buffer.alloc(64)), { code: 'REPO_KEY_DAMAGED' });
  await assert.rejects(deriveKey('x', { N: 1024, r: -8, p: 1 }, Buffer.alloc(64)), { code: 'REPO_KEY_DAMAGED' });
});

function clockOf(stepsMs: number[]): Clock {
  let nowMs = 0;
  return {
    nowNs: () => 0n,
    monotonicMs: () => (nowMs += stepsMs.shift() ?? 0),
    sleep: () => Promise.resolve(),
  };
}

test('new keys cost about half a second, judged by the quicker of two tries', async () => {
  assert.deepEqual(await calibrateCosts(clockOf([0, 400, 0, 100])), { N: 32768, r: 8, p: 5 });
});

test('a slow machine does not get a weak key, nor a fast one an endless wait', async () => {
  assert.deepEqual(await calibrateCosts(clockOf([0, 9000, 0, 9000])), { N: 32768, r: 8, p: 1 });
  assert.deepEqual(await calibrateCosts(clockOf([0, 0, 0, 0])), { N: 32768, r: 8, p: 16 });
});
