/**
 * Seals and opens messages into memory of the caller, by the OpenSSL inside Node itself: half the time of `node:crypto`,
 * which makes several objects and a buffer per message. The functions are reached through `node:ffi`; where they are
 * missing or give a wrong answer to a known message, there is none and `node:crypto` does the work.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type * as FfiModule from 'node:ffi';
import { createSealer, nonceBytes, sealOverheadBytes, tagBytes, type MasterKey } from '../crypto/seal.ts';
import { CoffreError } from '../errors.ts';
import { loadFfi } from '../host/native.ts';

const signatures = {
  EVP_aes_256_ctr: { arguments: [], return: 'pointer' },
  EVP_aes_128_ecb: { arguments: [], return: 'pointer' },
  EVP_CIPHER_CTX_new: { arguments: [], return: 'pointer' },
  EVP_CIPHER_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_CIPHER_CTX_set_padding: { arguments: ['pointer', 'i32'], return: 'i32' },
  EVP_EncryptInit_ex: { arguments: ['pointer', 'pointer', 'pointer', 'buffer', 'pointer'], return: 'i32' },
  EVP_EncryptUpdate: { arguments: ['pointer', 'buffer', 'pointer', 'buffer', 'i32'], return: 'i32' },
  EVP_DecryptInit_ex: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'buffer'], return: 'i32' },
  EVP_DecryptUpdate: { arguments: ['pointer', 'buffer', 'pointer', 'buffer', 'i32'], return: 'i32' },
  EVP_MAC_fetch: { arguments: ['pointer', 'buffer', 'pointer'], return: 'pointer' },
  EVP_MAC_free: { arguments: ['pointer'], return: 'void' },
  EVP_MAC_CTX_new: { arguments: ['pointer'], return: 'pointer' },
  EVP_MAC_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_MAC_init: { arguments: ['pointer', 'buffer', 'u64', 'pointer'], return: 'i32' },
  EVP_MAC_update: { arguments: ['pointer', 'buffer', 'u64'], return: 'i32' },
  EVP_MAC_final: { arguments: ['pointer', 'buffer', 'pointer', 'u64'], return: 'i32' },
} as const satisfies FfiModule.FunctionDefinitions;

type Calls = FfiModule.WrappedFunctionsFromDefinitions<typeof signatures>;

/** For one thread. */
export type NativeCipher = Disposable & {
  /**
   * AES-256-CTR alone, the same both ways. The run that `nonce` began goes on with each `cryptNext`, so that long messages
   * pass through a small piece of memory.
   */
  cryptFrom(nonce: Uint8Array): void;
  cryptNext(bytes: Uint8Array, out: Uint8Array): void;
  /** Writes the 16 bytes of the tag to the beginning of `out`. */
  tagInto(nonce: Uint8Array, ciphertext: Uint8Array, out: Uint8Array): void;
  /**
   * Writes the plaintext to the beginning of `out`, which has room for it.
   * @throws {CoffreError} SEAL_BROKEN, before anything is decrypted
   */
  openInto(message: Uint8Array, out: Uint8Array): void;
};

const none = 0n;
const oneTimeKeyBytes = 32n;

export function createNativeCipher(key: MasterKey): NativeCipher | undefined {
  const ffi = loadFfi();
  if (ffi === undefined) return undefined;
  let cipher: NativeCipher;
  try {
    cipher = new OpenSslCipher(ffi, ffi.dlopen(null, signatures).functions, key);
  } catch {
    return undefined; // a Node that keeps these functions to itself
  }
  if (givesKnownAnswers(cipher, key)) return cipher;
  cipher[Symbol.dispose]();
  return undefined;
}

function givesKnownAnswers(cipher: NativeCipher, key: MasterKey): boolean {
  const sealer = createSealer(key);
  try {
    return [0, 1, 100, 5000].every((size) => {
      const plain = randomBytes(size);
      const message = sealer.seal(plain, { bytes: (count) => randomBytes(count) });
      const out = Buffer.alloc(size);
      cipher.openInto(message, out);
      return out.equals(plain);
    });
  } catch {
    return false;
  }
}

class OpenSslCipher implements NativeCipher {
  readonly #calls: Calls;
  readonly #stream: bigint;
  readonly #blocks: bigint;
  readonly #mac: bigint;
  readonly #macRun: bigint;
  /** Memory whose address C was given must not move: small typed arrays may, array buffers do not. */
  readonly #memory = Buffer.from(new ArrayBuffer(256));
  readonly #oneTimeKey = this.#memory.subarray(0, 32);
  readonly #secondHalf = this.#memory.subarray(16, 32);
  readonly #tag = this.#memory.subarray(64, 64 + tagBytes);
  readonly #length: bigint;

  constructor(ffi: typeof FfiModule, calls: Calls, key: MasterKey) {
    this.#calls = calls;
    this.#length = ffi.getRawPointer(this.#memory.subarray(128, 136));
    key.macR.copy(this.#oneTimeKey);
    this.#stream = calls.EVP_CIPHER_CTX_new();
    this.#blocks = calls.EVP_CIPHER_CTX_new();
    this.#mac = calls.EVP_MAC_fetch(none, Buffer.from('POLY1305\0'), none);
    this.#macRun = this.#mac === none ? none : calls.EVP_MAC_CTX_new(this.#mac);
    const encryptKey = Buffer.from(new ArrayBuffer(128));
    key.encrypt.copy(encryptKey);
    const isReady =
      this.#macRun !== none &&
      calls.EVP_EncryptInit_ex(this.#blocks, calls.EVP_aes_128_ecb(), none, key.macK, none) === 1 &&
      calls.EVP_CIPHER_CTX_set_padding(this.#blocks, 0) === 1 &&
      calls.EVP_DecryptInit_ex(
        this.#stream,
        calls.EVP_aes_256_ctr(),
        none,
        ffi.getRawPointer(encryptKey),
        Buffer.alloc(nonceBytes),
      ) === 1;
    encryptKey.fill(0);
    if (isReady) return;
    this[Symbol.dispose]();
    throw new CoffreError('HOST_UNSUPPORTED', 'this OpenSSL lacks what is needed');
  }

  openInto(message: Uint8Array, out: Uint8Array): void {
    const sizeBytes = message.length - sealOverheadBytes;
    if (sizeBytes < 0) throw new CoffreError('SEAL_BROKEN', `${message.length} bytes are too few for a sealed message`);
    if (out.length < sizeBytes) throw new CoffreError('INTERNAL', 'a message is opened into too little memory');
    const nonce = message.subarray(0, nonceBytes);
    const ciphertext = message.subarray(nonceBytes, nonceBytes + sizeBytes);
    this.tagInto(nonce, ciphertext, this.#tag);
    if (!timingSafeEqual(this.#tag, message.subarray(nonceBytes + sizeBytes))) {
      throw new CoffreError('SEAL_BROKEN', 'the message authentication code does not match');
    }
    this.cryptFrom(nonce);
    this.cryptNext(ciphertext, out);
  }

  tagInto(nonce: Uint8Array, ciphertext: Uint8Array, out: Uint8Array): void {
    const calls = this.#calls;
    const sizeBytes = ciphertext.length;
    const isTagged =
      calls.EVP_EncryptUpdate(this.#blocks, this.#secondHalf, this.#length, nonce, nonceBytes) === 1 &&
      calls.EVP_MAC_init(this.#macRun, this.#oneTimeKey, oneTimeKeyBytes, none) === 1 &&
      (sizeBytes === 0 || calls.EVP_MAC_update(this.#macRun, ciphertext, BigInt(sizeBytes)) === 1) &&
      calls.EVP_MAC_final(this.#macRun, out, this.#length, BigInt(tagBytes)) === 1;
    if (!isTagged) throw new CoffreError('INTERNAL', 'OpenSSL cannot compute a message authentication code');
  }

  cryptFrom(nonce: Uint8Array): void {
    if (this.#calls.EVP_DecryptInit_ex(this.#stream, none, none, none, nonce) === 1) return;
    throw new CoffreError('INTERNAL', 'OpenSSL cannot begin a message');
  }

  cryptNext(bytes: Uint8Array, out: Uint8Array): void {
    if (out.length < bytes.length) throw new CoffreError('INTERNAL', 'a message is crypted into too little memory');
    if (bytes.length === 0) return;
    if (this.#calls.EVP_DecryptUpdate(this.#stream, out, this.#length, bytes, bytes.length) === 1) return;
    throw new CoffreError('INTERNAL', 'OpenSSL cannot crypt a message');
  }

  [Symbol.dispose](): void {
    this.#memory.fill(0);
    this.#calls.EVP_CIPHER_CTX_free(this.#stream);
    this.#calls.EVP_CIPHER_CTX_free(this.#blocks);
    if (this.#macRun !== none) this.#calls.EVP_MAC_CTX_free(this.#macRun);
    if (this.#mac !== none) this.#calls.EVP_MAC_free(this.#mac);
  }
}
