/** A configured Redis source with its address put together: URL, socket or host, user, password, TLS. */
import { CoffreError } from '@coffre/repository';
import type { Config, ServerAddress } from '../config/config.ts';
import { resolveText, type SecretDoors } from '../config/read/secrets.ts';
import { parseAddress, usualPort } from '../source/redis/redis-address.ts';
import type { RedisAddress } from '../source/redis/redis-connection.ts';

type Parts = { readonly secrets: Config['secrets']; readonly doors: SecretDoors };

/** What is written beside a URL counts more than what is in it. @throws {CoffreError} SECRET_UNAVAILABLE, USAGE */
export async function redisAddress(connect: ServerAddress, { secrets, doors }: Parts): Promise<RedisAddress> {
  const { socket, host, port, user, service, databases, excludeDatabases } = connect;
  if (service !== undefined || databases.length > 0 || excludeDatabases.length > 0) {
    throw new CoffreError('USAGE', 'a Redis server has no services, and its databases are saved together', {
      hint: 'Leave out `service`, `database`, `databases` and `exclude_databases`.',
    });
  }
  const url = connect.url === undefined ? undefined : parseAddress(await resolveText(connect.url, secrets, doors));
  const password = connect.password === undefined ? undefined : await resolveText(connect.password, secrets, doors);
  const named = url?.place.kind === 'host' ? url.place : undefined;
  const place: RedisAddress['place'] =
    socket !== undefined
      ? { kind: 'socket', path: socket }
      : url?.place.kind === 'socket' && host === undefined
        ? url.place
        : { kind: 'host', host: host ?? named?.host ?? '127.0.0.1', port: port ?? named?.port ?? usualPort };
  return { place, user: user ?? url?.user, password: password ?? url?.password, tls: tlsOf(connect, url) };
}

function tlsOf({ tls, caFile }: ServerAddress, url: RedisAddress | undefined): RedisAddress['tls'] {
  switch (tls) {
    case undefined:
      return url?.tls === undefined ? undefined : { ...url.tls, caFile };
    case 'off':
      return undefined;
    case 'require':
      return { verifies: false, caFile };
    case 'verify':
      return { verifies: true, caFile };
    case 'prefer':
      throw new CoffreError('USAGE', 'a port of Redis speaks TLS or does not: `tls: prefer` cannot be', {
        hint: 'Write `verify`, `require` or `off`.',
      });
    default:
      return tls satisfies never;
  }
}
