/** What a server held at the moment of the dump, as the manifest says it, and what two such truths do not agree on. */
import { z } from 'zod';
import type { ArchiveEntry, ArchiveHead } from './archive.ts';
import type { Facts } from './facts.ts';
import { showName } from './names.ts';

const table = z.strictObject({
  kind: z.string(),
  schema: z.string(),
  name: z.string(),
  columns: z.string(),
  definition: z.string(),
  /** Null where rows are not saved or not held. */
  rows: z.int().nullable(),
  contentSum: z.string().nullable(),
});

const database = z.strictObject({
  name: z.string(),
  /** Of the archive; of its table of contents for a directory. Null when this was looked at and not saved. */
  path: z.string().nullable(),
  format: z.enum(['custom', 'directory']),
  serverMajor: z.int(),
  sizeBytes: z.int(),
  owner: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  localeProvider: z.enum(['libc', 'icu', 'builtin']),
  locale: z.string().nullable(),
  /** Of the database itself, as ALTER DATABASE … SET made them. */
  settings: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  /** As ALTER ROLE … IN DATABASE … SET made them. */
  roleSettings: z.array(z.strictObject({ role: z.string(), name: z.string(), value: z.string() })).default([]),
  /** Of the database itself; role null: everybody. Null: those of every new database. */
  rights: z
    .array(
      z.strictObject({
        role: z.string().nullable(),
        privilege: z.enum(['CONNECT', 'CREATE', 'TEMPORARY']),
        isGrantable: z.boolean(),
      }),
    )
    .nullable()
    .default(null),
  comment: z.string().nullable().default(null),
  connectionLimit: z.int().default(-1),
  extensions: z.record(z.string(), z.string()),
  /** Owners, and whom rights were granted. */
  roles: z.array(z.string()),
  largeObjects: z.int().nullable(),
  relations: z.array(table),
  objects: z.array(
    z.strictObject({ kind: z.string(), schema: z.string().nullable(), name: z.string(), definition: z.string() }),
  ),
  /** As the archive sets them; null for one that was never asked. */
  sequences: z.array(z.strictObject({ name: z.string(), value: z.string().nullable() })),
});
export type DatabaseTruth = z.infer<typeof database>;

export const postgresTruth = z.strictObject({
  server: z.strictObject({
    version: z.string(),
    isReplica: z.boolean(),
    isEncrypted: z.boolean(),
  }),
  toolVersion: z.string(),
  globals: z.strictObject({ path: z.string(), hasPasswords: z.boolean() }).nullable(),
  /** Options left out a part: tables that are not named here are no news. */
  isPart: z.boolean(),
  databases: z.array(database),
});
export type PostgresTruth = z.infer<typeof postgresTruth>;

export type SavedPart = Omit<Facts, 'sequences'> & { readonly sequences: DatabaseTruth['sequences'] };

/** What of the facts is in the archive: options, rights and replicas may leave something out. */
export function savedPart(facts: Facts, head: ArchiveHead | undefined): SavedPart {
  if (head === undefined) return { ...facts, sequences: [] };
  const functions = new Set(head.entries.filter(isFunction).map(({ schema, tag }) => functionKey(schema, tag)));
  const entries = new Set(head.entries.map(({ kind, schema, tag }) => keyOf(kind, schema, tag)));
  const has = (kind: string, schema: string | null, name: string): boolean =>
    entries.has(keyOf(kind, schema ?? undefined, name));
  const kindsOf: Readonly<Record<string, readonly string[]>> = {
    table: ['TABLE'],
    'partitioned table': ['TABLE'],
    view: ['VIEW'],
    'materialized view': ['MATERIALIZED VIEW'],
    'foreign table': ['FOREIGN TABLE'],
    sequence: ['SEQUENCE', 'SEQUENCE SET'],
    type: ['TYPE', 'DOMAIN'],
    schema: ['SCHEMA'],
    publication: ['PUBLICATION'],
    'event trigger': ['EVENT TRIGGER'],
  };
  const isIn = (kind: string, schema: string | null, name: string): boolean =>
    kindsOf[kind]?.some((one) => has(one, schema, name)) ?? true;
  return {
    ...facts,
    relations: facts.relations
      .filter(({ kind, schema, name }) => isIn(kind, schema, name))
      .map((one) => (has('TABLE DATA', one.schema, one.name) ? one : { ...one, rows: null, contentSum: null })),
    objects: facts.objects.filter(({ kind, schema, name }) =>
      kind === 'function' ? functions.has(functionKey(schema ?? undefined, name)) : isIn(kind, schema, name),
    ),
    extensions: Object.fromEntries(Object.entries(facts.extensions).filter(([name]) => has('EXTENSION', null, name))),
    largeObjects: head.entries.some(({ kind }) => kind === 'BLOBS') ? facts.largeObjects : 0,
    sequences: head.entries.filter(({ kind }) => kind === 'SEQUENCE SET').flatMap(sequenceOf),
  };
}

function sequenceOf({ schema, tag, definition }: ArchiveEntry): DatabaseTruth['sequences'] {
  const match = /, (-?\d+), (true|false)\);\s*$/.exec(definition ?? '');
  if (match === null) return [];
  return [{ name: showName(schema ?? '', tag), value: match[2] === 'true' ? match[1]! : null }];
}

/** Whether the archive has rows of a table. */
export function tablesWithRows({ entries }: ArchiveHead): (schema: string, name: string) => boolean {
  const keys = new Set(
    entries.filter(({ kind }) => kind === 'TABLE DATA').map(({ schema, tag }) => keyOf('', schema, tag)),
  );
  return (schema, name) => keys.has(keyOf('', schema, name));
}

function keyOf(kind: string, schema: string | undefined, tag: string): string {
  return JSON.stringify([kind, schema ?? '', tag]);
}

function isFunction({ kind }: ArchiveEntry): boolean {
  return kind === 'FUNCTION' || kind === 'PROCEDURE' || kind === 'AGGREGATE';
}

/** Tags name arguments as pg_dump renders them, so the name in front of them must do. */
function functionKey(schema: string | undefined, tag: string): string {
  return JSON.stringify([schema, tag.slice(0, tag.indexOf('(') + 1)]);
}

/** Which of the recorded facts are compared. */
export type Depth = { readonly schema: boolean; readonly rows: boolean };

/** One sentence each; none when they agree. */
export function compareDatabases(
  earlier: DatabaseTruth,
  later: DatabaseTruth,
  depth: Depth,
  isPart: boolean,
): string[] {
  const said = depth.schema ? schemaDifferences(earlier, later, isPart) : [];
  if (!depth.rows) return said;
  const found = new Map(later.relations.map((one) => [showName(one.schema, one.name), one]));
  for (const { schema, name, rows, contentSum } of earlier.relations) {
    const shown = showName(schema, name);
    const other = found.get(shown);
    if (rows === null || other === undefined) continue;
    if (other.rows !== rows) said.push(`table ${shown} has ${other.rows ?? 0} rows instead of ${rows}`);
    else if (contentSum !== null && other.contentSum !== null && other.contentSum !== contentSum) {
      said.push(`table ${shown} has as many rows, and not the same`);
    }
  }
  const sequences = new Map(later.sequences.map(({ name, value }) => [name, value]));
  for (const { name, value } of earlier.sequences) {
    const other = sequences.get(name);
    if (other !== undefined && other !== value)
      said.push(`sequence ${name} is at ${other ?? 'its start'} instead of ${value ?? 'its start'}`);
  }
  if (earlier.largeObjects !== null && earlier.largeObjects !== later.largeObjects) {
    said.push(`there are ${later.largeObjects ?? 0} large objects instead of ${earlier.largeObjects}`);
  }
  return said;
}

function schemaDifferences(earlier: DatabaseTruth, later: DatabaseTruth, isPart: boolean): string[] {
  const said: string[] = [];
  const isSameVersion = earlier.serverMajor === later.serverMajor;
  if (earlier.encoding !== later.encoding)
    said.push(`the encoding is ${later.encoding} instead of ${earlier.encoding}`);
  for (const name of Object.keys(earlier.extensions)) {
    if (later.extensions[name] === undefined) said.push(`extension ${name} is missing`);
  }
  const relations = new Map(later.relations.map((one) => [showName(one.schema, one.name), one]));
  for (const one of earlier.relations) {
    const shown = showName(one.schema, one.name);
    const other = relations.get(shown);
    relations.delete(shown);
    if (other === undefined) said.push(`${one.kind} ${shown} is missing`);
    else if (other.kind !== one.kind) said.push(`${shown} is a ${other.kind} instead of a ${one.kind}`);
    else if (other.columns !== one.columns) said.push(`${one.kind} ${shown} has other columns`);
    else if (isSameVersion && other.definition !== one.definition)
      said.push(`${one.kind} ${shown} is defined otherwise`);
  }
  const objects = new Map(later.objects.map((one) => [objectName(one), one]));
  for (const one of earlier.objects) {
    const other = objects.get(objectName(one));
    objects.delete(objectName(one));
    if (other === undefined) said.push(`${objectName(one)} is missing`);
    else if (isSameVersion && other.definition !== one.definition) said.push(`${objectName(one)} is defined otherwise`);
  }
  if (isPart) return said;
  for (const [shown, { kind }] of relations) said.push(`${kind} ${shown} was not there`);
  for (const shown of objects.keys()) said.push(`${shown} was not there`);
  return said;
}

function objectName({ kind, schema, name }: DatabaseTruth['objects'][number]): string {
  return `${kind} ${schema === null ? name : showName(schema, name)}`;
}

export function differencesOf(earlier: PostgresTruth, later: PostgresTruth): string[] {
  const several = earlier.databases.length > 1;
  const said: string[] = [];
  for (const one of earlier.databases) {
    const other = later.databases.find(({ name }) => name === one.name);
    if (other === undefined) {
      said.push(`database ${JSON.stringify(one.name)} is missing`);
      continue;
    }
    const lines = compareDatabases(one, other, { schema: true, rows: true }, earlier.isPart || later.isPart);
    said.push(...lines.map((line) => (several ? `${one.name}: ${line}` : line)));
  }
  for (const { name } of later.databases) {
    if (!earlier.databases.some((one) => one.name === name))
      said.push(`database ${JSON.stringify(name)} was not there`);
  }
  return said;
}
