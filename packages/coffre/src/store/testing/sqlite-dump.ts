import { DatabaseSync } from 'node:sqlite';

/** A whole database as statements that make it again; what it counted up to, too. */
export function dumpSqlite(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const made = database
      .prepare(
        `select type, name, sql from sqlite_schema where sql is not null and name not like 'sqlite_%' order by rowid`,
      )
      .all() as { type: string; name: string; sql: string }[];
    const tables = made.filter(({ type }) => type === 'table').map(({ name }) => name);
    return [
      ...made.map(({ sql }) => `${sql};`),
      ...[...tables, 'sqlite_sequence'].flatMap((table) => rowsOf(database, table)),
      '',
    ].join('\n');
  } finally {
    database.close();
  }
}

/** The schema alone, to compare. */
export function sqliteSchema(file: string): string[] {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database.prepare('select sql from sqlite_schema where sql is not null').all() as { sql: string }[];
    return rows.map(({ sql }) => sql.replaceAll(/\s+/g, ' ')).toSorted();
  } finally {
    database.close();
  }
}

function rowsOf(database: DatabaseSync, table: string): string[] {
  const columns = database.prepare(`pragma table_info(${table})`).all() as { name: string }[];
  const quoted = columns.map(({ name }) => `quote("${name}")`).join(` || ', ' || `);
  const rows = database.prepare(`select ${quoted} as "values" from ${table}`).all() as { values: string }[];
  return rows.map(({ values }) => `insert into ${table} values (${values});`);
}
