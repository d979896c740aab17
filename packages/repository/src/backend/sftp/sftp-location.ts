import { posix } from 'node:path';
import { CoffreError } from '../../errors.ts';

export type SftpLocation = {
  readonly kind: 'sftp';
  /** What follows `sftp:`, for messages; it holds no secret. */
  readonly address: string;
  readonly user?: string;
  /** A name of `~/.ssh/config` or a host; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port?: number;
  /** Without a leading slash it is relative to where the server puts us, mostly the home folder. */
  readonly path: string;
};

type Parts = { user?: string | undefined; host: string; port?: string | undefined; path: string };

/**
 * As restic writes them: `user@host:/srv/repo`, `host:relative`, `//user@host:2222//srv/repo` (two slashes after the
 * host begin an absolute path).
 * @param address what follows `sftp:`
 */
export function parseSftpLocation(address: string): SftpLocation {
  const { user, host, port, path } = address.startsWith('//') ? parseUrl(address.slice(2)) : parseShort(address);
  if (!/^[\p{L}\p{N}._:%][\p{L}\p{N}._:%-]*$/u.test(host))
    throw badAddress('the host of the sftp: address is no host name');
  if (user !== undefined && !/^[^\s:/][^\s:/]*$/.test(user))
    throw badAddress('the user of the sftp: address is no user name');
  if (/[\0\r\n]/.test(path)) throw badAddress('the path of the sftp: address contains a control character');
  if (path.startsWith('~')) {
    throw badAddress('the path of the sftp: address begins with ~, which servers take for a name');
  }
  return {
    kind: 'sftp',
    address,
    host,
    path: posix.normalize(path === '' ? '.' : path).replace(/(?<=.)\/$/, ''),
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port: parsePort(port) }),
  };
}

function parseShort(address: string): Parts {
  const bracketsEnd = /^[^:/]*\[[^\]]*\]/.exec(address)?.[0].length ?? 0;
  const colon = address.indexOf(':', bracketsEnd);
  if (colon < 0) throw badAddress('the sftp: address has no host and path');
  const login = address.slice(0, colon);
  const at = login.lastIndexOf('@');
  return {
    user: at < 0 ? undefined : login.slice(0, at),
    host: withoutBrackets(login.slice(at + 1)),
    path: address.slice(colon + 1),
  };
}

function parseUrl(text: string): Parts {
  const slash = text.indexOf('/');
  if (slash < 0) throw badAddress('the sftp:// address has no path');
  const [authority, path] = [text.slice(0, slash), text.slice(slash + 1)];
  if (/[?#]/.test(path)) {
    throw badAddress(
      'the sftp:// address has a ? or #',
      'Write %3F for ? and %23 for #, or use `sftp:user@host:/path`.',
    );
  }
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? undefined : decoded(authority.slice(0, at));
  if (user?.includes(':') === true) {
    throw badAddress(
      'the sftp:// address contains a password, which is not used',
      'Take it out, and log in with a key.',
    );
  }
  const match = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/.exec(authority.slice(at + 1));
  if (match === null) throw badAddress('the host of the sftp:// address cannot be read');
  const [, host = '', port] = match;
  return { user, host: withoutBrackets(host), port: port === '' ? undefined : port, path: decoded(path) };
}

function withoutBrackets(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badAddress('the sftp:// address has a % that is no escape', 'Write %25 for a % sign.');
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (port < 1 || port > 65_535) throw badAddress(`${text} is no port`);
  return port;
}

function badAddress(message: string, hint?: string): CoffreError {
  return new CoffreError('BACKEND_URL', message, {
    hint:
      hint ??
      'Write `sftp:user@host:/srv/repo`, `sftp:host:folder-in-the-home`, or `sftp://user@host:2222//srv/repo` (two slashes for an absolute path).',
  });
}
