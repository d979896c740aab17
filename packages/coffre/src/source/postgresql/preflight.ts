/** What can be known before a byte is read. */
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import type { Preflight, SourceContext, Verification } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { abandonedLines } from './abandoned.ts';
import { obstaclesIn } from './rights.ts';
import { databasesOf, openServer, serverFacts, type ServerFacts } from './server.ts';
import { openSession, type Session } from './session.ts';
import { checkDumpArguments, isSocket, showAddress, type PostgresSettings } from './settings.ts';
import { toolsFor } from './tools.ts';
import type { PostgresTruth } from './truth.ts';

const namedMax = 5;

/** @throws {CoffreError} SOURCE_UNREACHABLE, SOURCE_MISSING, SOURCE_DENIED, SOURCE_TOOL_MISSING, USAGE */
export async function preflight(
  settings: PostgresSettings,
  context: SourceContext,
  last: PostgresTruth | undefined,
): Promise<Preflight> {
  streamFolder(settings.name);
  checkDumpArguments(settings.dumpArguments);
  const { session } = await openServer(settings, context.signal);
  await using _session = session;
  const server = await serverFacts(session);
  await toolsFor(context, server.major);
  const databases = await databasesOf(session, settings);
  const closed = databases.filter(({ mayConnect }) => !mayConnect).map(({ name }) => name);
  if (closed.length > 0) {
    throw new CoffreError('SOURCE_DENIED', `the user may not connect to ${listed(closed)}`, {
      hint: 'GRANT CONNECT ON DATABASE … TO the user, or leave it out with exclude_databases.',
    });
  }
  const warnings = [...serverWarnings(settings, server), ...(await abandonedLines(session))];
  for (const { name } of databases) {
    await using inside = await openSession({ address: settings.address, database: name, signal: context.signal });
    await refuseUnreadable(inside, name, settings);
    warnings.push(...(await databaseWarnings(inside, name, server)));
  }
  for (const { name } of last?.databases ?? []) {
    if (databases.some((one) => one.name === name)) continue;
    warnings.push(`database ${JSON.stringify(name)} was in the last backup and is not there any more`);
  }
  return { warnings, sizeBytes: databases.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}

function serverWarnings({ address }: PostgresSettings, server: ServerFacts): string[] {
  const isHere = isSocket(address) || address.host === 'localhost' || /^(127\.|::1$)/.test(address.host);
  return [
    ...(server.isSuperuser ? [] : ['roles are saved without their passwords: only a superuser may read them']),
    ...(isHere || server.isEncrypted ? [] : ['the connection is not encrypted; `tls: require` demands it']),
  ];
}

/** Where options choose what is saved, pg_dump itself says what it may not read of that. */
async function refuseUnreadable(session: Session, name: string, { dumpArguments }: PostgresSettings): Promise<void> {
  if (dumpArguments.length > 0) return;
  const { tables, filtered, largeObjects } = await obstaclesIn(session);
  const shown = JSON.stringify(name);
  if (tables.length > 0) {
    throw new CoffreError('SOURCE_DENIED', `in ${shown} the user may not read ${listed(tables)}`, {
      hint: 'GRANT pg_read_all_data TO the user (PostgreSQL 14 and newer), or use the owner of the tables. Nothing was saved.',
    });
  }
  if (filtered.length > 0) {
    throw new CoffreError('SOURCE_DENIED', `in ${shown} row-level security hides rows of ${listed(filtered)}`, {
      hint: 'ALTER ROLE … BYPASSRLS lets the user see all of them, as a backup must. Nothing was saved.',
    });
  }
  if (largeObjects > 0) {
    throw new CoffreError('SOURCE_DENIED', `in ${shown} the user may not read ${largeObjects} large objects`, {
      hint: 'Make the user a member of their owner, or leave all of them out with `options: [--no-blobs]`. Nothing was saved.',
    });
  }
}

/** What restores elsewhere need, or what a dump cannot hold. */
async function databaseWarnings(session: Session, name: string, server: ServerFacts): Promise<string[]> {
  const warnings: string[] = [];
  if (server.isReplica) {
    const [row] = await session.rows(
      "SELECT count(*) AS count FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'",
    );
    if (row?.['count'] !== '0') {
      warnings.push(`${name}: ${row?.['count']} unlogged tables have no rows on a replica, and are saved empty`);
    }
  }
  const foreign = await session.rows("SELECT extname AS name FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1");
  const absent = foreign.map((row) => row['name']!).filter((one) => !contributed.has(one));
  if (absent.length > 0) {
    warnings.push(`${name}: whoever restores it needs the extensions ${listed(absent)} installed on that server`);
  }
  return warnings;
}

/** Come with PostgreSQL itself. */
const contributed = new Set(
  (
    'adminpack amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw ' +
    'fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache ' +
    'pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks ' +
    'pgstattuple postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp xml2'
  ).split(' '),
);

export function listed(names: readonly string[]): string {
  const more = names.length - namedMax;
  return `${names.slice(0, namedMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const quickTimeoutMs = 4000;

/** Under five seconds, also when the server does not answer. */
export async function quickCheck(settings: PostgresSettings, context: SourceContext): Promise<Verification> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(quickTimeoutMs)]);
  try {
    const { session } = await openServer(settings, signal, quickTimeoutMs);
    await using _session = session;
    const server = await serverFacts(session);
    const databases = await databasesOf(session, settings);
    for (const { name } of databases) {
      await using inside = await openSession({ address: settings.address, database: name, signal });
      await inside.rows('SELECT count(*) FROM pg_class');
    }
    const tools = await toolsFor(context, server.major);
    const replica = server.isReplica ? ', a replica' : '';
    return {
      passed: ['open'],
      proved: [
        `PostgreSQL ${server.version}${replica} answers at ${showAddress(settings.address)}`,
        `${databases.length} ${databases.length === 1 ? 'database opens' : 'databases open'}`,
        `pg_dump ${tools.version} fits`,
      ],
      differences: [],
    };
  } catch (error) {
    context.signal.throwIfAborted();
    if (signal.aborted) return failedCheck(`PostgreSQL at ${showAddress(settings.address)} does not answer in time`);
    if (!isCoffreError(error)) throw error;
    return failedCheck(messageOf(error));
  }
}

function failedCheck(why: string): Verification {
  return { passed: [], proved: [], differences: [why] };
}
