/** An entry of pg_service.conf. Pure. */
import { CoffreError } from '@coffre/repository';
import { readSslMode } from './settings.ts';
import type { AddressParts } from './settings.ts';

/** @throws {CoffreError} SOURCE_MISSING when there is no such entry */
export function readService(
  text: string,
  name: string,
): { readonly parts: AddressParts; readonly database: string | undefined } {
  const values = new Map<string, string>();
  let section: string | undefined;
  let found = false;
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    if (trimmed.startsWith('[')) {
      section = trimmed.slice(1, trimmed.indexOf(']') === -1 ? undefined : trimmed.indexOf(']'));
      found ||= section === name;
    } else if (section === name) {
      const at = trimmed.indexOf('=');
      if (at > 0) values.set(trimmed.slice(0, at).trim(), trimmed.slice(at + 1).trim());
    }
  }
  if (!found) {
    throw new CoffreError('SOURCE_MISSING', `pg_service.conf has no entry ${JSON.stringify(name)}`, {
      hint: 'Write it there, or give host and user in the configuration.',
    });
  }
  const port = values.get('port');
  return {
    parts: {
      host: values.get('host'),
      port: port === undefined ? undefined : Number(port),
      user: values.get('user'),
      password: values.get('password'),
      tls: readSslMode(values.get('sslmode')),
      caFile: values.get('sslrootcert'),
    },
    database: values.get('dbname'),
  };
}
