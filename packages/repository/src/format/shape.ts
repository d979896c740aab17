/**
 * Checked shapes for the JSON of small repository files: what a value must look like, and what becomes of it.
 * Every command opens a repository, so this is a few functions instead of a library that takes longer to load than
 * all the rest.
 */
import { readTimestamp } from './time.ts';

/** Gives the value back, or throws where it stands and what it should have been. */
export type Shape<T> = (value: unknown, place: string) => T;

export class ShapeError extends Error {
  readonly place: string;

  constructor(place: string, must: string) {
    super(must);
    this.name = 'ShapeError';
    this.place = place;
  }
}

export type TextRules = {
  readonly charsMax?: number;
  readonly matching?: RegExp;
  /** Said when it does not match. */
  readonly must?: string;
};

export function text(rules: TextRules = {}): Shape<string> {
  const { charsMax = Infinity, matching, must = 'has not the right form' } = rules;
  return (value, place) => {
    if (typeof value !== 'string') throw new ShapeError(place, 'must be text');
    if (value.length > charsMax) throw new ShapeError(place, `must have at most ${charsMax} characters`);
    if (matching !== undefined && !matching.test(value)) throw new ShapeError(place, must);
    return value;
  };
}

export function whole(min: number = Number.MIN_SAFE_INTEGER, max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, place) => {
    if (!Number.isSafeInteger(value)) throw new ShapeError(place, 'must be a whole number');
    const number = value as number;
    if (number < min || number > max) throw new ShapeError(place, `must be between ${min} and ${max}`);
    return number;
  };
}

export const u32: Shape<number> = whole(0, 2 ** 32 - 1);

/** Also a fraction; never below zero. */
export const amount: Shape<number> = (value, place) => {
  if (typeof value !== 'number' || !(value >= 0 && value < Infinity))
    throw new ShapeError(place, 'must be a number from 0 up');
  return value;
};

export const flag: Shape<boolean> = (value, place) => {
  if (typeof value !== 'boolean') throw new ShapeError(place, 'must be true or false');
  return value;
};

/** RFC 3339, kept as it is written. */
export const timeText: Shape<string> = (value, place) => {
  const written = text({ charsMax: 64 })(value, place);
  if (readTimestamp(written) === undefined) throw new ShapeError(place, 'must be a time');
  return written;
};

export function oneOf<T extends string>(...words: readonly T[]): Shape<T> {
  return (value, place) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw new ShapeError(place, `must be ${words.join(' or ')}`);
    return found;
  };
}

const base64Text = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Standard alphabet, padded. */
export function base64(sizeBytes: { readonly exactly: number } | { readonly atMost: number }): Shape<Buffer> {
  const max = 'exactly' in sizeBytes ? sizeBytes.exactly : sizeBytes.atMost;
  const written = text({ charsMax: Math.ceil(max / 3) * 4, matching: base64Text, must: 'must be base64' });
  return (value, place) => {
    const bytes = Buffer.from(written(value, place), 'base64');
    if ('exactly' in sizeBytes && bytes.length !== max) throw new ShapeError(place, `must be ${max} bytes`);
    return bytes;
  };
}

export function list<T>(item: Shape<T>): Shape<T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw new ShapeError(place, 'must be a list');
    return value.map((one, index) => item(one, `${place}.${index}`));
  };
}

/** Absent, or the empty value of Go. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, place) => (value === undefined || value === null ? undefined : shape(value, place));
}

export function withDefault<T>(shape: Shape<T>, usual: T): Shape<T> {
  return (value, place) => (value === undefined ? usual : shape(value, place));
}

type Members = { readonly [key: string]: unknown };
type Shapes<T> = { readonly [K in keyof T]: Shape<T[K]> };

/** Members that are not named are left out. */
export function object<T extends Members>(shapes: Shapes<T>): Shape<T> {
  return (value, place) => {
    const members = membersOf(value, place);
    const read = Object.entries(shapes).map(([key, shape]) => [
      key,
      (shape as Shape<unknown>)(members[key], inside(place, key)),
    ]);
    return Object.fromEntries(read) as T;
  };
}

/** Members that are not named are kept, behind the others. */
export function looseObject<T extends Members>(shapes: Shapes<T>): Shape<T & { readonly [key: string]: unknown }> {
  const known = object(shapes);
  return (value, place) => {
    const others = Object.entries(membersOf(value, place)).filter(([key]) => !Object.hasOwn(shapes, key));
    return { ...known(value, place), ...Object.fromEntries(others) };
  };
}

function membersOf(value: unknown, place: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ShapeError(place, 'must be an object');
  return value as Members;
}

function inside(place: string, key: string): string {
  return place === '' ? key : `${place}.${key}`;
}

/** A value that should not be there, for a message: short, whatever it is. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : typeof value;
}
