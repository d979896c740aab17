import { CoffreError } from '@coffre/repository/opening';

export type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [name: string]: Plain | undefined };

/**
 * One text for one value: names sorted by their UTF-16 units, no spaces, strings as `JSON.stringify` writes them (which
 * is what RFC 8785 asks), and of numbers the whole ones only. What is undefined is left out.
 */
export function canonicalJson(value: Plain): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new CoffreError('INTERNAL', `${value} is no whole number`);
    return String(value);
  }
  if (isList(value)) return `[${value.map((part) => canonicalJson(part)).join(',')}]`;
  const parts = Object.keys(value)
    .toSorted()
    .flatMap((name) => {
      const part = value[name];
      return part === undefined ? [] : [`${JSON.stringify(name)}:${canonicalJson(part)}`];
    });
  return `{${parts.join(',')}}`;
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value);
}
