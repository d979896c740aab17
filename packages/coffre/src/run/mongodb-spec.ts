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
  { connect, parallelOverBytes, jobs, dumpArguments }: DumpSettings,
  { secrets, doors }: Parts,
): Promise<MongodbSettings> {
  if (connect.service !== undefined || parallelOverBytes !== undefined || jobs !== undefined) {
    throw new CoffreError('USAGE', `${name}: MongoDB knows no services, and its dumps are one stream`, {
      hint: 'Leave out `service`, `parallel_over` and `jobs`.',
    });
  }
  const said = async (text: Confidential | undefined): Promise<string | undefined> =>
    text === undefined ? undefined : await resolveText(text, secrets, doors);
  const { host, port, socket, user, tls, caFile, databases, excludeDatabases } = connect;
  const [url, password] = [await said(connect.url), await said(connect.password)];
  return { name, url, host, port, socket, user, password, tls, caFile, databases, excludeDatabases, dumpArguments };
}
