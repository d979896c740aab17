/**
 * How every file and blob of a repository is encrypted and authenticated.
 *
 *   offset  size  content
 *   0       16    nonce, random, never all zero, never used twice
 *   16      n     AES-256-CTR of the plaintext; the nonce is the first counter block
 *   16+n    16    Poly1305 over the ciphertext alone; one-time key = macR ‖ AES-128-ECB(macK, nonce)
 *
 * Nothing ties a sealed message to its file name or kind: always compare the hash of what comes out as well.
 */
import { createCipheriv, createDecipheriv, createMac, timingSafeEqual } from 'node:crypto';
import { assert, CoffreError } from '../errors.ts';
import type { Random } from '../host/host.ts';
import { release } from './release.ts';

export type MasterKey = {
  /** 32 bytes */
  readonly encrypt: Buffer;
  /** 16 bytes */
  readonly macK: Buffer;
  /** 16 bytes; stored as drawn, Poly1305 itself clears the bits it must */
  readonly macR: Buffer;
};

export const nonceBytes = 16;
export const tagBytes = 16;
/** A sealed message is so much longer than what was sealed. */
export const sealOverheadBytes = 32;

/** Seals and opens many messages under one key. For one thread; hold one per worker. */
export type Sealer = {
  /** Writes the sealed message to `out` at `offset` and returns its length. `plain` may not overlap that place. */
  sealInto(nonce: Buffer, plain: Uint8Array, out: Buffer, offset: number): number;
  seal(plain: Uint8Array, random: Random): Buffer;
  /** @throws {CoffreError} SEAL_BROKEN, before anything is decrypted */
  open(sealed: Uint8Array): Buffer;
  /** AES-256-CTR alone, the same both ways: many small messages at once, see `pack/small-blobs.ts`. */
  crypt(nonce: Uint8Array, bytes: Uint8Array): Buffer;
  /** The tag alone. */
  tagOf(nonce: Uint8Array, ciphertext: Uint8Array): Buffer;
};

/** @throws {CoffreError} SEAL_BROKEN when a part of the key has a wrong length or is all zero */
export function createSealer(key: MasterKey): Sealer {
  checkKey(key);
  // a block cipher without padding gives each block at once, so one object serves every message
  const blocks = createCipheriv('aes-128-ecb', key.macK, null).setAutoPadding(false);
  const oneTimeKey = Buffer.alloc(32);
  key.macR.copy(oneTimeKey);

  function tagOf(nonce: Uint8Array, ciphertext: Uint8Array): Buffer {
    oneTimeKey.set(blocks.update(nonce), 16);
    return createMac('poly1305', oneTimeKey).update(ciphertext).final();
  }

  function write(nonce: Buffer, plain: Uint8Array, out: Buffer, offset: number): number {
    assert(nonce.length === nonceBytes && !isZero(nonce), 'a nonce is 16 bytes and not all zero');
    const size = plain.length + sealOverheadBytes;
    assert(offset + size <= out.length, 'the sealed message does not fit into its buffer');
    const ciphertext = createCipheriv('aes-256-ctr', key.encrypt, nonce).update(plain);
    out.set(nonce, offset);
    out.set(ciphertext, offset + nonceBytes);
    out.set(tagOf(nonce, ciphertext), offset + nonceBytes + ciphertext.length);
    release(ciphertext);
    return size;
  }

  function sealed(plain: Uint8Array, random: Random): Buffer {
    const out = Buffer.allocUnsafeSlow(plain.length + sealOverheadBytes);
    write(drawNonce(random), plain, out, 0);
    return out;
  }

  function open(message: Uint8Array): Buffer {
    if (message.length < sealOverheadBytes) {
      throw new CoffreError('SEAL_BROKEN', `${message.length} bytes are too few for a sealed message`);
    }
    const nonce = message.subarray(0, nonceBytes);
    const ciphertext = message.subarray(nonceBytes, message.length - tagBytes);
    if (!timingSafeEqual(tagOf(nonce, ciphertext), message.subarray(message.length - tagBytes))) {
      throw new CoffreError('SEAL_BROKEN', 'the message authentication code does not match');
    }
    return createDecipheriv('aes-256-ctr', key.encrypt, nonce).update(ciphertext);
  }

  function crypt(nonce: Uint8Array, bytes: Uint8Array): Buffer {
    return createCipheriv('aes-256-ctr', key.encrypt, nonce).update(bytes);
  }

  return { sealInto: write, seal: sealed, open, crypt, tagOf };
}

/** For single messages; hold a {@link Sealer} where there are many. */
export function seal(key: MasterKey, plain: Uint8Array, random: Random): Buffer {
  return createSealer(key).seal(plain, random);
}

export function sealInto(key: MasterKey, nonce: Buffer, plain: Uint8Array, out: Buffer, offset: number): number {
  return createSealer(key).sealInto(nonce, plain, out, offset);
}

/** @throws {CoffreError} SEAL_BROKEN */
export function openSealed(key: MasterKey, sealed: Uint8Array): Buffer {
  return createSealer(key).open(sealed);
}

/** 16 random bytes that are not all zero. */
export function drawNonce(random: Random): Buffer {
  const nonce = random.bytes(nonceBytes);
  return isZero(nonce) ? drawNonce(random) : nonce;
}

export function randomMasterKey(random: Random): MasterKey {
  return { encrypt: random.bytes(32), macK: random.bytes(16), macR: random.bytes(16) };
}

function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

function checkKey(key: MasterKey): void {
  const isSized = key.encrypt.length === 32 && key.macK.length === 16 && key.macR.length === 16;
  if (!isSized || isZero(key.encrypt) || isZero(key.macK) || isZero(key.macR)) {
    throw new CoffreError('SEAL_BROKEN', 'the encryption key is not valid');
  }
}
