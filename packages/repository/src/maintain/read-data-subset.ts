/** Which packs `check` reads back. */
import { CoffreError } from '../errors.ts';

export type ReadDataSubset =
  | { readonly kind: 'all' }
  /** The part-th of `parts` groups: all groups together are all packs. */
  | { readonly kind: 'part'; readonly part: number; readonly parts: number }
  /** What was longest not read, at least one. */
  | { readonly kind: 'percent'; readonly percent: number }
  | { readonly kind: 'bytes'; readonly bytes: number };

/** Groups go by the first byte of the pack id. */
const partsMax = 256;
const sizeUnits: { readonly [letter: string]: number } = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** `2/10`, `5%`, `500M`. @throws {CoffreError} USAGE */
export function parseReadDataSubset(text: string): ReadDataSubset {
  const part = /^(\d{1,9})\/(\d{1,9})$/.exec(text);
  if (part !== null) {
    const [number, parts] = [Number(part[1]), Number(part[2])];
    if (number >= 1 && number <= parts && parts <= partsMax) return { kind: 'part', part: number, parts };
    throw subsetRefused(text, `Use n/t with 1 <= n <= t <= ${partsMax}, for example 1/10.`);
  }
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent !== null) {
    const value = Number(percent[1]);
    if (value > 0 && value <= 100) return { kind: 'percent', percent: value };
    throw subsetRefused(text, 'Use a percentage above 0% and at most 100%.');
  }
  const size = /^(\d{1,12})([bkmgt]?)$/i.exec(text);
  const bytes = Number(size?.[1] ?? 0) * (sizeUnits[(size?.[2] ?? '').toLowerCase()] ?? 0);
  if (bytes > 0) return { kind: 'bytes', bytes };
  throw subsetRefused(text, 'Use a part like 1/10, a percentage like 5%, or a size like 500M.');
}

function subsetRefused(text: string, hint: string): CoffreError {
  return new CoffreError('USAGE', `${JSON.stringify(text)} is not a subset of the data to read`, { hint });
}

const spanUnitsMs: { readonly [letter: string]: number } = { h: 3_600_000, d: 24 * 3_600_000, w: 7 * 24 * 3_600_000 };
const spanMsMax = 3650 * 24 * 3_600_000;

/** `90d`, `12w`, `36h`, in milliseconds. @throws {CoffreError} USAGE */
export function parseFullWithin(text: string, option = '--full-within'): number {
  const found = /^(\d{1,6})([hdw])$/.exec(text);
  const spanMs = Number(found?.[1] ?? 0) * (spanUnitsMs[found?.[2] ?? ''] ?? 0);
  if (spanMs > 0 && spanMs <= spanMsMax) return spanMs;
  throw new CoffreError('USAGE', `${option} needs a time of at most ten years, not ${JSON.stringify(text)}`, {
    hint: 'Write it as 90d, 12w or 36h.',
  });
}
