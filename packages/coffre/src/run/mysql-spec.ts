/** A configured MySQL or MariaDB source with its address put together: URL, group of an option file, or single parts. */
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import type { DumpSettings, ServerAddress } from '../config/config.ts';
import type { SecretDoors } from '../config/read/secrets.ts';
import { readOptionGroup } from '../source/mysql/option-file.ts';
import { addressOf, readUrl, type AddressParts, type MysqlSettings } from '../source/mysql/settings.ts';
import { defined, serverWords, type SecretParts } from './server-words.ts';

type Found = { readonly parts: AddressParts; readonly database: string | undefined };

/** @throws {CoffreError} SECRET_UNAVAILABLE, SOURCE_MISSING, USAGE */
export async function mysqlSettings(name: string, source: DumpSettings, outside: SecretParts): Promise<MysqlSettings> {
  const { connect, dumpArguments } = source;
  const { parts, database } = await partsOf(connect, outside);
  return {
    name,
    address: addressOf(parts),
    databases: connect.databases.length > 0 || database === undefined ? connect.databases : [database],
    excludeDatabases: connect.excludeDatabases,
    dumpArguments,
  };
}

/** What is written beside a URL or a group counts more than what is in it. */
async function partsOf(connect: ServerAddress, outside: SecretParts): Promise<Found> {
  const { url, said } = await serverWords(connect, outside);
  if (url !== undefined) {
    const { address, database } = readUrl(url);
    const { place, ...rest } = address;
    return { parts: { ...rest, ...place, ...said }, database };
  }
  const group = connect.service === undefined ? {} : await groupParts(connect.service, outside.doors);
  return { parts: { ...group, ...said }, database: undefined };
}

/** Where the clients look; later files say the last word. */
async function groupParts(group: string, { environment, readFile }: SecretDoors): Promise<AddressParts> {
  const { HOME } = environment;
  const places = ['/etc/my.cnf', '/etc/mysql/my.cnf', ...(HOME === undefined ? [] : [join(HOME, '.my.cnf')])];
  const found: AddressParts[] = [];
  for (const place of places) {
    const text = await readFile(place).then(
      (bytes) => Buffer.from(bytes).toString('utf8'),
      () => undefined,
    );
    const parts = text === undefined ? undefined : readOptionGroup(text, group);
    if (parts !== undefined) found.push(defined(parts));
  }
  if (found.length > 0) return Object.assign({}, ...found) as AddressParts;
  throw new CoffreError('SOURCE_MISSING', `no option file has a group ${JSON.stringify(group)}`, {
    hint: `Looked in ${places.join(', ')}.`,
  });
}
