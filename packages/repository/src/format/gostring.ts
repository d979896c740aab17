/**
 * Names as trees hold them: Go's `strconv.Quote` without the outer quotes, over bytes.
 *
 *   "  \                     \" \\
 *   BEL BS TAB LF VT FF CR   \a \b \t \n \v \f \r
 *   other below 20, DEL      \x1f \x7f
 *   byte outside UTF-8       \xff
 *   not printable            \u00a0 \U0001fae8      (printable: Unicode 15 letters, marks, numbers, punctuation, symbols, space)
 *   everything else          itself
 *
 * Two layers: this text is then written as a JSON string, with JSON's own escapes.
 */
import { CoffreError } from '../errors.ts';
import type { ByteString } from './bytestring.ts';
import { isPrintable } from './printable.ts';
import { encodeRune, isSurrogate, runeAt, runeBytes } from './utf8.ts';

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

const shortEscapes: ReadonlyMap<number, string> = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function quoteRune(rune: number): string {
  const short = shortEscapes.get(rune);
  if (short !== undefined) return short;
  if (isPrintable(rune)) return encodeRune(rune);
  if (rune < 0x80) return `\\x${hex(rune, 2)}`;
  return rune < 0x10000 ? `\\u${hex(rune, 4)}` : `\\U${hex(rune, 8)}`;
}

/** The result is text of bytes too (Latin-1), without outer quotes. */
export function quoteName(name: ByteString): string {
  if (plain.test(name)) return name;
  let out = '';
  for (let at = 0; at < name.length;) {
    const rune = runeAt(name, at);
    out += rune < 0 ? `\\x${hex(name.charCodeAt(at), 2)}` : quoteRune(rune);
    at += rune < 0 ? 1 : runeBytes(rune);
  }
  return out;
}

const escapes = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([abfnrtv\\"]))/y;
const simple: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

function unquoteEscape(match: RegExpMatchArray): string | undefined {
  const [, x, u, bigU, octal, letter] = match;
  if (x !== undefined) return String.fromCharCode(Number.parseInt(x, 16));
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
  if (letter !== undefined) return simple[letter];
  const rune = Number.parseInt(u ?? bigU ?? '', 16);
  return rune > 0x10ffff || isSurrogate(rune) ? undefined : encodeRune(rune);
}

/** @throws {CoffreError} REPO_TREE_DAMAGED when the text is not such a quotation */
export function unquoteName(quoted: string): ByteString {
  if (plain.test(quoted)) return quoted as ByteString;
  let out = '';
  for (let at = 0; at < quoted.length;) {
    const special = nextSpecial(quoted, at);
    out += quoted.slice(at, special);
    if (special === quoted.length) break;
    escapes.lastIndex = special;
    const match = escapes.exec(quoted);
    const bytes = match === null ? undefined : unquoteEscape(match);
    if (match === null || bytes === undefined) {
      throw new CoffreError(
        'REPO_TREE_DAMAGED',
        `the name ${JSON.stringify(quoted.slice(0, 256))} is not quoted correctly`,
      );
    }
    out += bytes;
    at = special + match[0].length;
  }
  return out as ByteString;
}

/** Where the next backslash, quote or line feed stands, or the end. A bare quote or line feed then fails to be an escape. */
function nextSpecial(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const byte = text.charCodeAt(at);
    if (byte === 0x5c || byte === 0x22 || byte === 0x0a) return at;
  }
  return text.length;
}
