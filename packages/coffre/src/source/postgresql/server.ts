/** What a server says of itself and of its databases. */
import { CoffreError } from '@coffre/repository';
import { factsOf, type Facts, type FactsRequest } from './facts.ts';
import { isOfLoad } from './load-names.ts';
import { ownPropertiesOf, type OwnProperties } from './own-properties.ts';
import { openSession, type Row, type Session } from './session.ts';
import { showAddress, type PostgresAddress, type PostgresSettings } from './settings.ts';
import { savedPart, type DatabaseTruth, type SavedPart } from './truth.ts';
import type { ArchiveHead } from './archive.ts';

export type ServerFacts = {
  readonly major: number;
  readonly version: string;
  readonly isReplica: boolean;
  readonly isEncrypted: boolean;
  readonly isSuperuser: boolean;
};

export type DatabaseEntry = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly mayConnect: boolean;
};

/** One that can be connected to, to ask about all the others. */
const usualDatabase = 'postgres';

export async function openServer(
  settings: PostgresSettings,
  signal: AbortSignal,
  connectTimeoutMs?: number,
): Promise<{ readonly session: Session; readonly database: string }> {
  const candidates = [...settings.databases.slice(0, 1), usualDatabase, 'template1'];
  let failure: unknown;
  for (const database of new Set(candidates)) {
    const request = { address: settings.address, database, signal };
    try {
      const session = await openSession({
        ...request,
        ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      });
      return { session, database };
    } catch (error) {
      // Another one may be there, or let us in.
      if (!(error instanceof CoffreError) || (error.code !== 'SOURCE_MISSING' && error.code !== 'SOURCE_DENIED'))
        throw error;
      failure ??= error;
    }
  }
  throw failure;
}

/** @param databases of which the first is connected to, where it can be */
export function serverAt(address: PostgresAddress, databases: readonly string[] = []): PostgresSettings {
  const nothing = { databases, excludeDatabases: [], dumpArguments: [], parallelOverBytes: 0, jobs: 1 };
  return { name: 'target', address, sumsContent: false, ...nothing };
}

export async function serverFacts(session: Session): Promise<ServerFacts> {
  const [row] = await session.rows(`
    SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version,
      pg_is_in_recovery() AS replica, coalesce((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false) AS super`);
  const number = Number(row?.['number']);
  return {
    major: Math.floor(number / 10_000),
    version: row?.['version']?.split(' ')[0] ?? '',
    isReplica: isTrue(row?.['replica']),
    isEncrypted: session.isEncrypted,
    isSuperuser: isTrue(row?.['super']),
  };
}

export function isTrue(text: string | null | undefined): boolean {
  return text === 't' || text === 'true';
}

/** Those that the settings mean. @throws {CoffreError} SOURCE_MISSING when one that was named is not there */
export async function databasesOf(session: Session, settings: PostgresSettings): Promise<DatabaseEntry[]> {
  const rows = await session.rows(`
    SELECT datname AS name, has_database_privilege(oid, 'CONNECT') AS may,
      CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) ELSE 0 END AS size,
      ${isOfLoad('datname')} AS made
    FROM pg_database WHERE datallowconn AND NOT datistemplate AND datconnlimit <> -2 ORDER BY datname COLLATE "C"`);
  const found = rows.map((row) => ({
    name: row['name']!,
    sizeBytes: Number(row['size']),
    mayConnect: isTrue(row['may']),
    isOfLoad: isTrue(row['made']),
  }));
  const { databases, excludeDatabases } = settings;
  const missing = databases.filter((name) => !found.some((one) => one.name === name));
  if (missing.length > 0) {
    throw new CoffreError(
      'SOURCE_MISSING',
      `there is no database ${missing.map((name) => JSON.stringify(name)).join(', ')}`,
      {
        hint: `PostgreSQL at ${showAddress(settings.address)} has ${found.map(({ name }) => name).join(', ') || 'none'}. Nothing was saved.`,
      },
    );
  }
  const meant = found.filter(
    ({ name, isOfLoad: isMade }) =>
      (databases.length === 0 ? !isMade : databases.includes(name)) && !excludeDatabases.includes(name),
  );
  if (meant.length > 0) return meant;
  throw new CoffreError('SOURCE_MISSING', 'no database is left to save', {
    hint: 'Look at `databases` and `exclude_databases` of the source. Nothing was saved.',
  });
}

export type Looked = {
  readonly facts: Facts;
  readonly properties: Row;
  readonly own: OwnProperties;
  readonly major: number;
};

/** Of the database of the session. */
export async function lookAtDatabase(session: Session, request: FactsRequest): Promise<Looked> {
  const { major } = await serverFacts(session);
  const provider = major >= 15 ? 'd.datlocprovider' : "'c'";
  const locale = major >= 17 ? 'd.datlocale' : major >= 15 ? 'd.daticulocale' : 'NULL';
  const [properties] = await session.rows(`
    SELECT d.datname AS name, pg_get_userbyid(d.datdba) AS owner, pg_encoding_to_char(d.encoding) AS encoding,
      d.datcollate AS collate, d.datctype AS ctype, ${provider} AS provider, ${locale} AS locale,
      pg_database_size(d.oid) AS size
    FROM pg_database d WHERE d.datname = current_database()`);
  const facts = await factsOf(session, request);
  return { facts, properties: properties ?? {}, own: await ownPropertiesOf(session), major };
}

const providers: Readonly<Record<string, DatabaseTruth['localeProvider']>> = { c: 'libc', i: 'icu', b: 'builtin' };

/** @param path of the archive; null when nothing was saved */
export function truthOfDatabase(
  { facts, properties, own, major }: Looked,
  saved: {
    readonly path: string | null;
    readonly format?: DatabaseTruth['format'];
    readonly head: ArchiveHead | undefined;
  },
): DatabaseTruth {
  const part: SavedPart =
    saved.head === undefined
      ? { ...facts, sequences: [...facts.sequences].map(([name, value]) => ({ name, value })) }
      : savedPart(facts, saved.head);
  return {
    name: properties['name']!,
    path: saved.path,
    format: saved.format ?? 'custom',
    serverMajor: major,
    sizeBytes: Number(properties['size']),
    owner: properties['owner']!,
    encoding: properties['encoding']!,
    collate: properties['collate']!,
    ctype: properties['ctype']!,
    localeProvider: providers[properties['provider']!] ?? 'libc',
    locale: properties['locale'] ?? null,
    ...own,
    extensions: { ...part.extensions },
    roles: [...part.roles],
    largeObjects: part.largeObjects,
    relations: part.relations.map((one) => ({ ...one })),
    objects: part.objects.map((one) => ({ ...one })),
    sequences: [...part.sequences],
  };
}
