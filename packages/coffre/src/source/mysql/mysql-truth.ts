/** What databases of a server held at the moment of their dump, and how two such statements differ. Pure. */
import { z } from 'zod';
import { showName } from './names.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Becomes a part of statements. */
const word = z.string().regex(/^\w+$/);

const table = z.strictObject({
  name: z.string(),
  engine: z.string(),
  /** Exact, of the moment of the dump; null where nobody can count at one moment, or the rows were left out. */
  rows: z.int().nullable(),
  /** Of SHOW CREATE without counters, which differs between the series of a server. */
  sha256,
  /** Of names and types of its columns, which does not. */
  columnsSha256: sha256,
});

/** Everything that is no table: `view`, `sequence`, `procedure`, `function`, `package`, `trigger`, `event`. */
const object = z.strictObject({ kind: z.string(), name: z.string(), sha256 });

const database = z.strictObject({
  name: z.string(),
  /** Where it lies in the snapshot. */
  stream: z.string(),
  charset: word,
  collation: word,
  tables: z.array(table),
  objects: z.array(object),
  /** `user@host` in whose name views, triggers, routines and events run. */
  definers: z.array(z.string()),
  /** Not in the dump: nobody could make them. The text is what they showed, for whoever mends them. */
  brokenViews: z.array(z.strictObject({ name: z.string(), definition: z.string() })).default([]),
});

export const mysqlTruth = z.strictObject({
  family: z.enum(['mariadb', 'mysql']),
  version: z.string(),
  dumpedBy: z.string(),
  /** What kept everybody else from writing until all transactions had begun, and for how long. */
  lock: z.enum(['backup stage', 'read lock', 'table locks', 'none']),
  lockedMs: z.int(),
  /** Of the binary log at that moment: what to replay from. */
  position: z.strictObject({ file: z.string(), offset: z.int(), gtid: z.string() }).nullable(),
  usersStream: z.string().nullable(),
  databases: z.array(database),
});
export type MysqlTruth = z.infer<typeof mysqlTruth>;
export type DatabaseTruth = z.infer<typeof database>;
export type TableTruth = z.infer<typeof table>;

/** Of one family and series, as `10.11` of MariaDB: their servers write definitions in the same words. */
export function isSameSeriesAs({ family, version }: Pick<MysqlTruth, 'family' | 'version'>, other: string): boolean {
  const series = (text: string): string => /^\d+\.\d+/.exec(text)?.[0] ?? text;
  return series(version) === series(other) && /mariadb/i.test(other) === (family === 'mariadb');
}

export type DatabaseContent = Pick<DatabaseTruth, 'charset' | 'collation' | 'tables' | 'objects'>;

export type Differences = { readonly schema: readonly string[]; readonly rows: readonly string[] };

export type CompareOptions = {
  /** Names of tables; all tables and objects when undefined. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Servers of two series write the same definition differently: then columns are compared, and what is there. */
  readonly isSameSeries: boolean;
};

export function compareDatabase(
  label: string,
  expected: DatabaseContent,
  found: DatabaseContent,
  { only, isSameSeries }: CompareOptions,
): Differences {
  const schema: string[] = [];
  const rows: string[] = [];
  const wanted = expected.tables.filter(({ name }) => only === undefined || only.has(name));
  const there = new Map(found.tables.map((one) => [one.name, one]));
  for (const { name, rows: count, engine, ...made } of wanted) {
    const other = there.get(name);
    const what = `table ${showName(label, name)}`;
    if (other === undefined) schema.push(`${what} is missing`);
    else {
      if (other.engine !== engine) schema.push(`${what} is kept by ${other.engine} instead of ${engine}`);
      else if (isSameSeries ? other.sha256 !== made.sha256 : other.columnsSha256 !== made.columnsSha256)
        schema.push(`${what} is made differently`);
      if (count !== null && other.rows !== null && other.rows !== count) {
        rows.push(`${what} has ${other.rows} rows instead of ${count}`);
      }
    }
  }
  if (only !== undefined) return { schema, rows };
  const known = new Set(wanted.map(({ name }) => name));
  for (const { name } of found.tables) {
    if (!known.has(name)) schema.push(`table ${showName(label, name)} was not there`);
  }
  schema.push(...compareObjects(label, expected, found, isSameSeries));
  if (
    newName(expected.collation) !== newName(found.collation) ||
    newName(expected.charset) !== newName(found.charset)
  ) {
    schema.push(`database ${showName(label)} has the collation ${found.collation} instead of ${expected.collation}`);
  }
  return { schema, rows };
}

/** Newer servers call `utf8` what it is. */
function newName(charsetOrCollation: string): string {
  return charsetOrCollation.replace(/^utf8(?=_|$)/, 'utf8mb3');
}

function compareObjects(
  label: string,
  expected: DatabaseContent,
  found: DatabaseContent,
  isSameSeries: boolean,
): string[] {
  const key = (one: { kind: string; name: string }): string => JSON.stringify([one.kind, one.name]);
  const say = (one: { kind: string; name: string }): string => `${one.kind} ${showName(label, one.name)}`;
  const before = new Map(expected.objects.map((one) => [key(one), one]));
  const after = new Map(found.objects.map((one) => [key(one), one]));
  const differences: string[] = [];
  for (const [at, one] of before) {
    const other = after.get(at);
    if (other === undefined) differences.push(`${say(one)} is missing`);
    else if (isSameSeries && other.sha256 !== one.sha256) differences.push(`${say(one)} is made differently`);
  }
  for (const [at, one] of after) if (!before.has(at)) differences.push(`${say(one)} was not there`);
  return differences;
}

export function compareTruths(earlier: MysqlTruth, later: MysqlTruth): string[] {
  const differences: string[] = [];
  const isSameSeries = isSameSeriesAs(earlier, later.version);
  const there = new Map(later.databases.map((one) => [one.name, one]));
  for (const one of earlier.databases) {
    const other = there.get(one.name);
    if (other === undefined) differences.push(`database ${showName(one.name)} is missing`);
    else {
      const { schema, rows } = compareDatabase(one.name, one, other, { isSameSeries });
      differences.push(...schema, ...rows);
    }
    there.delete(one.name);
  }
  for (const name of there.keys()) differences.push(`database ${showName(name)} was not there`);
  return differences;
}
