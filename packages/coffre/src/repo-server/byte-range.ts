/** The `Range` header of one file: `bytes=0-99`, `bytes=100-`, `bytes=-10`. */

export type ByteRange =
  | { readonly kind: 'whole' }
  /** `end` is the byte after the last. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  /** 416 */
  | { readonly kind: 'unsatisfiable' };

const whole: ByteRange = { kind: 'whole' };
const unsatisfiable: ByteRange = { kind: 'unsatisfiable' };

/**
 * Several ranges are answered with the whole file, which the protocol allows: no client of repositories asks for them,
 * and a reply of many parts is a way to make a server send more than it has.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange {
  if (header === undefined) return whole;
  const found = /^bytes=(.*)$/.exec(header);
  if (found === null) return unsatisfiable;
  const ranges = (found[1] ?? '')
    .split(',')
    .map((range) => range.trim())
    .filter((range) => range !== '');
  const [only, another] = ranges;
  if (only === undefined || another !== undefined) return whole;
  return parseOne(only, sizeBytes);
}

function parseOne(text: string, sizeBytes: number): ByteRange {
  const found = /^(\d{0,15})\s*-\s*(\d{0,15})$/.exec(text);
  if (found === null) return unsatisfiable;
  const [, first = '', last = ''] = found;
  if (first === '') return last === '' ? unsatisfiable : suffix(Number(last), sizeBytes);
  const start = Number(first);
  if (last !== '' && Number(last) < start) return unsatisfiable;
  // Of an empty file there is nothing to choose from.
  if (sizeBytes === 0) return whole;
  if (start >= sizeBytes) return unsatisfiable;
  return { kind: 'part', start, end: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) };
}

function suffix(lengthBytes: number, sizeBytes: number): ByteRange {
  if (sizeBytes === 0) return whole;
  if (lengthBytes === 0) return unsatisfiable;
  return { kind: 'part', start: Math.max(0, sizeBytes - lengthBytes), end: sizeBytes };
}
