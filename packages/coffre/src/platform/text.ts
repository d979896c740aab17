/** Bytes that people wrote, in whatever encoding an editor left them. */

/** UTF-8 with or without a byte order mark, or UTF-16 with one. Undefined when the bytes are neither. */
export function decodeText(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Go's TrimSpace: white space of Unicode at both ends. A byte order mark is not white space there. */
export function trimSpace(text: string): string {
  return text.replace(/^[\t\n\v\f\r \u0085\p{Z}]+|[\t\n\v\f\r \u0085\p{Z}]+$/gu, '');
}
