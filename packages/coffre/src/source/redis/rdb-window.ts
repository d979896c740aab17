/** Bytes of an RDB file that have arrived and are still needed. Every reading step pauses until enough are there. */
import { CoffreError } from '@coffre/repository';
import { expandLzf } from './lzf.ts';

/** A pause for more bytes, on the way to a value. */
export type Step<Value> = Generator<undefined, Value, undefined>;

const stringBytesMax = 512 * 1024 * 1024;

export class RdbWindow {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #at = 0;
  #end = 0;
  #mark: number | undefined;
  /** Whether the last length was none, but said how the string is encoded. */
  isEncoded = false;

  push(bytes: Uint8Array): void {
    const keepFrom = this.#mark ?? this.#at;
    if (this.#end + bytes.length > this.#buffer.length) {
      const kept = this.#end - keepFrom;
      const room = kept + bytes.length;
      const target = room > this.#buffer.length ? Buffer.allocUnsafe(room * 2) : this.#buffer;
      this.#buffer.copy(target, 0, keepFrom, this.#end);
      this.#buffer = target;
      this.#at -= keepFrom;
      this.#end = kept;
      if (this.#mark !== undefined) this.#mark = 0;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Bytes that nobody has read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** From here on bytes are kept until `taken`. */
  mark(): void {
    this.#mark = this.#at;
  }

  /** A copy of the bytes since the mark. */
  taken(): Buffer {
    const bytes = Buffer.from(this.#buffer.subarray(this.#mark ?? this.#at, this.#at));
    this.#mark = undefined;
    return bytes;
  }

  *skip(count: number): Step<void> {
    let left = count;
    while (left > this.#end - this.#at) {
      left -= this.#end - this.#at;
      this.#at = this.#end;
      if (this.#mark !== undefined && this.#at - this.#mark > stringBytesMax) throw tooLong();
      yield;
    }
    this.#at += left;
  }

  *byte(): Step<number> {
    while (this.#at === this.#end) yield;
    const value = this.#buffer[this.#at]!;
    this.#at += 1;
    return value;
  }

  /** Valid until the next push. */
  *bytes(count: number): Step<Buffer> {
    if (count > stringBytesMax) throw tooLong();
    while (this.#end - this.#at < count) yield;
    this.#at += count;
    return this.#buffer.subarray(this.#at - count, this.#at);
  }

  /** Lengths take 1, 2, 5 or 9 bytes by their two upper bits, big-endian; 11 announces an encoded string. */
  *length(): Step<number> {
    const first = yield* this.byte();
    this.isEncoded = first >> 6 === 3;
    switch (first >> 6) {
      case 0:
      case 3:
        return first & 63;
      case 1:
        return ((first & 63) << 8) | (yield* this.byte());
      default:
        if (first === 0x80) return (yield* this.bytes(4)).readUInt32BE(0);
        if (first === 0x81) return Number((yield* this.bytes(8)).readBigUInt64BE(0));
        throw new CoffreError('SOURCE_INVALID', 'the RDB file holds a length of no known kind');
    }
  }

  /** The byte at hand, or -1 when a pause is needed first: a generator for each byte and string would cost half the time. */
  byteNow(): number {
    if (this.#at === this.#end) return -1;
    this.#at += 1;
    return this.#buffer[this.#at - 1]!;
  }

  /** The plain string at hand; false, and nothing read, when it is not here whole or not plain. */
  skipStringNow(): boolean {
    const left = this.#end - this.#at;
    if (left < 5) return false;
    const first = this.#buffer[this.#at]!;
    let used = 1;
    let length = first & 63;
    if (first >> 6 === 1) {
      length = (length << 8) | this.#buffer[this.#at + 1]!;
      used = 2;
    } else if (first === 0x80) {
      length = this.#buffer.readUInt32BE(this.#at + 1);
      used = 5;
    } else if (first >> 6 !== 0) return false;
    if (left < used + length) return false;
    this.#at += used + length;
    return true;
  }

  /** A string, whatever it is encoded as. */
  *skipString(): Step<void> {
    const length = yield* this.length();
    if (!this.isEncoded) return yield* this.skip(length);
    if (length < 3) return yield* this.skip(1 << length);
    const packedBytes = yield* this.length();
    yield* this.length();
    return yield* this.skip(packedBytes);
  }

  *string(): Step<Buffer> {
    const length = yield* this.length();
    if (!this.isEncoded) return Buffer.from(yield* this.bytes(length));
    if (length === 0) return Buffer.from(String((yield* this.bytes(1)).readInt8(0)));
    if (length === 1) return Buffer.from(String((yield* this.bytes(2)).readInt16LE(0)));
    if (length === 2) return Buffer.from(String((yield* this.bytes(4)).readInt32LE(0)));
    if (length !== 3) throw new CoffreError('SOURCE_INVALID', 'the RDB file holds a string of no known encoding');
    const packedBytes = yield* this.length();
    const plainBytes = yield* this.length();
    if (plainBytes > stringBytesMax) throw tooLong();
    return expandLzf(yield* this.bytes(packedBytes), plainBytes);
  }
}

function tooLong(): CoffreError {
  return new CoffreError('SOURCE_INVALID', 'the RDB file holds a value of more than 512 MiB', {
    hint: 'No client can write such a value in one piece. Load the file into the folder of a stopped server instead.',
  });
}
