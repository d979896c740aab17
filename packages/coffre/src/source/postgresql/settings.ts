/** How a PostgreSQL server is reached, and what of it is saved. */
import { CoffreError } from '@coffre/repository';

export type Tls = 'off' | 'prefer' | 'require' | 'verify';

export type PostgresAddress = {
  /** A name, or the folder of the socket. */
  readonly host: string;
  readonly port: number;
  /** Undefined: the name of the user of the system. */
  readonly user: string | undefined;
  /** Undefined: `.pgpass`, or none is asked for. */
  readonly password: string | undefined;
  readonly tls: Tls;
  readonly caFile: string | undefined;
};

export type PostgresSettings = {
  readonly name: string;
  readonly address: PostgresAddress;
  /** None means all that allow connections. */
  readonly databases: readonly string[];
  readonly excludeDatabases: readonly string[];
  /** Larger databases are dumped by several processes, into files. */
  readonly parallelOverBytes: number;
  /** Undefined: two for a dump, which others work beside; as many as this machine has cores, up to eight, for a load. */
  readonly jobs: number | undefined;
  /** Of pg_dump; only those that choose what is saved. */
  readonly dumpArguments: readonly string[];
  /** Also a sum over the content of every table, which reads as much again. */
  readonly sumsContent: boolean;
};

export const usualParallelOverBytes = 20 * 2 ** 30;
export const usualJobs = 2;
const usualPort = 5432;
export const usualSocketFolder = '/var/run/postgresql';

export type AddressParts = {
  readonly socket?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: Tls | undefined;
  readonly caFile?: string | undefined;
};

export function addressOf(parts: AddressParts): PostgresAddress {
  const socket = parts.socket === undefined ? undefined : readSocket(parts.socket);
  return {
    host: parts.host ?? socket?.folder ?? usualSocketFolder,
    port: parts.port ?? socket?.port ?? usualPort,
    user: parts.user,
    password: parts.password,
    tls: parts.tls ?? 'prefer',
    caFile: parts.caFile,
  };
}

/** The folder, or `FOLDER/.s.PGSQL.PORT` itself. */
function readSocket(path: string): { folder: string; port: number | undefined } {
  const match = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(path);
  return match === null ? { folder: path, port: undefined } : { folder: match[1] || '/', port: Number(match[2]) };
}

export function isSocket({ host }: PostgresAddress): boolean {
  return host.startsWith('/');
}

/** For people: never a password. */
export function showAddress(address: PostgresAddress): string {
  const user = address.user === undefined ? '' : `${address.user}@`;
  return isSocket(address) ? `${user}${address.host} port ${address.port}` : `${user}${address.host}:${address.port}`;
}

/** `postgres://USER:PASSWORD@HOST:PORT/DATABASE?host=/socket/folder&sslmode=require`. */
export function readUrl(text: string): { readonly address: PostgresAddress; readonly database: string | undefined } {
  const url = parseUrl(text);
  const query = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  const decoded = (part: string): string | undefined => (part === '' ? undefined : decodeURIComponent(part));
  const port = query('port') ?? (url.port === '' ? undefined : url.port);
  const address = addressOf({
    host: query('host') ?? decoded(url.hostname.replace(/^\[(.*)\]$/, '$1')),
    port: port === undefined ? undefined : Number(port),
    user: query('user') ?? decoded(url.username),
    password: query('password') ?? decoded(url.password),
    tls: readSslMode(query('sslmode')),
    caFile: query('sslrootcert'),
  });
  return { address, database: query('dbname') ?? decoded(url.pathname.slice(1)) };
}

export function isUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//.test(text);
}

/**
 * The target with the password of PGPASSWORD, as libpq takes it, where it is an address without one: so nobody has to write
 * it among words that everybody can read. Other targets as they are.
 */
export function withPassword(target: string, password: string | undefined): string {
  if (password === undefined || !isUrl(target) || readUrl(target).address.password !== undefined) return target;
  return `${target}${target.includes('?') ? '&' : '?'}password=${encodeURIComponent(password)}`;
}

function parseUrl(text: string): URL {
  // libpq allows a user without a host; URLs do not.
  const whole = text.replace(/^(postgres(?:ql)?:\/\/[^/?#]*@)(?=[/?#]|$)/, '$1localhost');
  const url = isUrl(text) ? URL.parse(whole) : null;
  if (url !== null) return url;
  throw new CoffreError('USAGE', 'the address of the server is no URL of PostgreSQL', {
    hint: 'Write postgres://USER@HOST:PORT/DATABASE, and %-escapes for what is special in names.',
  });
}

export function readSslMode(mode: string | undefined): Tls | undefined {
  switch (mode) {
    case undefined:
      return undefined;
    case 'disable':
      return 'off';
    case 'allow':
    case 'prefer':
      return 'prefer';
    case 'require':
      return 'require';
    case 'verify-ca':
    case 'verify-full':
      return 'verify';
    default:
      throw new CoffreError('USAGE', `sslmode=${mode} is unknown`, {
        hint: 'It is disable, prefer, require or verify-full.',
      });
  }
}

/** Options that choose what is saved; everything else about the dump is ours. */
const allowedArguments = new Set(
  [
    '-n --schema -N --exclude-schema -t --table -T --exclude-table --exclude-table-data -e --extension',
    '--exclude-extension --table-and-children --exclude-table-and-children --exclude-table-data-and-children',
    '-b --blobs --large-objects -B --no-blobs --no-large-objects -O --no-owner -x --no-privileges --no-acl',
    '--no-comments --no-publications --no-subscriptions --no-security-labels --no-tablespaces --no-policies',
    '--no-toast-compression --no-unlogged-table-data --include-foreign-data --enable-row-security --role --strict-names',
    '--load-via-partition-root --lock-wait-timeout --no-statistics --statistics --no-table-access-method',
  ].flatMap((line) => line.split(' ')),
);

/** @throws {CoffreError} USAGE */
export function checkDumpArguments(words: readonly string[]): void {
  for (const word of words) {
    const option = word.startsWith('--') ? word.split('=')[0]! : word.startsWith('-') ? word.slice(0, 2) : undefined;
    if (option === undefined || allowedArguments.has(option)) continue;
    throw new CoffreError('USAGE', `pg_dump cannot be given ${JSON.stringify(option)} here`, {
      hint: 'Options may choose what is saved, as --exclude-table-data=PATTERN; how it is written is decided already.',
    });
  }
}
