/**
 * Seals and opens messages into memory of the caller, by the OpenSSL inside Node itself: half the time of `node:crypto`,
 * which makes several objects and a buffer per message. The functions are reached through `node:ffi`; where they are
 * missing or give a wrong answer to a known message, there is none and `node:crypto` does the work.
 */
import { randomBytes } from 'node:crypto';
import type * as FfiModule from 'node:ffi';
import { createSealer, nonceBytes, sealOverheadBytes, tagBytes, type MasterKey } from '../crypto/seal.ts';
import { CoffreError } from '../errors.ts';
import { loadFfi } from '../host/native.ts';

/**
 * Pointers everywhere, lengths too: they travel in the same registers, and such a call costs a third of one that has
 * buffers and integers among its arguments. A small message is opened by seven of them.
 */
const signatures = {
  EVP_aes_256_ctr: { arguments: [], return: 'pointer' },
  EVP_aes_128_ecb: { arguments: [], return: 'pointer' },
  EVP_CIPHER_CTX_new: { arguments: [], return: 'pointer' },
  EVP_CIPHER_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_CIPHER_CTX_set_padding: { arguments: ['pointer', 'pointer'], return: 'i32' },
  EVP_EncryptInit_ex: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_EncryptUpdate: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_DecryptInit_ex: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_DecryptUpdate: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_MAC_fetch: { arguments: ['pointer', 'pointer', 'pointer'], return: 'pointer' },
  EVP_MAC_free: { arguments: ['pointer'], return: 'void' },
  EVP_MAC_CTX_new: { arguments: ['pointer'], return: 'pointer' },
  EVP_MAC_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_MAC_init: { arguments: ['pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_MAC_update: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  EVP_MAC_final: { arguments: ['pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  CRYPTO_memcmp: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
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
const nonceLength = BigInt(nonceBytes);
const tagLength = BigInt(tagBytes);
const oneTimeKeyLength = 32n;

/** Where things lie in the memory of a cipher. The second half of the one-time key is the nonce, encrypted. */
const place = { oneTimeKey: 0, secondHalf: 16, tag: 64, length: 128, key: 192, name: 224 } as const;
const memoryBytes = 256;

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
  readonly #addressOf: (buffer: ArrayBufferLike) => bigint;
  readonly #addresses = new WeakMap<ArrayBufferLike, bigint>();
  readonly #stream: bigint;
  readonly #blocks: bigint;
  readonly #mac: bigint;
  readonly #macRun: bigint;
  /** Memory whose address C was given must not move: small typed arrays may, array buffers do not. */
  readonly #memory = Buffer.from(new ArrayBuffer(memoryBytes));
  readonly #oneTimeKey: bigint;
  readonly #secondHalf: bigint;
  readonly #tag: bigint;
  readonly #length: bigint;

  constructor(ffi: typeof FfiModule, calls: Calls, key: MasterKey) {
    this.#calls = calls;
    this.#addressOf = (buffer) => ffi.getRawPointer(buffer as ArrayBuffer);
    const address = this.#addressOf(this.#memory.buffer);
    this.#oneTimeKey = address + BigInt(place.oneTimeKey);
    this.#secondHalf = address + BigInt(place.secondHalf);
    this.#tag = address + BigInt(place.tag);
    this.#length = address + BigInt(place.length);
    const keyAddress = address + BigInt(place.key);
    this.#memory.write('POLY1305\0', place.name);
    this.#stream = calls.EVP_CIPHER_CTX_new();
    this.#blocks = calls.EVP_CIPHER_CTX_new();
    this.#mac = calls.EVP_MAC_fetch(none, address + BigInt(place.name), none);
    this.#macRun = this.#mac === none ? none : calls.EVP_MAC_CTX_new(this.#mac);
    key.macK.copy(this.#memory, place.key);
    const knowsBlocks =
      this.#macRun !== none &&
      calls.EVP_EncryptInit_ex(this.#blocks, calls.EVP_aes_128_ecb(), none, keyAddress, none) === 1 &&
      calls.EVP_CIPHER_CTX_set_padding(this.#blocks, none) === 1;
    key.encrypt.copy(this.#memory, place.key);
    const isReady =
      knowsBlocks && calls.EVP_DecryptInit_ex(this.#stream, calls.EVP_aes_256_ctr(), none, keyAddress, this.#tag) === 1;
    this.#memory.fill(0);
    key.macR.copy(this.#memory, place.oneTimeKey);
    if (isReady) return;
    this[Symbol.dispose]();
    throw new CoffreError('HOST_UNSUPPORTED', 'this OpenSSL lacks what is needed');
  }

  /** Good while the caller holds `bytes`. */
  #at(bytes: Uint8Array): bigint {
    const { buffer } = bytes;
    let address = this.#addresses.get(buffer);
    if (address === undefined) {
      address = this.#addressOf(buffer);
      this.#addresses.set(buffer, address);
    }
    return address + BigInt(bytes.byteOffset);
  }

  openInto(message: Uint8Array, out: Uint8Array): void {
    const [messageBytes, outBytes] = [message.length, out.length];
    const sizeBytes = messageBytes - sealOverheadBytes;
    if (sizeBytes < 0) throw new CoffreError('SEAL_BROKEN', `${messageBytes} bytes are too few for a sealed message`);
    if (outBytes < sizeBytes) throw new CoffreError('INTERNAL', 'a message is opened into too little memory');
    const nonce = this.#at(message);
    const ciphertext = nonce + nonceLength;
    const size = BigInt(sizeBytes);
    this.#tagTo(nonce, ciphertext, size, this.#tag);
    if (this.#calls.CRYPTO_memcmp(this.#tag, ciphertext + size, tagLength) !== 0) {
      throw new CoffreError('SEAL_BROKEN', 'the message authentication code does not match');
    }
    this.#cryptFrom(nonce);
    if (sizeBytes > 0) this.#cryptNext(ciphertext, size, this.#at(out));
    hold(message, messageBytes);
    hold(out, outBytes);
  }

  tagInto(nonce: Uint8Array, ciphertext: Uint8Array, out: Uint8Array): void {
    const [nonceSize, textBytes, outBytes] = [nonce.length, ciphertext.length, out.length];
    if (nonceSize < nonceBytes || outBytes < tagBytes) {
      throw new CoffreError('INTERNAL', 'a nonce or the room for a tag is too short');
    }
    // Of an empty buffer there may be no address.
    const text = textBytes === 0 ? none : this.#at(ciphertext);
    this.#tagTo(this.#at(nonce), text, BigInt(textBytes), this.#at(out));
    hold(nonce, nonceSize);
    hold(ciphertext, textBytes);
    hold(out, outBytes);
  }

  #tagTo(nonce: bigint, ciphertext: bigint, size: bigint, tag: bigint): void {
    const calls = this.#calls;
    const isTagged =
      calls.EVP_EncryptUpdate(this.#blocks, this.#secondHalf, this.#length, nonce, nonceLength) === 1 &&
      calls.EVP_MAC_init(this.#macRun, this.#oneTimeKey, oneTimeKeyLength, none) === 1 &&
      (size === 0n || calls.EVP_MAC_update(this.#macRun, ciphertext, size) === 1) &&
      calls.EVP_MAC_final(this.#macRun, tag, this.#length, tagLength) === 1;
    if (!isTagged) throw new CoffreError('INTERNAL', 'OpenSSL cannot compute a message authentication code');
  }

  cryptFrom(nonce: Uint8Array): void {
    const { length } = nonce;
    if (length < nonceBytes) throw new CoffreError('INTERNAL', 'a nonce is too short');
    this.#cryptFrom(this.#at(nonce));
    hold(nonce, length);
  }

  #cryptFrom(nonce: bigint): void {
    if (this.#calls.EVP_DecryptInit_ex(this.#stream, none, none, none, nonce) === 1) return;
    throw new CoffreError('INTERNAL', 'OpenSSL cannot begin a message');
  }

  cryptNext(bytes: Uint8Array, out: Uint8Array): void {
    const [sizeBytes, outBytes] = [bytes.length, out.length];
    if (outBytes < sizeBytes) throw new CoffreError('INTERNAL', 'a message is crypted into too little memory');
    if (sizeBytes === 0) return;
    this.#cryptNext(this.#at(bytes), BigInt(sizeBytes), this.#at(out));
    hold(bytes, sizeBytes);
    hold(out, outBytes);
  }

  #cryptNext(bytes: bigint, size: bigint, out: bigint): void {
    if (this.#calls.EVP_DecryptUpdate(this.#stream, out, this.#length, bytes, size) === 1) return;
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

/**
 * An address does not keep its memory: without a use after the calls, the collector may take a buffer that nobody else
 * holds while OpenSSL is at it.
 */
function hold(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new CoffreError('INTERNAL', 'memory went away while OpenSSL was at it');
}
