/** Where saved databases are to be loaded. Pure. */
import { CoffreError } from '@coffre/repository';
import type { LoadTarget } from '../source.ts';
import type { DatabaseTruth, MysqlTruth } from './mysql-truth.ts';
import { showName } from './names.ts';
import { isUrl, readUrl, type Definer, type MysqlAddress, type MysqlSettings } from './settings.ts';

export type LoadPlan = {
  readonly address: MysqlAddress;
  readonly definer: Definer;
  readonly loginFile: string | undefined;
  readonly databases: readonly PlannedDatabase[];
};

export type PlannedDatabase = {
  readonly saved: DatabaseTruth;
  readonly to: string;
  /** All when undefined. */
  readonly tables: ReadonlySet<string> | undefined;
};

/** @throws {CoffreError} USAGE, PATH_NOT_IN_SNAPSHOT */
export function planLoad(truth: MysqlTruth, { to, only, settings, ...target }: LoadTarget<MysqlSettings>): LoadPlan {
  const { address, database, definer, loginFile } = placeOf(to, settings);
  const chosen = chosenOf(truth, only);
  const [first] = chosen;
  if (database !== undefined && (chosen.length !== 1 || first === undefined)) {
    throw new CoffreError('USAGE', `${chosen.length} databases cannot be loaded as the one ${showName(database)}`, {
      hint: `Name one with --only: ${truth.databases.map(({ name }) => showName(name)).join(', ')}.`,
    });
  }
  const databases = chosen.map(({ saved, tables }) => ({ saved, tables, to: database ?? saved.name }));
  return { address, definer: definer ?? (target.withoutOwners === true ? 'current' : 'keep'), loginFile, databases };
}

type Place = {
  readonly address: MysqlAddress;
  readonly database: string | undefined;
  readonly definer: Definer | undefined;
  readonly loginFile: string | undefined;
};

function placeOf(to: string | undefined, settings: MysqlSettings | undefined): Place {
  if (to !== undefined && isUrl(to)) {
    const { address, database, definer, loginFile } = readUrl(to);
    // What it does not say comes from the configuration: the password need not stand among words.
    const known = settings?.address;
    const user = address.user ?? (loginFile === undefined ? known?.user : undefined);
    const password =
      address.password ?? (loginFile === undefined && user === known?.user ? known?.password : undefined);
    return { address: { ...address, user, password }, database, definer, loginFile };
  }
  if (settings === undefined) {
    throw new CoffreError('USAGE', 'nothing says which server to load into', {
      hint: 'Add --target mysql://USER@HOST/DATABASE, or mysql:///DATABASE?socket=PATH.',
    });
  }
  return { address: settings.address, database: to, definer: undefined, loginFile: undefined };
}

type Chosen = Pick<PlannedDatabase, 'saved' | 'tables'>;

/** A word is a database, a table of the only database, or `DATABASE.TABLE`. */
function chosenOf(truth: MysqlTruth, only: readonly string[]): Chosen[] {
  if (only.length === 0) return truth.databases.map((saved) => ({ saved, tables: undefined }));
  const whole = new Set<DatabaseTruth>();
  const parts = new Map<DatabaseTruth, Set<string>>();
  for (const word of only) {
    const database = truth.databases.find(({ name }) => name === word);
    const [alone] = truth.databases;
    const found =
      truth.databases.length === 1 && alone?.tables.some(({ name }) => name === word)
        ? [{ saved: alone, table: word }]
        : truth.databases.flatMap((saved) =>
            saved.tables
              .filter(({ name }) => `${saved.name}.${name}` === word)
              .map(({ name }) => ({ saved, table: name })),
          );
    const [table] = found;
    if (found.length > 1) throw new CoffreError('USAGE', `${JSON.stringify(word)} can be read as several tables`);
    if (table !== undefined) parts.set(table.saved, (parts.get(table.saved) ?? new Set()).add(table.table));
    else if (database !== undefined) whole.add(database);
    else {
      throw new CoffreError(
        'PATH_NOT_IN_SNAPSHOT',
        `neither a database nor a table ${JSON.stringify(word)} was saved`,
        {
          hint: 'Name a database, or a table as DATABASE.TABLE. Views and routines come with their whole database.',
        },
      );
    }
  }
  return truth.databases
    .filter((saved) => whole.has(saved) || parts.has(saved))
    .map((saved) => ({ saved, tables: whole.has(saved) ? undefined : parts.get(saved) }));
}
