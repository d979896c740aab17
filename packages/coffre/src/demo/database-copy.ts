/** A consistent copy of a SQLite database that others are writing, and the truth about it taken at the same moment. */
import { createHash } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { backup, DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

export type TableTruth = { readonly name: string; readonly rows: number; readonly sha256: string };
export type DatabaseTruth = { readonly tables: readonly TableTruth[] };

/** Pages copied per step; between steps the event loop runs. */
const pagesPerStep = 1000;

/**
 * Copies through SQLite's online backup. The source connection holds a read transaction first: without it every foreign
 * write restarts the copy, which then may never end; with it the copy is exactly the moment the truth was taken at.
 */
export async function copyDatabase(sourcePath: string, targetPath: string): Promise<DatabaseTruth> {
  const source = new DatabaseSync(sourcePath, { timeout: 10_000 });
  const partPath = `${targetPath}.part`;
  rmSync(partPath, { force: true });
  try {
    source.exec('BEGIN');
    // BEGIN alone takes no snapshot; the first read does.
    source.prepare('SELECT count(*) FROM sqlite_schema').get();
    const truth = truthOf(source);
    await backup(source, partPath, { rate: pagesPerStep });
    source.exec('COMMIT');
    renameSync(partPath, targetPath);
    return truth;
  } finally {
    source.close();
  }
}

/** Every table with its number of rows and a hash over all of them, in key order. */
export function truthOf(database: DatabaseSync): DatabaseTruth {
  const names = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    .all()
    .map((row) => String(row['name']));
  return { tables: names.map((name) => tableTruth(database, name)) };
}

function tableTruth(database: DatabaseSync, name: string): TableTruth {
  const rows = database.prepare(`SELECT * FROM ${quoted(name)} ORDER BY ${keyColumns(database, name)}`);
  rows.setReadBigInts(true);
  rows.setReturnArrays(true);
  const hash = createHash('sha256');
  let count = 0;
  // With setReturnArrays a row is an array, which the types do not know.
  for (const row of rows.iterate() as Iterable<unknown> as Iterable<unknown[]>) {
    hash.update(`${JSON.stringify(row.map(typedValue))}\n`);
    count += 1;
  }
  return { name, rows: count, sha256: hash.digest('hex') };
}

/** The primary key in its order, else every column: an order that does not depend on where rows lie. */
function keyColumns(database: DatabaseSync, table: string): string {
  const columns = database.prepare('SELECT name, pk FROM pragma_table_info(?) ORDER BY pk, cid').all(table);
  const keys = columns.filter((column) => Number(column['pk']) > 0);
  return (keys.length > 0 ? keys : columns).map((column) => quoted(String(column['name']))).join(', ');
}

/** Keeps the types of SQLite apart: the integer 1, the real 1.0 and the text '1' are three values. */
function typedValue(value: unknown): unknown {
  if (typeof value === 'bigint') return [String(value)];
  if (value instanceof Uint8Array) return ['blob', Buffer.from(value).toString('hex')];
  return value;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export type DatabaseProof = {
  /** What SQLite itself says: `ok`, or its complaints. */
  readonly integrity: readonly string[];
  readonly differences: readonly string[];
  readonly rows: number;
  readonly tables: number;
};

/** Opens a restored database without touching it and compares it with the truth, row by row through the hashes. */
export function proveDatabase(
  path: string,
  expected: DatabaseTruth,
  ask?: (database: DatabaseSync) => string[],
): DatabaseProof {
  const url = pathToFileURL(path);
  url.search = '?immutable=1';
  const database = new DatabaseSync(url, { readOnly: true });
  try {
    const integrity = database
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => String(row['integrity_check']));
    const found = truthOf(database);
    const differences = [...compareTruths(expected, found), ...(ask?.(database) ?? [])];
    const rows = found.tables.reduce((sum, table) => sum + table.rows, 0);
    return { integrity, differences, rows, tables: found.tables.length };
  } finally {
    database.close();
  }
}

export function compareTruths(expected: DatabaseTruth, found: DatabaseTruth): string[] {
  const foundByName = new Map(found.tables.map((table) => [table.name, table]));
  const differences = expected.tables.flatMap((table) => {
    const other = foundByName.get(table.name);
    foundByName.delete(table.name);
    if (other === undefined) return [`table ${table.name} is missing`];
    if (other.rows !== table.rows) return [`table ${table.name} has ${other.rows} rows instead of ${table.rows}`];
    return other.sha256 === table.sha256 ? [] : [`table ${table.name} has other contents in ${table.rows} rows`];
  });
  return [...differences, ...[...foundByName.keys()].map((name) => `table ${name} was not in the original`)];
}
