import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isCoffreError } from '../errors.ts';
import {
  createSealer,
  drawNonce,
  openSealed,
  randomMasterKey,
  seal,
  sealInto,
  sealOverheadBytes,
  type MasterKey,
} from './seal.ts';

const random = { bytes: (size: number) => randomBytes(size) };
const hex = (text: string) => Buffer.from(text, 'hex');

function keyOf(parts: Partial<MasterKey>): MasterKey {
  return { ...randomMasterKey(random), ...parts };
}

test('the ciphertext is AES-256 in counter mode, as in NIST SP 800-38A F.5.5', () => {
  const encrypt = hex('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4');
  const nonce = hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff');
  const plain = hex(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
      '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
  );
  const out = Buffer.alloc(plain.length + sealOverheadBytes);
  assert.equal(sealInto(keyOf({ encrypt }), nonce, plain, out, 0), out.length);
  assert.equal(
    out.subarray(16, -16).toString('hex'),
    '601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5' +
      '2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6',
  );
});

// D. J. Bernstein, "The Poly1305-AES message-authentication code", appendix B
const poly1305Vectors = [
  {
    message: 'f3f6',
    r: '851fc40c3467ac0be05cc20404f3f700',
    k: 'ec074c835580741701425b623235add6',
    nonce: 'fb447350c4e868c52ac3275cf9d4327e',
    tag: 'f4c633c3044fc145f84f335cb81953de',
  },
  {
    message: '',
    r: 'a0f3080000f46400d0c7e9076c834403',
    k: '75deaa25c09f208e1dc4ce6b5cad3fbf',
    nonce: '61ee09218d29b0aaed7e154a2c5509cc',
    tag: 'dd3fab2251f11ac759f0887129cc2ee7',
  },
  {
    message: '663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136',
    r: '48443d0bb0d21109c89a100b5ce2c208',
    k: '6acb5f61a7176dd320c5c1eb2edcdc74',
    nonce: 'ae212a55399729595dea458bc621ff0e',
    tag: '0ee1c16bb73f0f4fd19881753c01cdbe',
  },
  {
    message:
      'ab0812724a7f1e342742cbed374d94d136c6b8795d45b3819830f2c04491faf0' +
      '990c62e48b8018b2c3e4a0fa3134cb67fa83e158c994d961c4cb21095c1bf9',
    r: '12976a08c4426d0ce8a82407c4f48207',
    k: 'e1a5668a4d5b66a5f68cc5424ed5982d',
    nonce: '9ae831e743978d3a23527c7128149e3a',
    tag: '5154ad0d2cb26e01274fc51148491f1b',
  },
];

for (const { message, r, k, nonce, tag } of poly1305Vectors) {
  test(`the tag over ${message.length / 2} bytes of ciphertext is Poly1305-AES as published`, () => {
    const key = keyOf({ macK: hex(k), macR: hex(r) });
    const sealer = createSealer(key);
    const plain = sealer.open(hex(nonce + message + tag));
    const again = Buffer.alloc(plain.length + sealOverheadBytes);
    sealer.sealInto(hex(nonce), plain, again, 0);
    assert.equal(again.toString('hex'), nonce + message + tag);
  });
}

test('whatever is sealed opens again, 32 bytes shorter', () => {
  const key = randomMasterKey(random);
  const sealer = createSealer(key);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (plain) => {
      const sealed = sealer.seal(plain, random);
      assert.equal(sealed.length, plain.length + sealOverheadBytes);
      assert.deepEqual(openSealed(key, sealed), Buffer.from(plain));
      assert.deepEqual(sealer.open(seal(key, plain, random)), Buffer.from(plain));
    }),
  );
});

test('one changed bit anywhere, or a missing byte, is refused', () => {
  const sealer = createSealer(randomMasterKey(random));
  const sealed = sealer.seal(Buffer.from('the quick brown fox'), random);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.throws(
      () => sealer.open(changed),
      (error) => isCoffreError(error, 'SEAL_BROKEN'),
      `bit ${bit}`,
    );
  }
  for (let size = 0; size < sealed.length; size += 1) {
    assert.throws(
      () => sealer.open(sealed.subarray(0, size)),
      (error) => isCoffreError(error, 'SEAL_BROKEN'),
    );
  }
});

test('a message sealed under another key is refused', () => {
  const sealed = seal(randomMasterKey(random), Buffer.from('x'), random);
  assert.throws(
    () => openSealed(randomMasterKey(random), sealed),
    (error) => isCoffreError(error, 'SEAL_BROKEN'),
  );
});

test('a message is written at its offset and leaves its neighbours alone', () => {
  const sealer = createSealer(randomMasterKey(random));
  const out = Buffer.alloc(100, 0xaa);
  const size = sealer.sealInto(drawNonce(random), Buffer.from('hello'), out, 7);
  assert.equal(size, 37);
  assert.equal(sealer.open(out.subarray(7, 44)).toString(), 'hello');
  assert.deepEqual(out.subarray(0, 7), Buffer.alloc(7, 0xaa));
  assert.deepEqual(out.subarray(44), Buffer.alloc(56, 0xaa));
  assert.throws(() => sealer.sealInto(drawNonce(random), Buffer.from('hello'), out, 64), /does not fit/);
});

test('a zero nonce is never used and a zero key never accepted', () => {
  const draws = [Buffer.alloc(16), Buffer.alloc(16, 1)];
  assert.deepEqual(drawNonce({ bytes: () => draws.shift() as Buffer }), Buffer.alloc(16, 1));
  const sealer = createSealer(randomMasterKey(random));
  assert.throws(() => sealer.sealInto(Buffer.alloc(16), Buffer.from('x'), Buffer.alloc(64), 0), /nonce/);
  for (const part of [{ encrypt: Buffer.alloc(32) }, { macK: Buffer.alloc(16) }, { macR: Buffer.alloc(16) }]) {
    assert.throws(
      () => createSealer(keyOf(part)),
      (error) => isCoffreError(error, 'SEAL_BROKEN'),
    );
  }
});
