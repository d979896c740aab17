/**
 * Reads JSON exactly where `JSON.parse` would lose something: integers above 2^53 become bigint, text stays bytes
 * (escapes for anything beyond ASCII become their UTF-8), and the values of chosen members are kept as raw text.
 * Slower than `JSON.parse`; the codecs come here only when they must. Input and strings are text of bytes (Latin-1).
 */
import { jsonBytes } from './gojson.ts';
import { encodeRune } from './utf8.ts';

const depthMax = 64;
const number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const unicodeEscape = /[0-9a-fA-F]{4}/y;
const shortEscapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** @param rawUnder name of the member whose own members are kept as raw, compact JSON text
 *  @throws {SyntaxError} */
export function parseJsonExactly(text: string, rawUnder: string): unknown {
  return new ExactReader(text, rawUnder).document();
}

class ExactReader {
  readonly #text: string;
  readonly #rawUnder: string;
  #at = 0;
  #depth = 0;

  constructor(text: string, rawUnder: string) {
    this.#text = text;
    this.#rawUnder = rawUnder;
  }

  document(): unknown {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at !== this.#text.length) this.#fail();
    return value;
  }

  #fail(): never {
    throw new SyntaxError(`no valid JSON at byte ${this.#at}`);
  }

  #skipSpace(): void {
    for (;;) {
      const byte = this.#text.charCodeAt(this.#at);
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at += 1;
    }
  }

  /** Steps over `token` (one char) and the white space before it, if it is next. */
  #take(token: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) this.#fail();
  }

  #value(): unknown {
    this.#skipSpace();
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return this.#object();
      case '[':
        return this.#array();
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail();
    this.#at += word.length;
    return value;
  }

  #number(): number | bigint {
    number.lastIndex = this.#at;
    const match = number.exec(this.#text);
    if (match === null) return this.#fail();
    this.#at = number.lastIndex;
    const value = Number(match[0]);
    const whole = match[1] === undefined && match[2] === undefined;
    return whole && !Number.isSafeInteger(value) ? BigInt(match[0]) : value;
  }

  #string(): string {
    this.#expect('"');
    let out = '';
    let from = this.#at;
    for (;;) {
      const byte = this.#text.charCodeAt(this.#at);
      if (byte === 0x22) {
        out += this.#text.slice(from, this.#at);
        this.#at += 1;
        return out;
      }
      if (!(byte >= 0x20)) this.#fail();
      if (byte !== 0x5c) {
        this.#at += 1;
        continue;
      }
      out += this.#text.slice(from, this.#at) + this.#escape();
      from = this.#at;
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    this.#at += 2;
    if (letter !== 'u') return shortEscapes[letter] ?? this.#fail();
    const unit = this.#unit() ?? this.#fail();
    if (unit >= 0xd800 && unit <= 0xdbff && this.#text.startsWith('\\u', this.#at)) {
      const before = this.#at;
      this.#at += 2;
      const low = this.#unit();
      if (low !== undefined && low >= 0xdc00 && low <= 0xdfff) {
        return encodeRune(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
      }
      this.#at = before;
    }
    return encodeRune(unit);
  }

  /** The four hexadecimal digits of an escape. */
  #unit(): number | undefined {
    unicodeEscape.lastIndex = this.#at;
    const match = unicodeEscape.exec(this.#text);
    if (match === null) return undefined;
    this.#at += 4;
    return Number.parseInt(match[0], 16);
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > depthMax) throw new SyntaxError(`JSON nested deeper than ${depthMax} levels`);
  }

  #array(): unknown[] {
    this.#expect('[');
    this.#enter();
    const items: unknown[] = [];
    if (!this.#take(']')) {
      do items.push(this.#value());
      while (this.#take(','));
      this.#expect(']');
    }
    this.#depth -= 1;
    return items;
  }

  #object(): Record<string, unknown> {
    return this.#members((key) =>
      key === this.#rawUnder && this.#next() === '{' ? this.#members(() => this.#raw()) : this.#value(),
    );
  }

  #next(): string | undefined {
    this.#skipSpace();
    return this.#text[this.#at];
  }

  #members<T>(read: (key: string) => T): Record<string, T> {
    this.#expect('{');
    this.#enter();
    // no prototype: a member called __proto__ is a member like any other
    const members = Object.create(null) as Record<string, T>;
    if (!this.#take('}')) {
      do {
        this.#skipSpace();
        const key = this.#string();
        this.#expect(':');
        members[key] = read(key);
      } while (this.#take(','));
      this.#expect('}');
    }
    this.#depth -= 1;
    return members;
  }

  /** The next value as Go would copy it: no white space between tokens, its escapes kept, `<>&` escaped. */
  #raw(): string {
    this.#skipSpace();
    const from = this.#at;
    this.#value();
    return compact(this.#text.slice(from, this.#at));
  }
}

const stringToken = /"(?:[^"\\]|\\.)*"|[ \t\r\n]+/g;
const mustEscapeRaw = /[<>&]|\xe2\x80[\xa8\xa9]/g;

/** Strings keep their own escapes; only what HTML would mind gets one. */
function compact(json: string): string {
  return json.replace(stringToken, (token) =>
    token.startsWith('"') ? token.replace(mustEscapeRaw, (special) => jsonBytes(special).slice(1, -1)) : '',
  );
}
