/** Definitions and counts of one database, read from a live server. */
import { createHash } from 'node:crypto';
import { CoffreError, isCoffreError } from '@coffre/repository';
import type { FloatColumns } from './dump-questions.ts';
import type { DatabaseContent, DatabaseTruth } from './mysql-truth.ts';
import { identifier, literal, showName } from './names.ts';
import type { Family } from './release.ts';
import { charsetOf, familyOf, text } from './server-facts.ts';
import { errorNumberOf, type Row, type Session } from './session.ts';
import type { LeftOut } from './settings.ts';

export type TableFacts = {
  readonly name: string;
  readonly engine: string;
  readonly sha256: string;
  readonly columnsSha256: string;
  /** Rows of one moment can be had while others write. */
  readonly transactional: boolean;
  readonly versioned: boolean;
  readonly columns: FloatColumns;
};

export type Definitions = Pick<DatabaseTruth, 'charset' | 'collation' | 'objects' | 'definers'> & {
  readonly tables: readonly TableFacts[];
};

/** Of a server that was started without its scheduler. */
const eventsDisabled = 1577;

export const nothingLeftOut: LeftOut = { tables: new Set(), rows: new Set() };

/** @throws {CoffreError} SOURCE_INVALID for a table or view that the server itself cannot open */
export async function readDefinitions(session: Session, database: string, leftOut: LeftOut): Promise<Definitions> {
  await session.run(`USE ${identifier(database)}`);
  const transactional = await transactionalEngines(session);
  const listed = await session.rows(
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS engine FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ${literal(database)} ORDER BY BINARY TABLE_NAME`,
  );
  const columns = await columnsOf(session, database);
  const family = await familyOf(session);
  const tables: TableFacts[] = [];
  const objects: DatabaseTruth['objects'] = [];
  const definers = new Set<string>();
  for (const row of listed) {
    const [name, type, engine] = [text(row, 'name'), text(row, 'type'), text(row, 'engine')];
    if (leftOut.tables.has(`${database}.${name}`)) continue;
    const made = await creationOf(session, database, name);
    if (type === 'VIEW') {
      const { statement, definer } = withoutDefiner(made.statement);
      objects.push({ kind: 'view', name, sha256: sha256Of([statement, ...made.surroundings]) });
      if (definer !== undefined) definers.add(definer);
    } else if (type === 'SEQUENCE') objects.push({ kind: 'sequence', name, sha256: sha256Of([made.statement]) });
    else {
      tables.push({
        name,
        engine,
        sha256: sha256Of(asMade(withoutCounters(made.statement, database), columns.get(name)?.texts, family)),
        columnsSha256: sha256Of(columns.get(name)?.types ?? []),
        transactional: transactional.has(engine.toLowerCase()),
        versioned: type === 'SYSTEM VERSIONED',
        columns: columns.get(name)?.shown ?? { all: [], floats: new Set() },
      });
    }
  }
  for (const row of await programsOf(session, database)) {
    const { definer, ...made } = row;
    objects.push({
      kind: text(row, 'kind').toLowerCase(),
      name: text(row, 'name'),
      sha256: sha256Of(Object.values(made)),
    });
    definers.add(text({ definer }, 'definer'));
  }
  return { ...(await charsetOf(session, database)), tables, objects, definers: [...definers].toSorted() };
}

/** Lower case. */
async function transactionalEngines(session: Session): Promise<ReadonlySet<string>> {
  const rows = await session.rows("SELECT ENGINE AS engine FROM information_schema.ENGINES WHERE TRANSACTIONS = 'YES'");
  return new Set(rows.map((row) => text(row, 'engine').toLowerCase()));
}

type Columns = {
  /** Names and types. Widths of whole numbers say nothing, and newer servers leave them out. */
  readonly types: string[];
  /** Names, character sets and collations. */
  readonly texts: (string | null)[];
  /** Without those that a star does not mean. */
  readonly shown: { readonly all: string[]; readonly floats: Set<string> };
};

async function columnsOf(session: Session, database: string): Promise<ReadonlyMap<string, Columns>> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS name, COLUMN_NAME AS column_name, COLUMN_TYPE AS type, COLLATION_NAME AS collation, EXTRA AS extra
     FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ${literal(database)} ORDER BY BINARY TABLE_NAME, ORDINAL_POSITION`,
  );
  const columns = new Map<string, Columns>();
  for (const row of rows) {
    const type = text(row, 'type').replace(/^((?:tiny|small|medium|big)?int|year)\(\d+\)/, '$1');
    const of = columns.get(text(row, 'name')) ?? { types: [], texts: [], shown: { all: [], floats: new Set() } };
    of.types.push(text(row, 'column_name'), type);
    of.texts.push(text(row, 'column_name'), row['collation'] === null ? null : text(row, 'collation'));
    if (!/\bINVISIBLE\b/i.test(text(row, 'extra'))) of.shown.all.push(text(row, 'column_name'));
    if (type.startsWith('float')) of.shown.floats.add(text(row, 'column_name'));
    columns.set(text(row, 'name'), of);
  }
  return columns;
}

const columnCharset =
  /^(  `(?:[^`]|``)*` \w+(?: unsigned)?(?:\((?:'(?:[^']|'')*'|[^')])*\))?)(?: CHARACTER SET \w+)?(?: COLLATE \w+)?/gm;

/**
 * MySQL 8 names the character set of a column after a load where it did not before, though it is the same: there it is
 * taken from the columns themselves.
 */
function asMade(statement: string, texts: Columns['texts'] | undefined, family: Family): unknown[] {
  if (family === 'mariadb') return [statement];
  return [statement.replaceAll(columnCharset, '$1'), ...(texts ?? [])];
}

type Creation = { readonly statement: string; readonly surroundings: readonly string[] };

async function creationOf(session: Session, database: string, name: string): Promise<Creation> {
  let row: Row | undefined;
  try {
    [row] = await session.rows(`SHOW CREATE TABLE ${identifier(name)}`);
  } catch (error) {
    if (errorNumberOf(error) === undefined) throw error;
    if (isCoffreError(error, 'SOURCE_DENIED')) {
      throw new CoffreError('SOURCE_DENIED', `the user may not see how ${showName(database, name)} is made`, {
        hint: 'GRANT SELECT, SHOW VIEW ON *.* TO the user, or on the databases that are saved.',
        cause: error,
      });
    }
    throw new CoffreError('SOURCE_INVALID', `${showName(database, name)} cannot be opened by its server`, {
      hint: 'A view of tables that are gone, or a broken table: mend or drop it, or leave it out with --ignore-table.',
      cause: error,
    });
  }
  // `Table, Create Table`, or `View, Create View, character_set_client, collation_connection`.
  const columns = Object.keys(row ?? {}).slice(1);
  const [statement = '', ...surroundings] = columns.map((column) => text(row, column));
  return { statement, surroundings };
}

/** AUTO_INCREMENT moves with every insert, and stays when rows go. Line breaks in names and comments are escaped. */
function withoutCounters(statement: string, database: string): string {
  const options = statement.lastIndexOf('\n) ');
  const end = statement.slice(options).replace(/^(\n\) ENGINE=\S+) AUTO_INCREMENT=\d+/, '$1');
  return (statement.slice(0, options) + end).replaceAll(`nextval(${identifier(database)}.`, 'nextval(');
}

export function withoutDefiner(statement: string): { statement: string; definer: string | undefined } {
  const match = / DEFINER=(`(?:[^`]|``)*`)@(`(?:[^`]|``)*`)/.exec(statement);
  if (match === null) return { statement, definer: undefined };
  const plain = (quoted: string): string => quoted.slice(1, -1).replaceAll('``', '`');
  return { statement: statement.replace(match[0], ''), definer: `${plain(match[1]!)}@${plain(match[2]!)}` };
}

/** Routines, triggers and events, in all that makes them. Events that run once and go are no lasting part. */
async function programsOf(session: Session, database: string): Promise<Row[]> {
  const here = literal(database);
  await session.run('SET SESSION group_concat_max_len = 16777216');
  const routines = await session.rows(
    `SELECT ROUTINE_TYPE AS kind, ROUTINE_NAME AS name, DEFINER AS definer, ROUTINE_DEFINITION, DTD_IDENTIFIER,
       IS_DETERMINISTIC, SQL_DATA_ACCESS, SECURITY_TYPE, SQL_MODE, ROUTINE_COMMENT, CHARACTER_SET_CLIENT,
       (SELECT GROUP_CONCAT(CONCAT_WS(' ', PARAMETER_MODE, QUOTE(PARAMETER_NAME), DTD_IDENTIFIER) ORDER BY ORDINAL_POSITION)
        FROM information_schema.PARAMETERS p
        WHERE p.SPECIFIC_SCHEMA = r.ROUTINE_SCHEMA AND p.SPECIFIC_NAME = r.SPECIFIC_NAME
          AND p.ROUTINE_TYPE = r.ROUTINE_TYPE) AS parameters
     FROM information_schema.ROUTINES r WHERE ROUTINE_SCHEMA = ${here} ORDER BY ROUTINE_TYPE, BINARY ROUTINE_NAME`,
  );
  const triggers = await session.rows(
    `SELECT 'trigger' AS kind, TRIGGER_NAME AS name, DEFINER AS definer, EVENT_OBJECT_TABLE, ACTION_TIMING,
       EVENT_MANIPULATION, ACTION_ORDER, ACTION_STATEMENT, SQL_MODE, CHARACTER_SET_CLIENT
     FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${here} ORDER BY BINARY TRIGGER_NAME`,
  );
  const events = await eventsOf(session, here);
  return [...routines, ...triggers, ...events];
}

async function eventsOf(session: Session, here: string): Promise<Row[]> {
  try {
    return await session.rows(
      `SELECT 'event' AS kind, EVENT_NAME AS name, DEFINER AS definer, EVENT_DEFINITION, TIME_ZONE, INTERVAL_VALUE,
       INTERVAL_FIELD, SQL_MODE, STARTS, ENDS, STATUS, ON_COMPLETION, EVENT_COMMENT, CHARACTER_SET_CLIENT
     FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${here} AND EVENT_TYPE = 'RECURRING' ORDER BY BINARY EVENT_NAME`,
    );
  } catch (error) {
    if (errorNumberOf(error) === eventsDisabled) return [];
    throw error;
  }
}

/** Exact, in whatever transaction the session is. */
export async function countRows(session: Session, database: string, table: TableFacts): Promise<number> {
  const history = table.versioned ? ' FOR SYSTEM_TIME ALL' : '';
  const [row] = await session.rows(
    `SELECT COUNT(*) AS rows_counted FROM ${identifier(database)}.${identifier(table.name)}${history}`,
  );
  return Number(row?.['rows_counted']);
}

function sha256Of(values: readonly unknown[]): string {
  const plain = values.map((value) => (Buffer.isBuffer(value) ? value.toString('utf8') : (value ?? null)));
  return createHash('sha256').update(JSON.stringify(plain)).digest('hex');
}

/** Definitions and counts of a database at rest. */
export async function readContent(session: Session, database: string): Promise<DatabaseContent> {
  const { tables, ...rest } = await readDefinitions(session, database, nothingLeftOut);
  const counted = [];
  for (const table of tables) {
    const { name, engine, sha256, columnsSha256 } = table;
    counted.push({ name, engine, sha256, columnsSha256, rows: await countRows(session, database, table) });
  }
  return { ...rest, tables: counted };
}
