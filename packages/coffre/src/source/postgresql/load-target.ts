/** Where saved databases go, and which of them: the words of a person, as values. Pure. */
import { CoffreError } from '@coffre/repository';
import type { LoadTarget } from '../source.ts';
import { showName } from './names.ts';
import { addressOf, isUrl, readUrl, type PostgresAddress, type PostgresSettings } from './settings.ts';
import type { DatabaseTruth, PostgresTruth } from './truth.ts';

export type Relation = DatabaseTruth['relations'][number];

export type Chosen = {
  readonly database: DatabaseTruth;
  /** Its name at the target. */
  readonly name: string;
  /** Whole when empty. */
  readonly tables: readonly Relation[];
};

export type Destination = { readonly address: PostgresAddress; readonly chosen: readonly Chosen[] };

type Wanted = Pick<LoadTarget<PostgresSettings>, 'to' | 'only' | 'settings'>;

/** @throws {CoffreError} USAGE, PATH_NOT_IN_SNAPSHOT */
export function destinationOf(truth: PostgresTruth, { to, only, settings }: Wanted): Destination {
  const { address, database } = placeOf(to, settings);
  const selected = select(truth, only);
  if (database !== undefined && selected.length > 1) {
    throw new CoffreError('USAGE', `${selected.length} databases cannot all become ${JSON.stringify(database)}`, {
      hint: `Name one with --table: ${selected.map((one) => one.database.name).join(', ')}.`,
    });
  }
  return { address, chosen: selected.map((one) => ({ ...one, name: database ?? one.database.name })) };
}

function placeOf(
  to: string | undefined,
  settings: PostgresSettings | undefined,
): { readonly address: PostgresAddress; readonly database: string | undefined } {
  if (to !== undefined && isUrl(to)) return readUrl(to);
  if (to !== undefined && /^\.{0,2}\//.test(to)) {
    throw new CoffreError('USAGE', `${to} is a path, and a database is loaded into a server`, {
      hint: 'Name a database, or an address such as postgres://USER@HOST/DATABASE.',
    });
  }
  if (settings !== undefined) return { address: settings.address, database: to };
  if (to !== undefined) return { address: addressOf({}), database: to };
  throw new CoffreError('USAGE', 'it is not known where this came from', {
    hint: 'Name the server with --target postgres://USER@HOST/DATABASE.',
  });
}

function select(truth: PostgresTruth, only: readonly string[]): { database: DatabaseTruth; tables: Relation[] }[] {
  if (only.length === 0) return truth.databases.map((database) => ({ database, tables: [] }));
  const found = new Map<DatabaseTruth, Relation[]>();
  for (const word of only) {
    const database = truth.databases.find(({ name }) => name === word);
    const matches = tablesNamed(truth, word);
    const [first, second] = matches;
    // Where there is one database, a table of its name is what is meant.
    if (database !== undefined && (truth.databases.length > 1 || first === undefined)) {
      found.set(database, []);
      continue;
    }
    if (first === undefined) throw notThere(truth, word);
    if (second !== undefined) {
      throw new CoffreError('USAGE', `several tables are called ${JSON.stringify(word)}`, {
        hint: `Write one of ${matches.map(({ shown }) => shown).join(', ')}.`,
      });
    }
    const before = found.get(first.database);
    // All of it was named already.
    if (before?.length !== 0) found.set(first.database, [...(before ?? []), first.table]);
  }
  return [...found].map(([database, tables]) => ({ database, tables }));
}

/** `table`, `schema.table`, or with the database in front where there are several. */
function tablesNamed(
  { databases }: PostgresTruth,
  word: string,
): { readonly database: DatabaseTruth; readonly table: Relation; readonly shown: string }[] {
  const all = databases.flatMap((database) =>
    database.relations
      .filter(({ kind }) => kind === 'table' || kind === 'partitioned table')
      .map((table) => {
        const inside = showName(table.schema, table.name);
        return { database, table, inside, shown: databases.length > 1 ? `${database.name}.${inside}` : inside };
      }),
  );
  const exact = all.filter(({ shown, inside }) => word === shown || word === inside);
  return exact.length > 0 ? exact : all.filter(({ table }) => table.name === word);
}

function notThere({ databases }: PostgresTruth, word: string): CoffreError {
  const names = databases.length > 1 ? `databases ${databases.map(({ name }) => name).join(', ')}` : 'other tables';
  return new CoffreError('PATH_NOT_IN_SNAPSHOT', `no table ${JSON.stringify(word)} was saved`, {
    hint: `The snapshot has ${names}; write schema.table where a name alone is not enough.`,
  });
}
