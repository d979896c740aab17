/** Counting what a SQLite database holds, and comparing two countings. Loads nothing: the thread that counts stays light. */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { textOf } from './sqlite-complaint.ts';
import type { SqliteContent } from './sqlite-truth.ts';

export function contentOf(database: DatabaseSync, countsRows = true): SqliteContent {
  const value = (sql: string): unknown => Object.values(database.prepare(sql).get() ?? {})[0];
  const whole = (sql: string): number => Number(value(sql));
  return {
    pageSizeBytes: whole('PRAGMA page_size'),
    pages: whole('PRAGMA page_count'),
    encoding: String(value('PRAGMA encoding')),
    userVersion: whole('PRAGMA user_version'),
    applicationId: whole('PRAGMA application_id'),
    schemaSha256: schemaSha256(database),
    tables: countsRows ? rowCounts(database) : {},
  };
}

function schemaSha256(database: DatabaseSync): string {
  const hash = createHash('sha256');
  const objects = database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').all();
  for (const object of objects) hash.update(`${JSON.stringify(Object.values(object))}\n`);
  return hash.digest('hex');
}

type Table = { readonly name: string; readonly sql: string };

function tablesOf(database: DatabaseSync): Table[] {
  const tables = database
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name")
    .all();
  return tables.map(({ name, sql }) => ({ name: String(name), sql: String(sql) }));
}

function rowCounts(database: DatabaseSync): Record<string, number | null> {
  return Object.fromEntries(tablesOf(database).map((table) => [table.name, countRows(database, table)]));
}

/** What an application brings with it: without it some tables can be copied and not asked. */
const broughtAlong = /no such (?:collation sequence|module|function|tokenizer)|unknown (?:function|tokenizer)/;

function countRows(database: DatabaseSync, { name, sql }: Table): number | null {
  try {
    const counted = database.prepare(`SELECT count(*) AS rows FROM "${name.replaceAll('"', '""')}"`).get();
    return Number(counted?.['rows']);
  } catch (error) {
    // A virtual table of an extension that only the application loads. Its data lies in ordinary tables, which count.
    if (/^\s*CREATE\s+VIRTUAL\s/i.test(sql) || broughtAlong.test(textOf(error))) return null;
    throw error;
  }
}

export type Integrity = {
  /** Pages, indexes, texts that are not what they should be; `ok` alone when all are. */
  readonly damage: readonly string[];
  /** Rows against a rule of their own table, which SQLite lets be; and tables that only their application can check. */
  readonly doubts: readonly string[];
};

const againstRules = /^(?:NULL value in|CHECK constraint failed in|NUMERIC value in|TEXT value in|non-\w+ value in) /;

/** Up to a hundred complaints. */
export function integrityOf(database: DatabaseSync): Integrity {
  const check = (table = '100'): string[] =>
    database
      .prepare(`PRAGMA integrity_check(${table})`)
      .all()
      .map((row) => String(row['integrity_check']));
  const unchecked: string[] = [];
  let found: string[];
  try {
    found = check();
  } catch (error) {
    if (!broughtAlong.test(textOf(error))) throw error;
    found = tablesOf(database).flatMap(({ name }) => {
      try {
        return check(`'${name.replaceAll("'", "''")}'`).filter((line) => line !== 'ok');
      } catch (one) {
        if (!broughtAlong.test(textOf(one))) throw one;
        unchecked.push(`table ${JSON.stringify(name)} cannot be checked without its application: ${textOf(one)}`);
        return [];
      }
    });
  }
  const damage = found.filter((line) => line !== 'ok' && !againstRules.test(line));
  const doubts = [...found.filter((line) => againstRules.test(line)), ...unchecked];
  return { damage: damage.length === 0 ? ['ok'] : damage, doubts };
}

/** What is different, one sentence each. */
export function compareContent(expected: SqliteContent, found: SqliteContent): string[] {
  const differences: string[] = [];
  for (const key of ['pageSizeBytes', 'encoding', 'userVersion', 'applicationId'] as const) {
    if (expected[key] !== found[key]) differences.push(`${words[key]} is ${found[key]} instead of ${expected[key]}`);
  }
  if (expected.schemaSha256 !== found.schemaSha256) differences.push('the schema is another one');
  for (const [name, rows] of Object.entries(expected.tables)) {
    const other = found.tables[name];
    if (other === undefined) differences.push(`table ${JSON.stringify(name)} is missing`);
    else if (other !== rows) differences.push(`table ${JSON.stringify(name)} has ${other} rows instead of ${rows}`);
  }
  for (const name of Object.keys(found.tables)) {
    if (!(name in expected.tables)) differences.push(`table ${JSON.stringify(name)} was not in the original`);
  }
  return differences;
}

const words = {
  pageSizeBytes: 'the page size',
  encoding: 'the text encoding',
  userVersion: 'user_version',
  applicationId: 'application_id',
};
