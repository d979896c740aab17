/** UTF-8 as Go reads it, over byte strings (one char is one byte): overlong forms and surrogates are invalid. */

function continuation(text: string, at: number): number {
  const byte = text.charCodeAt(at);
  return (byte & 0xc0) === 0x80 ? byte & 0x3f : -1;
}

/** The code point that begins at `at`, or -1 when the byte there begins none (it then counts alone). */
export function runeAt(text: string, at: number): number {
  const lead = text.charCodeAt(at);
  if (lead < 0x80) return lead;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  const c1 = continuation(text, at + 1);
  if (c1 < 0) return -1;
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | c1;
  const c2 = continuation(text, at + 2);
  if (c2 < 0) return -1;
  if (lead < 0xf0) {
    const rune = ((lead & 0x0f) << 12) | (c1 << 6) | c2;
    return rune < 0x800 || (rune >= 0xd800 && rune <= 0xdfff) ? -1 : rune;
  }
  const c3 = continuation(text, at + 3);
  if (c3 < 0) return -1;
  const rune = ((lead & 0x07) << 18) | (c1 << 12) | (c2 << 6) | c3;
  return rune < 0x10000 || rune > 0x10ffff ? -1 : rune;
}

export function runeBytes(rune: number): number {
  if (rune < 0x80) return 1;
  if (rune < 0x800) return 2;
  return rune < 0x10000 ? 3 : 4;
}

export function isSurrogate(rune: number): boolean {
  return rune >= 0xd800 && rune <= 0xdfff;
}

/** The bytes of a code point; anything that has none gives those of U+FFFD. */
export function encodeRune(rune: number): string {
  const r = rune > 0x10ffff || isSurrogate(rune) ? 0xfffd : rune;
  if (r < 0x80) return String.fromCharCode(r);
  if (r < 0x800) return String.fromCharCode(0xc0 | (r >> 6), 0x80 | (r & 0x3f));
  if (r < 0x10000) return String.fromCharCode(0xe0 | (r >> 12), 0x80 | ((r >> 6) & 0x3f), 0x80 | (r & 0x3f));
  return String.fromCharCode(0xf0 | (r >> 18), 0x80 | ((r >> 12) & 0x3f), 0x80 | ((r >> 6) & 0x3f), 0x80 | (r & 0x3f));
}

/** Whether the bytes are valid UTF-8. */
export function isUtf8(text: string): boolean {
  for (let at = 0; at < text.length;) {
    const rune = runeAt(text, at);
    if (rune < 0) return false;
    at += runeBytes(rune);
  }
  return true;
}
