import { isSocket, type PostgresAddress } from './settings.ts';

/** An address that programs of PostgreSQL and drivers understand. Without a password: it is shown. */
export function addressUrl(address: PostgresAddress, database: string): string {
  const { host, port, user, tls } = address;
  const login = user === undefined ? '' : `${encodeURIComponent(user)}@`;
  const name = encodeURIComponent(database);
  if (isSocket(address)) {
    return `postgres://${login}localhost/${name}?host=${encodeURIComponent(host)}&port=${port}`;
  }
  const place = host.includes(':') ? `[${host}]` : host;
  const modes = { off: 'disable', prefer: undefined, require: 'require', verify: 'verify-full' };
  return `postgres://${login}${place}:${port}/${name}${modes[tls] === undefined ? '' : `?sslmode=${modes[tls]}`}`;
}
