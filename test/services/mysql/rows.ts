/** Every value of every row, whatever its type, in one text each table: where sums of a server leave something out. */
import { createHash } from 'node:crypto';
import { identifier, literal } from '../../../packages/coffre/src/source/mysql/names.ts';
import type { Session } from '../../../packages/coffre/src/source/mysql/session.ts';

export async function rowsOf(session: Session, database: string): Promise<Record<string, string>> {
  const columns = await session.rows(
    `SELECT TABLE_NAME AS t, COLUMN_NAME AS c, DATA_TYPE AS d FROM information_schema.COLUMNS
     JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME)
     WHERE TABLE_SCHEMA = ${literal(database)} AND TABLE_TYPE <> 'VIEW' ORDER BY TABLE_NAME, ORDINAL_POSITION`,
  );
  const tables = new Map<string, string[]>();
  for (const row of columns) {
    const name = identifier(String(row['c']));
    const shown = /^(?:float|double)$/.test(String(row['d'])) ? `CAST(${name} + 0E0 AS CHAR)` : `HEX(${name})`;
    const exact = /^(?:(?:tiny|small|medium|big)?int|decimal|year|date.*|time.*)$/.test(String(row['d']))
      ? `CAST(${name} AS CHAR)`
      : shown;
    const all = tables.get(String(row['t'])) ?? [];
    tables.set(String(row['t']), [...all, exact]);
  }
  const found: Record<string, string> = {};
  for (const [table, shown] of tables) {
    const rows = await session.rows(`SELECT ${shown.join(', ')} FROM ${identifier(database)}.${identifier(table)}`);
    const lines = rows.map((row) => JSON.stringify(Object.values(row))).toSorted();
    found[table] = `${rows.length} ${createHash('sha256').update(lines.join('\n')).digest('hex')}`;
  }
  return found;
}
