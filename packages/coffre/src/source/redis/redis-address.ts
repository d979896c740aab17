/** `redis://user:password@host:port`, `rediss://…` with TLS, `unix:///path/of/socket`. Pure. */
import { CoffreError } from '@coffre/repository';
import type { RedisAddress } from './redis-connection.ts';

export const usualPort = 6379;

/** @throws {CoffreError} USAGE, without the text, which may hold a password */
export function parseAddress(text: string): RedisAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw unusable();
  }
  const { protocol, hostname, port, pathname } = url;
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (protocol === 'unix:' || protocol === 'redis+socket:') {
    return { place: { kind: 'socket', path: decodeURIComponent(pathname) }, user, password, tls: undefined };
  }
  if ((protocol !== 'redis:' && protocol !== 'rediss:') || hostname === '') throw unusable();
  return {
    place: { kind: 'host', host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usualPort : Number(port) },
    user,
    password,
    tls: protocol === 'rediss:' ? { verifies: true, caFile: undefined } : undefined,
  };
}

function decoded(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text);
}

function unusable(): CoffreError {
  return new CoffreError('USAGE', 'the address of a Redis server cannot be understood', {
    hint: 'Write redis://host:port, rediss://host:port for TLS, or unix:///path/of/socket.',
  });
}
