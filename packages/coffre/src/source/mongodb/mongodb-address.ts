/** How a server is reached, as one connection string. Pure; the string holds the password and goes into files only. */
import { basename, dirname } from 'node:path';
import { CoffreError, messageOf } from '@coffre/repository';

export type MongodbAddress = {
  /** `mongodb://` or `mongodb+srv://`, instead of the single parts or beside user and password. */
  readonly url?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly socket?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: 'off' | 'prefer' | 'require' | 'verify' | undefined;
  readonly caFile?: string | undefined;
};

/** `mongodb` or `mongodb+srv`, user and password, hosts, database, options. `new URL` refuses several hosts. */
const shape = /^(mongodb(?:\+srv)?):\/\/(?:([^@/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/;

export type Connection = {
  /** With everything that is secret. */
  readonly uri: string;
  /** The same for the tools: their driver writes the path of a socket in small letters, so they start in its folder. */
  readonly tools: { readonly uri: string; readonly workingFolder: string | undefined };
  /** For people. */
  readonly shown: string;
  /** The one database that the address names. */
  readonly database: string | undefined;
  /** It goes to one server, and not to whichever member of its replica set is fit. */
  readonly namesOneServer: boolean;
  /** The same to one server of a replica set, its own when none is named; a service in DNS stays as it is. */
  directly(host?: string): Connection;
};

export function isMongodbUrl(text: string): boolean {
  return text.startsWith('mongodb://') || text.startsWith('mongodb+srv://');
}

/** Which member is meant by an address with several. */
const choosing = ['replicaSet', 'readPreference', 'readPreferenceTags', 'maxStalenessSeconds', 'loadBalanced'];

/** @throws {CoffreError} USAGE */
export function connectionOf(address: MongodbAddress): Connection {
  const url = address.url ?? `mongodb://${placeOf(address)}/`;
  const [, scheme = '', login, hosts = '', path = '', query = ''] = shape.exec(url) ?? [];
  if (hosts === '') {
    throw new CoffreError('USAGE', 'the address of the MongoDB server is not understood', {
      hint: 'It is written mongodb://HOST:PORT/ or mongodb://HOST1,HOST2/?replicaSet=NAME.',
    });
  }
  const database = path === '' ? undefined : decoded(path);
  const options = new URLSearchParams(query);
  const credentials = address.user === undefined ? login : credentialsOf(address.user, address.password);
  // The tools take the database of an address for the one to dump; here it only says where the login is kept.
  if (database !== undefined && credentials !== undefined && !options.has('authSource')) {
    options.set('authSource', database);
  }
  for (const [name, value] of tlsOptions(address)) if (!options.has(name)) options.set(name, value);
  const at = credentials === undefined ? '' : `${credentials}@`;
  const uriOf = (place: string, query: URLSearchParams): string =>
    `${scheme}://${at}${place}/${query.size === 0 ? '' : `?${query.toString()}`}`;
  // The tools take its milliseconds for seconds, and would wait hours for a server that is gone.
  const toolOptions = new URLSearchParams(options);
  toolOptions.delete('serverSelectionTimeoutMS');
  const socket = socketIn(hosts);
  const isDirect = options.get('directConnection') === 'true';
  return {
    namesOneServer: isDirect || (scheme === 'mongodb' && !hosts.includes(',') && !options.has('replicaSet')),
    directly(host = hosts) {
      if (isDirect || scheme !== 'mongodb') return connectionOf(address);
      const direct = new URLSearchParams(options);
      for (const name of choosing) direct.delete(name);
      direct.set('directConnection', 'true');
      return connectionOf({ url: uriOf(host, direct) });
    },
    uri: uriOf(hosts, options),
    tools:
      socket === undefined
        ? { uri: uriOf(hosts, toolOptions), workingFolder: undefined }
        : { uri: uriOf(encodeURIComponent(basename(socket)), toolOptions), workingFolder: dirname(socket) },
    shown: socket ?? `${scheme}://${hosts}`,
    database,
  };
}

function socketIn(hosts: string): string | undefined {
  if (!/^%2f[^,]*\.sock$/i.test(hosts)) return undefined;
  return decoded(hosts);
}

function placeOf({ host, port, socket }: MongodbAddress): string {
  if (socket !== undefined) return encodeURIComponent(socket);
  const name = host ?? 'localhost';
  return `${name.includes(':') ? `[${name}]` : name}:${port ?? 27_017}`;
}

function credentialsOf(user: string, password: string | undefined): string {
  const name = encodeURIComponent(user);
  return password === undefined ? name : `${name}:${encodeURIComponent(password)}`;
}

function tlsOptions({ tls, caFile }: MongodbAddress): [string, string][] {
  const ca: [string, string][] = caFile === undefined ? [] : [['tlsCAFile', caFile]];
  switch (tls) {
    case undefined:
      return ca.length === 0 ? [] : [['tls', 'true'], ...ca];
    case 'off':
      return [['tls', 'false']];
    case 'require':
      return [['tls', 'true'], ['tlsInsecure', 'true'], ...ca];
    case 'verify':
      return [['tls', 'true'], ...ca];
    case 'prefer':
      throw new CoffreError('USAGE', 'MongoDB has no connection that is encrypted only where it can be', {
        hint: 'Write `tls: verify`, `tls: require` or `tls: off`.',
      });
    default:
      return tls satisfies never;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new CoffreError('USAGE', `the address of the MongoDB server is not understood: ${messageOf(error)}`);
  }
}
