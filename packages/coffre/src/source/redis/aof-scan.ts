/**
 * Reads an append-only file as it passes by, to know where a command ends. Each is written as a client sends it:
 *
 *   *<words>\r\n  then for each word  $<bytes>\r\n<bytes>\r\n
 *
 * and `#…\r\n` is a remark. Between MULTI and EXEC no end is one. Pure.
 */
import { CoffreError } from '@coffre/repository';

const lineBytesMax = 1024;

export class AofScan {
  #rest = Buffer.alloc(0);
  /** Of the first byte of `rest`. */
  #offset = 0;
  #skipBytes = 0;
  #wordsLeft = 0;
  #isFirstWord = false;
  #inTransaction = false;
  /** Bytes up to the end of the last whole command or transaction. */
  wholeBytes = 0;
  commands = 0;

  /** @throws {CoffreError} SOURCE_INVALID where no command can be */
  push(bytes: Uint8Array): void {
    const buffer = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at < buffer.length) {
      const next = this.#skipBytes > 0 ? this.#skip(buffer, at) : this.#line(buffer, at);
      if (next === undefined) break;
      at = next;
      if (this.#skipBytes === 0 && this.#wordsLeft === 0 && !this.#inTransaction) this.wholeBytes = this.#offset + at;
    }
    this.#offset += at;
    this.#rest = Buffer.from(buffer.subarray(at));
  }

  #skip(buffer: Buffer, at: number): number {
    const count = Math.min(this.#skipBytes, buffer.length - at);
    this.#skipBytes -= count;
    return at + count;
  }

  #line(buffer: Buffer, at: number): number | undefined {
    const end = buffer.indexOf('\n', at);
    if (end < 0) {
      if (buffer.length - at > lineBytesMax) throw this.#broken(at);
      return undefined;
    }
    const line = buffer.toString('latin1', at, end);
    if (this.#wordsLeft > 0) return this.#word(buffer, at, line, end + 1);
    if (line.startsWith('#')) return end + 1;
    const [, words] = /^\*([1-9]\d{0,9})\r$/.exec(line) ?? [];
    if (words === undefined) throw this.#broken(at);
    this.#wordsLeft = Number(words);
    this.#isFirstWord = true;
    this.commands += 1;
    return end + 1;
  }

  #word(buffer: Buffer, at: number, line: string, start: number): number | undefined {
    const [, text] = /^\$(\d{1,10})\r$/.exec(line) ?? [];
    if (text === undefined) throw this.#broken(at);
    const size = Number(text);
    if (this.#isFirstWord && size <= 5) {
      if (buffer.length < start + size) return undefined;
      const word = buffer.toString('latin1', start, start + size).toUpperCase();
      if (word === 'MULTI') this.#inTransaction = true;
      else if (word === 'EXEC') this.#inTransaction = false;
    }
    this.#isFirstWord = false;
    this.#wordsLeft -= 1;
    this.#skipBytes = size + 2;
    return start;
  }

  #broken(at: number): CoffreError {
    return new CoffreError('SOURCE_INVALID', `the AOF holds no command at byte ${this.#offset + at}`, {
      hint: '`redis-check-aof` tells more, and mends it.',
    });
  }
}
