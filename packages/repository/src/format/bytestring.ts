/** A name or path as the kernel knows it: bytes. Held as a string whose every char is one byte, so `<` orders by bytes. */
declare const isBytes: unique symbol;
export type ByteString = string & { readonly [isBytes]: true };

const ascii = /^[\x00-\x7f]*$/;

/** UTF-8 bytes of ordinary text. */
export function toByteString(text: string): ByteString {
  return (ascii.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')) as ByteString;
}

/** For people to read: invalid UTF-8 becomes U+FFFD. */
export function toText(name: ByteString): string {
  return ascii.test(name) ? name : Buffer.from(name, 'latin1').toString('utf8');
}

/** The bytes for a system call, in a buffer of your own. */
export function bytesOf(name: ByteString): Buffer {
  return Buffer.from(name, 'latin1');
}

/** The bytes as they are, taken for a name; the buffer is not kept. */
export function byteStringOf(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as ByteString;
}

const utf8Character =
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/** Text that loses no byte: one that is not UTF-8 is carried as a lone surrogate (byte E9 as U+DCE9). */
export function carriedText(bytes: ByteString): string {
  const text = toText(bytes);
  if (!text.includes('\ufffd')) return text;
  return bytes.replace(utf8Character, (character) =>
    character.length === 1 && character >= '\x80'
      ? String.fromCharCode(0xdc00 + character.charCodeAt(0))
      : Buffer.from(character, 'latin1').toString('utf8'),
  );
}

/** Ordinary text, or `carriedText`, as bytes. */
export function carriedBytes(text: string): ByteString {
  return text
    .split(/([\udc80-\udcff])/u)
    .map((part) =>
      /^[\udc80-\udcff]$/u.test(part) ? String.fromCharCode(part.charCodeAt(0) - 0xdc00) : toByteString(part),
    )
    .join('') as ByteString;
}
