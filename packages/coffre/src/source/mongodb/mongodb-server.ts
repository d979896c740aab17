/** Questions to a server through the driver, which is loaded when the first one is asked. */
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import type { Db, Document, MongoClient } from 'mongodb';
import { nameOf } from './archive.ts';
import type { Connection } from './mongodb-address.ts';
import { isOfServer, schemaOf, type CollectionTruth } from './mongodb-truth.ts';
import { factsOf, type ServerFacts } from './topology.ts';

/** A server that is there answers sooner; quick checks promise five seconds. */
const reachTimeoutMs = 4000;

export type DatabaseSize = { readonly name: string; readonly sizeBytes: number };

export type MongodbServer = AsyncDisposable & {
  readonly client: MongoClient;
  /** Without a database of its own, for messages. */
  readonly shown: string;
  facts(): Promise<ServerFacts>;
  databases(): Promise<DatabaseSize[]>;
  /** Names and kinds; nothing is counted. */
  collections(database: string): Promise<CollectionTruth[]>;
  count(database: string, collection: string): Promise<number>;
  /** About how many documents each collection has; quick, and not to be relied on. */
  sizes(database: string): Promise<ReadonlyMap<string, number>>;
};

/** @throws {CoffreError} SOURCE_UNREACHABLE, SOURCE_DENIED */
export async function openServer({ uri, shown }: Connection, signal: AbortSignal): Promise<MongodbServer> {
  const { MongoClient, EJSON } = await loadDriver();
  let client: MongoClient;
  try {
    client = new MongoClient(uri, {
      appName: 'coffre',
      serverSelectionTimeoutMS: reachTimeoutMs,
      connectTimeoutMS: reachTimeoutMs,
      maxPoolSize: 4,
    });
  } catch (error) {
    throw new CoffreError('USAGE', `the address of ${shown} is not understood: ${messageOf(error)}`, { cause: error });
  }
  const stop = (): void => void client.close();
  const close = async (): Promise<void> => {
    signal.removeEventListener('abort', stop);
    await client.close();
  };
  signal.addEventListener('abort', stop);
  const asked = async <T>(question: () => Promise<T>): Promise<T> => {
    try {
      return await question();
    } catch (error) {
      if (signal.aborted) throw stopped(signal);
      throw inWords(shown, error);
    }
  };
  try {
    await asked(async () => await client.connect());
  } catch (error) {
    await close();
    throw error;
  }
  return {
    client,
    shown,
    facts: async () => await asked(async () => await askFacts(client)),
    databases: async () =>
      await asked(async () => {
        const { databases } = await client.db('admin').admin().listDatabases();
        return databases.map(({ name, sizeOnDisk }) => ({ name, sizeBytes: sizeOnDisk ?? 0 }));
      }),
    collections: async (database) =>
      await asked(async () => await listCollections(client.db(database), (value) => EJSON.stringify(value))),
    count: async (database, collection) =>
      await asked(async () => await client.db(database).collection(collection).countDocuments({})),
    sizes: async (database) => await asked(async () => await sizesOf(client.db(database))),
    [Symbol.asyncDispose]: close,
  };
}

async function sizesOf(database: Db): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const { name, type } of await database.listCollections({}, { nameOnly: true }).toArray()) {
    if (type !== 'view') sizes.set(name, await database.collection(name).estimatedDocumentCount());
  }
  return sizes;
}

/** Of every database named: schema and exact counts. */
export async function truthOfDatabases(
  server: MongodbServer,
  databases: readonly string[],
  includes: (collection: CollectionTruth) => boolean = () => true,
): Promise<CollectionTruth[]> {
  const found: CollectionTruth[] = [];
  for (const database of databases) {
    for (const one of await server.collections(database)) {
      if (isOfServer(one) || !includes(one)) continue;
      const documents = one.type === 'view' ? 0 : await server.count(database, one.collection);
      found.push({ ...one, documents });
    }
  }
  return found;
}

/** Documents from before a rule, or past it: they are as they were saved. */
const isAgainstValidator = /not compliant with the collection's schema/;

/** What the server's own look at its collections finds. @returns one sentence for each that is not sound */
export async function validateCollections(
  server: MongodbServer,
  collections: readonly CollectionTruth[],
): Promise<string[]> {
  const complaints: string[] = [];
  for (const one of collections) {
    if (one.type !== 'collection') continue;
    try {
      const answer = await server.client.db(one.database).command({ validate: one.collection, full: true });
      const errors = (answer['errors'] ?? []) as string[];
      const grave = errors.filter((line) => !isAgainstValidator.test(line));
      const isSound = answer['valid'] !== false || (errors.length > 0 && grave.length === 0);
      if (!isSound) complaints.push(`${nameOf(one)} is not valid: ${JSON.stringify(grave)}`);
    } catch (error) {
      // Whoever may load need not have the right to this: counts and indexes are compared beside it.
      if (!isUnknownCommand(error) && !isDenied(error))
        complaints.push(`${nameOf(one)} cannot be validated: ${messageOf(error)}`);
    }
  }
  return complaints;
}

async function loadDriver(): Promise<{
  MongoClient: typeof MongoClient;
  EJSON: { stringify(value: unknown): string };
}> {
  const { MongoClient, BSON } = await import('mongodb');
  return { MongoClient, EJSON: { stringify: (value) => BSON.EJSON.stringify(value, { relaxed: false }) } };
}

async function askFacts(client: MongoClient): Promise<ServerFacts> {
  const admin = client.db('admin');
  const maybe = async (command: Document): Promise<Document | undefined> => {
    try {
      return await admin.command(command);
    } catch (error) {
      if (isUnknownCommand(error) || isDenied(error) || isNoReplicaSet(error)) return undefined;
      throw error;
    }
  };
  const hello = await admin.command({ hello: 1 });
  const isReplicaSet = typeof hello['setName'] === 'string';
  return factsOf({
    hello,
    buildInfo: await admin.command({ buildInfo: 1 }),
    replicaSetConfig: isReplicaSet ? await maybe({ replSetGetConfig: 1 }) : undefined,
    shardingState: isReplicaSet ? await maybe({ shardingState: 1 }) : undefined,
    hasReadableOplog: isReplicaSet && (await reads(client, 'local', 'oplog.rs')) === 'something',
    accounts: await accountsIn(client),
  });
}

/** mongodump refuses to look for users where there has never been one. */
async function accountsIn(client: MongoClient): Promise<'something' | 'nothing' | 'denied'> {
  const users = await reads(client, 'admin', 'system.users');
  return users === 'nothing' ? await reads(client, 'admin', 'system.version', { _id: 'authSchema' }) : users;
}

async function reads(
  client: MongoClient,
  database: string,
  collection: string,
  filter: Document = {},
): Promise<'something' | 'nothing' | 'denied'> {
  try {
    const found = await client
      .db(database)
      .collection(collection)
      .findOne(filter, { projection: { _id: 1 } });
    return found === null ? 'nothing' : 'something';
  } catch (error) {
    if (isDenied(error)) return 'denied';
    throw error;
  }
}

async function listCollections(database: Db, extended: (value: unknown) => string): Promise<CollectionTruth[]> {
  const listed: Document[] = await database.listCollections({}, { nameOnly: false, promoteValues: false }).toArray();
  const found: CollectionTruth[] = [];
  for (const one of listed) {
    const [name, type, options] = [String(one['name']), String(one['type']), one['options'] as unknown];
    if (name.startsWith('system.buckets.') || name === 'system.views' || name === 'system.profile') continue;
    const cursor = type === 'view' ? undefined : database.collection(name).listIndexes({ promoteValues: false });
    const indexes: unknown = cursor === undefined ? [] : await cursor.toArray();
    found.push({
      database: database.databaseName,
      collection: name,
      type: type === 'view' || type === 'timeseries' ? type : 'collection',
      documents: 0,
      ...schemaOf(extended({ options: options ?? {}, indexes })),
    });
  }
  return found.toSorted((a, b) => (a.collection < b.collection ? -1 : 1));
}

function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

const wrongLogin = 18;
const isUnknownCommand = (error: unknown): boolean => codeOf(error) === 59;
const isDenied = (error: unknown): boolean => codeOf(error) === 13;
/** A collection or an index. */
export const isMissing = (error: unknown): boolean => [26, 27].includes(codeOf(error) ?? 0);
const isNoReplicaSet = (error: unknown): boolean => codeOf(error) === 76;

export function stopped({ reason }: AbortSignal): CoffreError {
  return isCoffreError(reason) ? reason : new CoffreError('INTERRUPTED', 'stopped', { cause: reason });
}

export function inWords(shown: string, error: unknown): Error {
  if (isCoffreError(error)) return error;
  const text = messageOf(error);
  if (isDenied(error)) {
    return new CoffreError('SOURCE_DENIED', `the user may not do that on ${shown}: ${text}`, {
      hint: 'Give him `backup` and `clusterMonitor`; to load data `restore` and `readWriteAnyDatabase`.',
      cause: error,
    });
  }
  if (error instanceof Error && error.name === 'MongoServerError' && codeOf(error) !== wrongLogin) {
    return new CoffreError('SOURCE_COMMAND_FAILED', `${shown} refuses: ${text}`, {
      hint: 'Nothing was saved or changed. The server’s own log may say more.',
      cause: error,
    });
  }
  return new CoffreError('SOURCE_UNREACHABLE', `${shown} does not answer as it should: ${text}`, {
    hint: 'Check host, port, user and password, and that the server runs. Nothing was saved or changed.',
    retryable: true,
    cause: error,
  });
}
