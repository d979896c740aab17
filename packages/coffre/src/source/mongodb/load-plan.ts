/** Where each collection of a backup goes. Pure. */
import { CoffreError } from '@coffre/repository';
import { nameOf } from './archive.ts';
import type { Place } from './archive-rename.ts';
import { connectionOf, isMongodbUrl, type Connection, type MongodbAddress } from './mongodb-address.ts';
import { isOfServer, type CollectionTruth, type MongodbTruth } from './mongodb-truth.ts';

export type LoadStep = {
  readonly from: CollectionTruth;
  readonly final: Place;
  /**
   * Under which it is loaded and counted before anybody sees it. What cannot be renamed by any server has its last name at
   * once; views have no documents and are made at the end.
   */
  readonly temporary: Place | undefined;
};

export type LoadPlan = {
  readonly steps: readonly LoadStep[];
  /** Where they go. */
  readonly databases: readonly string[];
  /** Saved ones of which every collection is wanted, and where they go. */
  readonly wholeDatabases: ReadonlyMap<string, string>;
};

export type LoadPlace = { readonly connection: Connection; readonly databaseOf: (database: string) => string };

/**
 * @param to an address, perhaps with a database in its path; a database; or a name with a `*` for the old one
 * @throws {CoffreError} USAGE
 */
export function placeOf(
  to: string | undefined,
  settings: MongodbAddress | undefined,
  truth: Pick<MongodbTruth, 'collections'>,
): LoadPlace {
  const databases = databasesOf(truth.collections);
  if (to !== undefined && isMongodbUrl(to)) {
    const connection = connectionOf({ url: to });
    return { connection, databaseOf: renamer(connection.database, databases) };
  }
  if (settings === undefined) {
    throw new CoffreError('USAGE', 'no server was named to load into', {
      hint: 'Name it: mongodb://HOST:PORT/ keeps the names, mongodb://HOST:PORT/NAME gives the database another.',
    });
  }
  return { connection: connectionOf(settings), databaseOf: renamer(to, databases) };
}

function renamer(name: string | undefined, databases: readonly string[]): (database: string) => string {
  if (name === undefined) return (database) => database;
  if (name.includes('*')) return (database) => name.replaceAll('*', () => database);
  if (databases.length > 1) {
    throw new CoffreError('USAGE', `${databases.length} databases cannot all be called ${JSON.stringify(name)}`, {
      hint: `Write a * for the old name: ${JSON.stringify(`${name}_*`)}.`,
    });
  }
  return () => name;
}

function databasesOf(collections: readonly CollectionTruth[]): string[] {
  return [...new Set(collections.filter((one) => !isOfServer(one)).map(({ database }) => database))];
}

/** @param only `collection`, `database.collection` or `database`; all when empty. @throws {CoffreError} USAGE */
export function planLoad(
  collections: readonly CollectionTruth[],
  choice: {
    readonly databaseOf: (database: string) => string;
    readonly only: readonly string[];
    readonly token: string;
  },
): LoadPlan {
  const data = collections.filter((one) => !isOfServer(one));
  const wanted = choice.only.length === 0 ? data : choice.only.flatMap((name) => find(data, name));
  const steps = [...new Set(wanted)].map((from, number): LoadStep => {
    const database = choice.databaseOf(from.database);
    const final = { database, collection: from.collection };
    const isRenamable = from.type === 'collection' && !from.collection.startsWith('system.');
    const temporary = isRenamable ? { database, collection: `coffre_load_${choice.token}_${number}` } : undefined;
    return { from, final, temporary };
  });
  const left = new Set(data.filter((one) => !wanted.includes(one)).map(({ database }) => database));
  const whole = steps.filter(({ from }) => !left.has(from.database));
  return {
    steps,
    databases: [...new Set(steps.map(({ final }) => final.database))],
    wholeDatabases: new Map(whole.map(({ from, final }) => [from.database, final.database])),
  };
}

/** FerretDB takes the name of a collection for what stands behind the last dot, and renames none that has one. */
export function planFor(program: MongodbTruth['server']['program'], plan: LoadPlan): LoadPlan {
  if (program !== 'ferretdb') return plan;
  const steps = plan.steps.map((step) =>
    step.final.collection.includes('.') ? { ...step, temporary: undefined } : step,
  );
  return { ...plan, steps };
}

function find(data: readonly CollectionTruth[], name: string): readonly CollectionTruth[] {
  const found = data.filter((one) => nameOf(one) === name || one.collection === name);
  if (found.length === 1) return found;
  if (found.length > 1) {
    throw new CoffreError('USAGE', `several databases have a collection ${JSON.stringify(name)}`, {
      hint: `Write one of ${found.map(nameOf).join(', ')}.`,
    });
  }
  const database = data.filter((one) => one.database === name);
  if (database.length > 0) return database;
  throw new CoffreError('USAGE', `the backup has no collection ${JSON.stringify(name)}`, {
    hint: `It has ${data.map(nameOf).slice(0, 20).join(', ') || 'none'}.`,
  });
}
