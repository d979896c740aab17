/** A configured PostgreSQL source with its address put together: URL, entry of pg_service.conf, or single parts. */
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import type { DumpSettings, ServerAddress } from '../config/config.ts';
import type { SecretDoors } from '../config/read/secrets.ts';
import { readService } from '../source/postgresql/service-file.ts';
import {
  addressOf,
  readUrl,
  usualParallelOverBytes,
  type PostgresAddress,
  type PostgresSettings,
} from '../source/postgresql/settings.ts';
import { serverWords, type SecretParts } from './server-words.ts';

type Placed = { readonly address: PostgresAddress; readonly database: string | undefined };

/** @throws {CoffreError} SECRET_UNAVAILABLE, SOURCE_MISSING, USAGE */
export async function postgresSettings(
  name: string,
  source: DumpSettings,
  parts: SecretParts,
): Promise<PostgresSettings> {
  const { connect, parallelOverBytes, jobs, dumpArguments, sumsContent } = source;
  const { address, database } = await placeOf(connect, parts);
  return {
    name,
    // Of the environment, as libpq takes it, so that our own connection and the tools agree.
    address: { ...address, password: address.password ?? parts.doors.environment['PGPASSWORD'] },
    databases: connect.databases.length > 0 || database === undefined ? connect.databases : [database],
    excludeDatabases: connect.excludeDatabases,
    parallelOverBytes: parallelOverBytes ?? usualParallelOverBytes,
    jobs,
    dumpArguments,
    sumsContent,
  };
}

/** What is written beside a URL or a service counts more than what is in it. */
async function placeOf(connect: ServerAddress, outside: SecretParts): Promise<Placed> {
  const { url, said } = await serverWords(connect, outside);
  if (url !== undefined) {
    const { address, database } = readUrl(url);
    return { address: addressOf({ ...address, ...said }), database };
  }
  if (connect.service === undefined) return { address: addressOf(said), database: undefined };
  const { parts, database } = readService(await serviceText(outside.doors), connect.service);
  return { address: addressOf({ ...parts, ...said }), database };
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
