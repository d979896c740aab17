import { toByteString, type ByteString } from '../format/bytestring.ts';

const ascii = /^[\x00-\x7f]*$/;

/** Character by character and without context, as restic does: a final sigma stays a sigma, a broken byte becomes U+FFFD. */
export function lowerCase(text: string): string {
  if (ascii.test(text)) return text.toLowerCase();
  let lower = '';
  for (const char of text) lower += String.fromCodePoint(char.toLowerCase().codePointAt(0) ?? 0);
  return lower;
}

export function lowerCaseBytes(path: ByteString): ByteString {
  if (ascii.test(path)) return path.toLowerCase() as ByteString;
  return toByteString(lowerCase(Buffer.from(path, 'latin1').toString('utf8')));
}
