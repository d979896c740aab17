/** How a MySQL or MariaDB server is reached, and what of it is saved. Pure. */
import { isIP } from 'node:net';
import { CoffreError } from '@coffre/repository';

export type Tls = 'off' | 'prefer' | 'require' | 'verify';

export type MysqlAddress = {
  readonly place: { readonly socket: string } | { readonly host: string; readonly port: number };
  /** Undefined: the name of the user of the system. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: Tls;
  readonly caFile: string | undefined;
};

/** What becomes of the users in whose name views, routines, triggers and events run. */
export type Definer = 'keep' | 'current';

export type MysqlSettings = {
  readonly name: string;
  readonly address: MysqlAddress;
  /** None means all but those of the server itself. */
  readonly databases: readonly string[];
  readonly excludeDatabases: readonly string[];
  /** Of the dump program; only those that choose what is saved. */
  readonly dumpArguments: readonly string[];
};

export type AddressParts = {
  /** The socket, or the folder it is in. */
  readonly socket?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: Tls | undefined;
  readonly caFile?: string | undefined;
};

const usualPort = 3306;
const usualSocket = '/run/mysqld/mysqld.sock';

/**
 * As the clients of the engine understand it: no host, or `localhost` without a port, is the socket.
 * @throws {CoffreError} USAGE
 */
export function addressOf(parts: AddressParts): MysqlAddress {
  const { socket, host, port, user, password, caFile } = parts;
  const isLocal = host === undefined || (host === 'localhost' && port === undefined);
  const place =
    socket !== undefined
      ? { socket: socket.endsWith('.sock') ? socket : `${socket.replace(/\/$/, '')}/mysqld.sock` }
      : isLocal && port === undefined
        ? { socket: usualSocket }
        : { host: host ?? '127.0.0.1', port: port ?? usualPort };
  const tls = parts.tls ?? ('socket' in place ? 'off' : 'prefer');
  if (tls === 'verify' && 'host' in place && isIP(place.host) !== 0) {
    throw new CoffreError('USAGE', `a certificate cannot be checked for the address ${place.host}`, {
      hint: 'Give the host by the name that is in its certificate.',
    });
  }
  return { place, user, password, tls, caFile };
}

/** For people: never a password. */
export function showAddress({ place, user }: MysqlAddress): string {
  const who = user === undefined ? '' : `${user}@`;
  return 'socket' in place ? `${who}${place.socket}` : `${who}${place.host}:${place.port}`;
}

export type ReadUrl = {
  readonly address: MysqlAddress;
  readonly database: string | undefined;
  readonly definer: Definer | undefined;
  /** An option file with user and password. */
  readonly loginFile: string | undefined;
};

/** `mysql://USER:PASSWORD@HOST:PORT/DATABASE?socket=PATH&tls=verify&definer=current`; also `mariadb://`. */
export function readUrl(text: string): ReadUrl {
  // Clients allow a user without a host; URLs do not.
  const hosted = text.replace(/^((?:mysql|mariadb):\/\/(?:[^/?#]*@)?)(?=[/?#]|$)/, '$1localhost');
  const url = isUrl(text) ? URL.parse(hosted) : null;
  if (url === null) throw badUrl('the address of the server is no URL of MySQL');
  const query = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  for (const name of url.searchParams.keys()) {
    if (!['socket', 'tls', 'ca', 'definer', 'login'].includes(name))
      throw badUrl(`${name} is no option of a MySQL address`);
  }
  const decoded = (part: string): string | undefined => (part === '' ? undefined : decodeURIComponent(part));
  const address = addressOf({
    socket: query('socket'),
    host: decoded(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: url.port === '' ? undefined : Number(url.port),
    user: decoded(url.username),
    password: decoded(url.password),
    tls: word('tls', query('tls'), ['off', 'prefer', 'require', 'verify']),
    caFile: query('ca'),
  });
  const definer = word('definer', query('definer'), ['keep', 'current']);
  return { address, database: decoded(url.pathname.slice(1)), definer, loginFile: query('login') };
}

export function isUrl(text: string): boolean {
  return /^(mysql|mariadb):\/\//.test(text);
}

function word<const Word extends string>(
  name: string,
  value: string | undefined,
  words: readonly Word[],
): Word | undefined {
  const found = words.find((one) => one === value);
  if (value === undefined || found !== undefined) return found;
  throw badUrl(`${name}=${value} is unknown: it is ${words.join(', ')}`);
}

function badUrl(why: string): CoffreError {
  return new CoffreError('USAGE', why, {
    hint: 'Write mysql://USER@HOST:PORT/DATABASE?tls=verify or mysql:///DATABASE?socket=PATH, with %-escapes in names.',
  });
}

export type LeftOut = {
  /** Not saved at all. */
  readonly tables: ReadonlySet<string>;
  /** Saved without their rows. */
  readonly rows: ReadonlySet<string>;
};

/**
 * `DATABASE.TABLE` of the options that choose what is saved; everything else about the dump is ours.
 * @throws {CoffreError} USAGE
 */
export function readDumpArguments(words: readonly string[]): LeftOut {
  const tables = new Set<string>();
  const rows = new Set<string>();
  for (const one of words) {
    const [, option, value = ''] = /^--(ignore-table|ignore-table-data)=(.+)$/s.exec(one) ?? [];
    if (option === undefined || !value.includes('.')) {
      throw new CoffreError('USAGE', `the dump program cannot be given ${JSON.stringify(one)} here`, {
        hint: 'It may be --ignore-table=DATABASE.TABLE or --ignore-table-data=DATABASE.TABLE; the rest is decided already.',
      });
    }
    (option === 'ignore-table' ? tables : rows).add(value);
  }
  return { tables, rows };
}
