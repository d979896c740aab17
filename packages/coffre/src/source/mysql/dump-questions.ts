/**
 * What dump programs ask the server, where they ask wrongly: the relay between the two asks rightly. Pure.
 */
import { identifier as named } from './names.ts';

/** As the bytes that they are. */
function identifier(name: string): string {
  return Buffer.from(named(name)).toString('latin1');
}

/** Of one table. */
export type FloatColumns = { readonly all: readonly string[]; readonly floats: ReadonlySet<string> };

/** @param sql each character one byte. @returns another text for it, or undefined: it goes as it is */
export type Asking = (sql: string) => string | undefined;

/** @param floats tables that have columns of the type FLOAT. @returns undefined when there is nothing to change */
export function askingOf(database: string, floats: ReadonlyMap<string, FloatColumns>): Asking | undefined {
  const isMisnamed = hardSign.test(database);
  if (!isMisnamed && floats.size === 0) return undefined;
  const wrong = `use ${identifier(escaped(database))}`;
  return (sql) => {
    if (isMisnamed && sql === wrong) return `use ${identifier(database)}`;
    return rowsWithAllDigits(sql, floats);
  };
}

const hardSign = /['"\\\n\r\u001a]/;

/** Programs of MySQL 8.0 escape a name with such signs twice, and then find no such database. */
function escaped(name: string): string {
  const signs: Readonly<Record<string, string>> = { '\n': 'n', '\r': 'r', '\u001a': 'Z' };
  return name.replaceAll(/['"\\\n\r\u001a]/g, (sign) => `\\${signs[sign] ?? sign}`);
}

const rowsAsked =
  /^(SELECT \/\*!40001 SQL_NO_CACHE \*\/ )(\*|`(?:[^`]|``)*`(?:, ?`(?:[^`]|``)*`)*)( FROM `((?:[^`]|``)*)`)/;

/** Servers show six digits of a FLOAT, of which 16777215 has eight; as DOUBLE all of them come, and the same FLOAT again. */
function rowsWithAllDigits(sql: string, floats: ReadonlyMap<string, FloatColumns>): string | undefined {
  const [whole = '', begin = '', columns = '', from = '', table = ''] = rowsAsked.exec(sql) ?? [];
  const known = floats.get(Buffer.from(table.replaceAll('``', '`'), 'latin1').toString('utf8'));
  if (whole === '' || known === undefined) return undefined;
  const names = columns === '*' ? known.all.map(identifier) : (columns.match(/`(?:[^`]|``)*`/g) ?? []);
  const exact = new Set([...known.floats].map(identifier));
  const asked = names.map((name) => (exact.has(name) ? `${name} + 0E0 AS ${name}` : name));
  return `${begin}${asked.join(', ')}${from}${sql.slice(whole.length)}`;
}
