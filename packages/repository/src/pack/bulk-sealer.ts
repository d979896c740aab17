/**
 * Seals the blobs of packs, one after the other in one thread, into memory that is used again. By `native-cipher.ts` where
 * it is to be had; by `node:crypto`, which makes several objects and buffers per message, where not.
 */
import { timingSafeEqual } from 'node:crypto';
import { release } from '../crypto/release.ts';
import { createSealer, nonceBytes, sealOverheadBytes, tagBytes, type MasterKey, type Sealer } from '../crypto/seal.ts';
import { assert, CoffreError } from '../errors.ts';
import { createNativeCipher, type NativeCipher } from './native-cipher.ts';

/** What is opened only to be compared passes through this much memory, which stays in the cache of the processor. */
const pieceBytes = 64 * 1024;

export class BulkSealer implements Disposable {
  readonly #key: MasterKey;
  readonly #portable: Sealer;
  readonly #wantsNative: boolean;
  /** Undefined before the first use and after disposal; null where there is none. */
  #native: NativeCipher | null | undefined;
  #opened: Buffer = Buffer.alloc(0);
  readonly #tag = Buffer.from(new ArrayBuffer(tagBytes));

  constructor(key: MasterKey, options: { native?: boolean } = {}) {
    this.#key = key;
    this.#portable = createSealer(key);
    this.#wantsNative = options.native ?? true;
  }

  #use(): NativeCipher | null {
    this.#native ??= (this.#wantsNative ? createNativeCipher(this.#key) : undefined) ?? null;
    return this.#native;
  }

  /** Writes the sealed message to `out` at `offset`. `plain` may not overlap that place. `nonce` is 16 bytes, not all zero. */
  sealInto(nonce: Buffer, plain: Uint8Array, out: Buffer, offset: number): void {
    const native = this.#use();
    if (native === null) {
      this.#portable.sealInto(nonce, plain, out, offset);
      return;
    }
    const body = offset + nonceBytes;
    const end = body + plain.length;
    assert(end + tagBytes <= out.length, 'the sealed message does not fit into its buffer');
    out.set(nonce, offset);
    const ciphertext = out.subarray(body, end);
    native.cryptFrom(nonce);
    native.cryptNext(plain, ciphertext);
    native.tagInto(nonce, ciphertext, out.subarray(end, end + tagBytes));
  }

  /** Does the sealed message open to these bytes? */
  opensTo(sealed: Uint8Array, plain: Uint8Array): boolean {
    if (sealed.length !== plain.length + sealOverheadBytes) return false;
    const native = this.#use();
    if (native === null) {
      const opened = this.#portable.open(sealed);
      const same = Buffer.compare(opened, plain) === 0;
      release(opened);
      return same;
    }
    this.#authenticate(native, sealed);
    native.cryptFrom(sealed.subarray(0, nonceBytes));
    const piece = this.#room(pieceBytes);
    for (let at = 0; at < plain.length; at += pieceBytes) {
      const end = Math.min(at + pieceBytes, plain.length);
      native.cryptNext(sealed.subarray(nonceBytes + at, nonceBytes + end), piece);
      if (piece.compare(plain, at, end, 0, end - at) !== 0) return false;
    }
    return true;
  }

  /** The plaintext: a view, good until the next call. @throws {CoffreError} SEAL_BROKEN */
  open(sealed: Uint8Array): Buffer {
    const native = this.#use();
    if (native === null) return this.#portable.open(sealed);
    const out = this.#room(Math.max(0, sealed.length - sealOverheadBytes));
    native.openInto(sealed, out);
    return out;
  }

  #authenticate(native: NativeCipher, sealed: Uint8Array): void {
    const end = sealed.length - tagBytes;
    native.tagInto(sealed.subarray(0, nonceBytes), sealed.subarray(nonceBytes, end), this.#tag);
    if (timingSafeEqual(this.#tag, sealed.subarray(end))) return;
    throw new CoffreError('SEAL_BROKEN', 'the message authentication code does not match');
  }

  /** AES-256-CTR alone, the same both ways, to the beginning of `out`. */
  cryptInto(nonce: Uint8Array, bytes: Uint8Array, out: Buffer): void {
    const native = this.#use();
    if (native === null) {
      const crypted = this.#portable.crypt(nonce, bytes);
      out.set(crypted);
      release(crypted);
      return;
    }
    native.cryptFrom(nonce);
    native.cryptNext(bytes, out);
  }

  /** The tag alone: a view, good until the next call. */
  tagOf(nonce: Uint8Array, ciphertext: Uint8Array): Buffer {
    const native = this.#use();
    if (native === null) return this.#portable.tagOf(nonce, ciphertext);
    native.tagInto(nonce, ciphertext, this.#tag);
    return this.#tag;
  }

  #room(sizeBytes: number): Buffer {
    if (this.#opened.length < sizeBytes) this.#opened = Buffer.allocUnsafeSlow(Math.max(sizeBytes, 1024 * 1024));
    return this.#opened.subarray(0, sizeBytes);
  }

  /** Gives memory back, also what OpenSSL holds; the next call takes it anew. */
  [Symbol.dispose](): void {
    this.#native?.[Symbol.dispose]();
    this.#native = undefined;
    this.#opened = Buffer.alloc(0);
  }
}
