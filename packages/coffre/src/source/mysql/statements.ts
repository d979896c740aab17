/**
 * A dump cut into its statements, as the clients of the engine cut it: quotes, comments, `DELIMITER`. Nothing is
 * executed here, and what clients would do on their own (`\!`, `source`, `use`) is nothing but text. Pure.
 */
import { CoffreError } from '@coffre/repository';

export type DumpEnd = {
  /** Those that ended in the last bytes. */
  readonly found: readonly Buffer[];
  /** No statement is open, and the last line is the one that dump programs write when all went well. */
  readonly isComplete: boolean;
};

/** More than a server takes at once. */
const statementBytesMax = 1 << 30;
const [newline, space] = [0x0a, 0x20];
const [doubleQuote, hash, singleQuote, star, dash, slash] = [0x22, 0x23, 0x27, 0x2a, 0x2d, 0x2f];
const [backslash, backtick, bang, letterM] = [0x5c, 0x60, 0x21, 0x4d];
const sandboxLine = /^\/\*M?!999999\\-[^*]*\*\//;

export class StatementCutter {
  #store: Buffer = Buffer.allocUnsafe(1 << 20);
  #length = 0;
  #at = 0;
  /** Of the statement under way; undefined between statements. */
  #start: number | undefined;
  #inside: 'text' | 'line comment' | 'block comment' | number = 'text';
  /** Inside of a comment that servers execute. */
  #executed = false;
  #delimiter = Buffer.from(';');
  readonly #mode = new SqlMode();
  #lastComment = '';
  #commentStart = 0;

  /** Statements that ended in these bytes, without their delimiters. They are copies. */
  push(bytes: Uint8Array): Buffer[] {
    this.#append(bytes);
    const found: Buffer[] = [];
    while (this.#step(found, false));
    this.#dropBegin();
    return found;
  }

  end(): DumpEnd {
    const found: Buffer[] = [];
    while (this.#step(found, true));
    const isOpen = this.#start !== undefined || this.#inside !== 'text' || this.#delimiter.byteLength !== 1;
    const isComplete = !isOpen && /^-- Dump completed(?: on [\d :-]+)?$/.test(this.#lastComment);
    return { found, isComplete };
  }

  /** @returns false when more bytes are needed */
  #step(found: Buffer[], isLast: boolean): boolean {
    if (this.#at >= this.#length) return false;
    if (typeof this.#inside === 'number') return this.#passQuoted(this.#inside, isLast);
    if (this.#inside === 'line comment') return this.#passLine();
    if (this.#inside === 'block comment') return this.#passBlock();
    if (this.#start === undefined) return this.#begin(isLast);
    return this.#passText(found, isLast);
  }

  /** Between statements. */
  #begin(isLast: boolean): boolean {
    const store = this.#store;
    while (this.#at < this.#length && store[this.#at]! <= space) {
      this.#at += 1;
    }
    // Long enough for the sandbox line and for DELIMITER with its word.
    if (this.#at >= this.#length || (!isLast && this.#length - this.#at < 80)) return false;
    const head = store.toString('latin1', this.#at, Math.min(this.#length, this.#at + 80));
    const sandbox = sandboxLine.exec(head)?.[0];
    const delimiter = /^DELIMITER[ \t]+(\S+)[ \t]*\r?\n/i.exec(head);
    if (sandbox !== undefined) this.#at += sandbox.length;
    else if (delimiter !== null) {
      this.#delimiter = Buffer.from(delimiter[1]!, 'latin1');
      this.#at += delimiter[0].length;
    } else if (this.#entersComment(this.#at)) {
      this.#lastComment = '';
    } else this.#start = this.#at;
    return true;
  }

  /** @returns whether a comment begins there; `#at` is then behind its first characters */
  #entersComment(at: number): boolean {
    const store = this.#store;
    const [one, two, three] = [store[at], store[at + 1], store[at + 2]];
    const isDashes = one === dash && two === dash && (at + 2 >= this.#length || three! <= space);
    if (one === hash || isDashes) {
      this.#inside = 'line comment';
      this.#commentStart = at;
      this.#at = at + 1;
      return true;
    }
    if (one !== slash || two !== star) return false;
    const isExecuted = three === bang || (three === letterM && store[at + 3] === bang);
    if (isExecuted && !this.#executed) return false;
    this.#inside = 'block comment';
    this.#at = at + 2;
    return true;
  }

  #passText(found: Buffer[], isLast: boolean): boolean {
    const store = this.#store;
    const safe = isLast ? this.#length : this.#length - Math.max(4, this.#delimiter.byteLength);
    const first = this.#delimiter[0];
    for (; this.#at < safe; this.#at += 1) {
      const byte = store[this.#at]!;
      if (byte === singleQuote || byte === doubleQuote || byte === backtick) {
        this.#inside = byte;
        this.#at += 1;
        return true;
      }
      if (byte === first && !this.#executed && this.#endsHere()) {
        this.#take(found);
        return true;
      }
      if (byte === dash || byte === hash || byte === slash) {
        if (this.#entersComment(this.#at)) return true;
        if (byte === slash && store[this.#at + 1] === star) this.#executed = true;
      } else if (byte === star && this.#executed && store[this.#at + 1] === slash) {
        this.#executed = false;
        this.#at += 1;
      }
    }
    return false;
  }

  #endsHere(): boolean {
    const { byteLength } = this.#delimiter;
    return (
      byteLength === 1 ||
      this.#delimiter.compare(this.#store, this.#at, Math.min(this.#length, this.#at + byteLength)) === 0
    );
  }

  #take(found: Buffer[]): void {
    const statement = Buffer.from(this.#store.subarray(this.#start, this.#at));
    this.#at += this.#delimiter.byteLength;
    this.#start = undefined;
    this.#lastComment = '';
    this.#mode.follow(statement);
    found.push(statement);
  }

  #passQuoted(quote: number, isLast: boolean): boolean {
    const store = this.#store;
    const hasEscapes = quote !== backtick && this.#mode.escapesIn(quote);
    let at = this.#at;
    for (; at < this.#length; at += 1) {
      const byte = store[at]!;
      if (byte === backslash && hasEscapes) {
        if (at + 1 >= this.#length) break;
        at += 1;
      } else if (byte === quote) {
        if (at + 1 >= this.#length && !isLast) break;
        if (store[at + 1] === quote && at + 1 < this.#length) at += 1;
        else {
          this.#at = at + 1;
          this.#inside = 'text';
          return true;
        }
      }
    }
    this.#at = at;
    return false;
  }

  #passLine(): boolean {
    const end = this.#store.subarray(0, this.#length).indexOf(newline, this.#at);
    if (end === -1) {
      this.#at = this.#length;
      return false;
    }
    if (this.#start === undefined) {
      this.#lastComment = this.#store
        .toString('latin1', this.#commentStart, Math.min(end, this.#commentStart + 80))
        .trimEnd();
    }
    this.#at = end + 1;
    this.#inside = 'text';
    return true;
  }

  #passBlock(): boolean {
    const end = this.#store.subarray(0, this.#length).indexOf('*/', this.#at, 'latin1');
    if (end === -1) {
      this.#at = Math.max(this.#at, this.#length - 1);
      return false;
    }
    this.#at = end + 2;
    this.#inside = 'text';
    return true;
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.byteLength;
    if (needed > statementBytesMax) {
      throw new CoffreError('SOURCE_VERIFY_FAILED', 'the dump holds a statement of more than 1 GiB', {
        hint: 'No server takes such a statement. The dump is damaged, or its rows are larger than can be loaded.',
      });
    }
    if (needed > this.#store.byteLength) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#store.byteLength * 2));
      this.#store.copy(larger, 0, 0, this.#length);
      this.#store = larger;
    }
    this.#store.set(bytes, this.#length);
    this.#length = needed;
  }

  /** What is read and belongs to no open statement. */
  #dropBegin(): void {
    const isComment = this.#inside === 'line comment' && this.#start === undefined;
    const from = this.#start ?? (isComment ? this.#commentStart : this.#at);
    if (from === 0) return;
    this.#store.copyWithin(0, from, this.#length);
    this.#length -= from;
    this.#at -= from;
    this.#commentStart -= from;
    if (this.#start !== undefined) this.#start = 0;
  }
}

/** Whether backslashes escape and what `"` means: routines are dumped under the mode they were made in. */
class SqlMode {
  #now = '';
  readonly #kept = new Map<string, string>();

  follow(statement: Buffer): void {
    if (statement.byteLength > 4096) return;
    const text = statement.toString('latin1');
    if (!/^(?:\/\*M?!\d*\s*)?SET\s/i.test(text)) return;
    for (const [, name = ''] of text.matchAll(/@(\w+)\s*=\s*@@(?:session\.)?sql_mode/gi)) {
      this.#kept.set(name.toLowerCase(), this.#now);
    }
    const [, quoted, variable] =
      /(?<![@\w.])(?:@@(?:session\.)?|session\s+)?sql_mode\s*=\s*(?:'([^']*)'|@(\w+))/i.exec(text) ?? [];
    if (quoted !== undefined) this.#now = quoted;
    else if (variable !== undefined) this.#now = this.#kept.get(variable.toLowerCase()) ?? '';
  }

  escapesIn(quote: number): boolean {
    const words = this.#now;
    if (words === '') return true;
    if (/\bNO_BACKSLASH_ESCAPES\b/i.test(words)) return false;
    return quote !== doubleQuote || !/\bANSI_QUOTES\b|\bANSI\b/i.test(words);
  }
}

/** @throws {CoffreError} SOURCE_VERIFY_FAILED when the dump is not whole */
export async function* statementsOf(content: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Buffer> {
  const cutter = new StatementCutter();
  for await (const bytes of content) yield* cutter.push(bytes);
  const { found, isComplete } = cutter.end();
  yield* found;
  if (isComplete) return;
  throw new CoffreError('SOURCE_VERIFY_FAILED', `${what} is cut off or no dump at all: its last line is missing`, {
    hint: 'Load an earlier snapshot. `coffre check --read-data` says whether the repository is damaged.',
  });
}
