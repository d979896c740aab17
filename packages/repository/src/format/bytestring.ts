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
