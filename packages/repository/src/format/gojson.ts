/**
 * JSON text as Go's encoder writes it (1.22 and later), which is what blob ids are taken over.
 *
 *   "  \                  \" \\
 *   BS FF LF CR TAB       \b \f \n \r \t
 *   other below 20        \u001f
 *   <  >  &               \u003c \u003e \u0026
 *   U+2028 U+2029         \u2028 \u2029
 *   outside UTF-8         \ufffd per byte
 *   everything else       itself (DEL and / too); no white space between tokens
 */
import { toByteString, type ByteString } from './bytestring.ts';
import { runeAt, runeBytes } from './utf8.ts';

const plainBytes = /^[\x20\x21\x23-\x25\x27-\x3b\x3d\x3f-\x5b\x5d-\x7f]*$/;
const specialText = /["\\<>&\u0000-\u001f\u2028\u2029]|\p{Surrogate}/gu;

function escape(code: number): string {
  switch (code) {
    case 0x22:
      return '\\"';
    case 0x5c:
      return '\\\\';
    case 0x08:
      return '\\b';
    case 0x0c:
      return '\\f';
    case 0x0a:
      return '\\n';
    case 0x0d:
      return '\\r';
    case 0x09:
      return '\\t';
    default:
      return `\\u${code.toString(16).padStart(4, '0')}`;
  }
}

function mustEscape(code: number): boolean {
  return (
    code < 0x20 ||
    code === 0x22 ||
    code === 0x5c ||
    code === 0x3c ||
    code === 0x3e ||
    code === 0x26 ||
    code === 0x2028 ||
    code === 0x2029
  );
}

/** A JSON string of ordinary text. */
export function jsonString(text: string): string {
  if (plainBytes.test(text)) return `"${text}"`;
  const escaped = text.replace(specialText, (c) => {
    const code = c.charCodeAt(0);
    return escape(code >= 0xd800 && code <= 0xdfff ? 0xfffd : code);
  });
  return `"${escaped}"`;
}

/** A JSON string of ordinary text, as text of bytes (Latin-1). */
export function jsonStringBytes(text: string): string {
  return plainBytes.test(text) ? `"${text}"` : toByteString(jsonString(text));
}

/** A JSON string of bytes, as text of bytes (Latin-1). */
export function jsonBytes(bytes: ByteString | string): string {
  if (plainBytes.test(bytes)) return `"${bytes}"`;
  let out = '"';
  let copied = 0;
  for (let at = 0; at < bytes.length;) {
    const rune = runeAt(bytes, at);
    const size = rune < 0 ? 1 : runeBytes(rune);
    if (rune < 0 || mustEscape(rune)) {
      out += bytes.slice(copied, at) + escape(rune < 0 ? 0xfffd : rune);
      copied = at + size;
    }
    at += size;
  }
  return `${out}${bytes.slice(copied)}"`;
}

/** Any JSON value, with Go's escapes; object keys stay in their order, undefined members are left out. */
export function jsonText(value: unknown): string {
  if (typeof value === 'string') return jsonString(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([key, member]) => `${jsonString(key)}:${jsonText(member)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
