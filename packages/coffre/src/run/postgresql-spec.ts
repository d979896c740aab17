/** A configured PostgreSQL source with its address put together: URL, entry of pg_service.conf, or single parts. */
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import type { Config, DumpSettings, ServerAddress } from '../config/config.ts';
import { resolveText, type SecretDoors } from '../config/read/secrets.ts';
import { readService } from '../source/postgresql/service-file.ts';
import {
  addressOf,
  readUrl,
  usualJobs,
  usualParallelOverBytes,
  type PostgresAddress,
  type PostgresSettings,
} from '../source/postgresql/settings.ts';

type Parts = { readonly secrets: Config['secrets']; readonly doors: SecretDoors };
type Placed = { readonly address: PostgresAddress; readonly database: string | undefined };

/** @throws {CoffreError} SECRET_UNAVAILABLE, SOURCE_MISSING, USAGE */
export async function postgresSettings(name: string, source: DumpSettings, parts: Parts): Promise<PostgresSettings> {
  const { connect, parallelOverBytes, jobs, dumpArguments, sumsContent } = source;
  const { address, database } = await placeOf(connect, parts);
  return {
    name,
    // Of the environment, as libpq takes it, so that our own connection and the tools agree.
    address: { ...address, password: address.password ?? parts.doors.environment['PGPASSWORD'] },
    databases: connect.databases.length > 0 || database === undefined ? connect.databases : [database],
    excludeDatabases: connect.excludeDatabases,
    parallelOverBytes: parallelOverBytes ?? usualParallelOverBytes,
    jobs: jobs ?? usualJobs,
    dumpArguments,
    sumsContent,
  };
}

/** What is written beside a URL or a service counts more than what is in it. */
async function placeOf(connect: ServerAddress, { secrets, doors }: Parts): Promise<Placed> {
  const resolve = async (text: ServerAddress['url']): Promise<string | undefined> =>
    text === undefined ? undefined : await resolveText(text, secrets, doors);
  const [url, password] = [await resolve(connect.url), await resolve(connect.password)];
  const { socket, host, port, user, tls, caFile } = connect;
  const said = defined({ socket, host, port, user, password, tls, caFile });
  if (url !== undefined) {
    const { address, database } = readUrl(url);
    return { address: addressOf({ ...address, ...said }), database };
  }
  if (connect.service === undefined) return { address: addressOf(said), database: undefined };
  const { parts, database } = readService(await serviceText(doors), connect.service);
  return { address: addressOf({ ...parts, ...said }), database };
}

function defined<T extends object>(parts: T): Partial<T> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Where libpq looks. */
async function serviceText({ environment, readFile }: SecretDoors): Promise<string> {
  const { PGSERVICEFILE, PGSYSCONFDIR, HOME } = environment;
  const places = [
    ...(PGSERVICEFILE === undefined ? [] : [PGSERVICEFILE]),
    ...(HOME === undefined ? [] : [join(HOME, '.pg_service.conf')]),
    join(PGSYSCONFDIR ?? '/etc/postgresql-common', 'pg_service.conf'),
  ];
  const texts: string[] = [];
  for (const place of places) {
    try {
      texts.push(Buffer.from(await readFile(place)).toString('utf8'));
    } catch {
      // The next one may be there.
    }
  }
  if (texts.length > 0) return texts.join('\n');
  throw new CoffreError('SOURCE_MISSING', 'there is no pg_service.conf', { hint: `Looked for ${places.join(', ')}.` });
}
