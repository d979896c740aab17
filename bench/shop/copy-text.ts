/** Rows as the text that COPY of PostgreSQL and LOAD DATA of MySQL both read: tabs, `\N`, backslashes before what is special. */
import { shopRows, shopTables } from './shop.ts';
import type { ShopTable, ShopValue } from './shop.ts';

/** How a value of bytes is written: `\x…` for PostgreSQL, plain hexadecimal digits for UNHEX. */
export type BytesAs = 'postgres' | 'hex';

const linesAtOnce = 500;

/** Lines, many in one piece. */
export function* copyText(
  table: ShopTable,
  scale: number,
  bytesAs: BytesAs,
  range: { readonly first?: number; readonly count?: number } = {},
): Generator<string> {
  const types = shopTables[table].map(({ type }) => type);
  let lines: string[] = [];
  for (const row of shopRows(table, scale, range.first, range.count)) {
    lines.push(row.map((value, at) => field(value, types[at] === 'cents', bytesAs)).join('\t'));
    if (lines.length < linesAtOnce) continue;
    yield `${lines.join('\n')}\n`;
    lines = [];
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}

function field(value: ShopValue, isMoney: boolean, bytesAs: BytesAs): string {
  if (value === null) return '\\N';
  if (value instanceof Uint8Array) {
    const digits = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
    return bytesAs === 'postgres' ? `\\\\x${digits}` : digits;
  }
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number') return isMoney ? (value / 100).toFixed(2) : String(value);
  return value.replaceAll(/[\\\t\n\r]/g, (special) => escapes[special] as string);
}

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
