/** What a MongoDB server held, as it is recorded and compared. Pure. */
import { z } from 'zod';
import type { JsonValue } from '../source.ts';
import { damagedArchive, nameOf, type ArchivedCollection, type CountedCollection } from './archive.ts';

const size = z.int().nonnegative();
const json: z.ZodType<JsonValue> = z.json();

export const mongodbTruth = z.strictObject({
  server: z.strictObject({
    program: z.enum(['mongod', 'mongos', 'ferretdb']),
    version: z.string(),
    replicaSet: z.string().nullable(),
  }),
  /** `moment`: all collections as at one moment, with the oplog; `collection`: each as its cursor met it. */
  consistency: z.enum(['moment', 'collection']),
  /** Timestamps as seconds:ordinal; `changes`: entries that are more than a sign of life. */
  oplog: z
    .strictObject({ entries: size, changes: size, first: z.string().nullable(), last: z.string().nullable() })
    .nullable(),
  archives: z.array(
    z.strictObject({
      path: z.string(),
      /** Null: the whole server. */
      database: z.string().nullable(),
      sizeBytes: size,
      sha256: z.string(),
    }),
  ),
  collections: z.array(
    z.strictObject({
      database: z.string(),
      collection: z.string(),
      type: z.enum(['collection', 'view', 'timeseries']),
      documents: size,
      options: json,
      indexes: z.array(json),
    }),
  ),
});

export type MongodbTruth = z.infer<typeof mongodbTruth>;
export type CollectionTruth = MongodbTruth['collections'][number];

/** What belongs to the server itself, or to its logins, and is not loaded among the data. */
export function isOfServer({ database, collection }: Pick<ArchivedCollection, 'database' | 'collection'>): boolean {
  if (database === '' || database === 'config' || database === 'local') return true;
  return collection.startsWith('$admin.') || (database === 'admin' && collection.startsWith('system.'));
}

export function collectionTruthOf(counted: CountedCollection): CollectionTruth {
  const { database, collection, type, documents, metadata } = counted;
  return { database, collection, type, documents, ...schemaOf(metadata) };
}

const metadataSchema = z.looseObject({
  options: json.optional(),
  indexes: z.array(json).nullish(),
});

/** @param text extended JSON, as in an archive; empty for what has none. @throws {CoffreError} SOURCE_INVALID */
export function schemaOf(text: string): Pick<CollectionTruth, 'options' | 'indexes'> {
  const { options, indexes } = metadataOf(text);
  return { options: plain(options ?? {}), indexes: indexesOf(indexes ?? []) };
}

function metadataOf(text: string): z.infer<typeof metadataSchema> {
  if (text === '') return {};
  try {
    return metadataSchema.parse(JSON.parse(text));
  } catch {
    throw damagedArchive('options and indexes of a collection cannot be read');
  }
}

/** Without what servers add on their own. */
function indexesOf(indexes: readonly JsonValue[]): JsonValue[] {
  return indexes
    .map((index) => plain(index))
    .map((index) => (isObject(index) ? without(index, ['v', 'ns', 'background']) : index))
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function without(value: { readonly [key: string]: JsonValue }, names: readonly string[]): JsonValue {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));
}

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const numbers = new Set(['$numberInt', '$numberLong', '$numberDouble']);

/** A server may give back 1.0 where 1 was written; as a key of an index they are the same. */
function plain(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((one: JsonValue) => plain(one));
  if (!isObject(value)) return value;
  const [name, ...others] = Object.keys(value);
  if (name !== undefined && others.length === 0 && numbers.has(name)) {
    const text = value[name];
    const number = Number(text);
    return Number.isSafeInteger(number) || text === undefined ? number : text;
  }
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

/** What the last backup had and the server has no more: meant so, or a right that was taken, or a disaster. */
export function lostSince(
  last: Pick<MongodbTruth, 'collections'>,
  present: ReadonlyMap<string, ReadonlyMap<string, number>>,
): string[] {
  const databases = new Map<string, CollectionTruth[]>();
  for (const one of last.collections) {
    if (isOfServer(one) || one.type === 'view') continue;
    databases.set(one.database, [...(databases.get(one.database) ?? []), one]);
  }
  return [...databases].flatMap(([database, collections]) => {
    const sizes = present.get(database);
    if (sizes === undefined) return [`the database ${database} of the last backup is not there any more`];
    return collections.flatMap((one) => {
      const count = sizes.get(one.collection);
      if (count === undefined) return [`${nameOf(one)} of the last backup is not there any more`];
      return count === 0 && one.documents > 0 ? [`${nameOf(one)} is empty, and had ${one.documents} documents`] : [];
    });
  });
}

/** What of two lists of collections differs: schema, counts, or both. */
export function compareCollections(
  earlier: readonly CollectionTruth[],
  later: readonly CollectionTruth[],
  what: { readonly schema: boolean; readonly counts: boolean },
): string[] {
  const laterOnes = new Map(later.filter((one) => !isOfServer(one)).map((one) => [nameOf(one), one]));
  const differences: string[] = [];
  for (const one of earlier) {
    if (isOfServer(one)) continue;
    const name = nameOf(one);
    const other = laterOnes.get(name);
    laterOnes.delete(name);
    if (other === undefined) differences.push(`${name} is missing`);
    else differences.push(...differencesOf(name, one, other, what));
  }
  return what.schema ? [...differences, ...[...laterOnes.keys()].map((name) => `${name} is new`)] : differences;
}

function differencesOf(
  name: string,
  one: CollectionTruth,
  other: CollectionTruth,
  what: { readonly schema: boolean; readonly counts: boolean },
): string[] {
  const differences: string[] = [];
  if (what.counts && one.type !== 'view' && one.documents !== other.documents) {
    differences.push(`${name} has ${other.documents} documents instead of ${one.documents}`);
  }
  if (!what.schema) return differences;
  if (one.type !== other.type) differences.push(`${name} is a ${other.type} instead of a ${one.type}`);
  if (!isSame(one.options, other.options)) differences.push(`${name} has other options`);
  if (!isSame(one.indexes, other.indexes)) differences.push(`${name} has other indexes`);
  return differences;
}

/** The order of keys is kept where it means something: in the key of an index. */
function isSame(one: JsonValue, other: JsonValue): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((one: JsonValue) => sorted(one));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [name, name === 'key' ? one : sorted(one)]),
  );
}
