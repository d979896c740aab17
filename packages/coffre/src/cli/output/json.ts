/** JSON as Go's encoder writes it: one line, `<`, `>` and `&` escaped, 64-bit numbers exact. */

const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

export function jsonText(value: unknown, indent?: string): string {
  const text = JSON.stringify(value, exactNumbers, indent);
  // Outside strings none of these characters occurs, so replacing them in the whole text is safe.
  return text.replace(/[<>&\u2028\u2029]/g, (char) => escapes[char] ?? char);
}

/** In every engine we run on and not yet in the types of the language. */
const rawJson = (JSON as typeof JSON & { rawJSON: (text: string) => unknown }).rawJSON;

function exactNumbers(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJson(String(value)) : value;
}

/** Leaves out keys whose value is what Go calls empty, as restic's `omitempty` fields are. */
export function withoutEmpty<T extends Record<string, unknown>>(fields: T): Partial<T> {
  const kept = Object.entries(fields).filter(([, value]) => !isEmpty(value));
  return Object.fromEntries(kept) as Partial<T>;
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || value === null || value === false || value === 0 || value === 0n || value === '';
}
