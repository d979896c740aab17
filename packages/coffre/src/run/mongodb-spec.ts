/** A configured MongoDB source with its secrets read. */
import { CoffreError } from '@coffre/repository';
import type { Config, DumpSettings } from '../config/config.ts';
import { resolveText, type SecretDoors } from '../config/read/secrets.ts';
import type { Confidential } from '../config/schema/leaf.ts';
import type { MongodbSettings } from '../source/mongodb/mongodb.ts';

type Parts = { readonly secrets: Config['secrets']; readonly doors: SecretDoors };

/** @throws {CoffreError} SECRET_UNAVAILABLE, USAGE */
export async function mongodbSettings(
  name: string,
  { connect, dumpArguments, scratch }: Pick<DumpSettings, 'connect' | 'dumpArguments' | 'scratch'>,
  { secrets, doors }: Parts,
): Promise<MongodbSettings> {
  if (connect.service !== undefined) {
    throw new CoffreError('USAGE', `${name}: MongoDB knows no services`, { hint: 'Leave out `service`.' });
  }
  const said = async (text: Confidential | undefined): Promise<string | undefined> =>
    text === undefined ? undefined : await resolveText(text, secrets, doors);
  const { host, port, socket, user, tls, caFile, databases, excludeDatabases } = connect;
  const [url, password] = [await said(connect.url), await said(connect.password)];
  const address = { url, host, port, socket, user, password, tls, caFile };
  const other =
    typeof scratch === 'string'
      ? { private: undefined, same_server: address }[scratch]
      : { ...scratch, url: await said(scratch.url), password: await said(scratch.password) };
  return { name, ...address, databases, excludeDatabases, dumpArguments, scratch: other };
}
