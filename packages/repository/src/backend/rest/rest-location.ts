import { CoffreError } from '../../errors.ts';

export type RestLocation = {
  readonly kind: 'rest';
  /** As it was given, with the password that may be in it. `describeLocation` is for people. */
  readonly address: string;
  readonly secure: boolean;
  readonly server: TcpServer | UnixServer;
  /** Begins and ends with a slash. */
  readonly basePath: string;
  readonly login?: Login;
};

export type TcpServer = { readonly host: string; readonly port: number };
export type UnixServer = { readonly socketPath: string };
export type Login = { readonly username: string; readonly password: string };

/** @param address what follows `rest:`, as `https://user:password@host:8000/path/` or `http+unix:///socket:/path/` */
export function parseRestLocation(address: string): RestLocation {
  const scheme = /^(https?)(\+unix)?:\/\//i.exec(address);
  if (scheme === null) throw badAddress('does not begin with http:// or https://');
  const url = parseUrl(address, scheme[2] !== undefined);
  if (url.search !== '' || url.hash !== '') throw badAddress('has a part after ? or #, which no repository has');
  const secure = scheme[1]?.toLowerCase() === 'https';
  const login = loginOf(url);
  const common = {
    kind: 'rest',
    secure,
    address,
    ...(login === undefined ? {} : { login }),
  } as const;
  if (scheme[2] !== undefined) return { ...common, ...unixPlace(url) };
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { ...common, server: { host, port }, basePath: withSlash(url.pathname) };
}

/** `URL` knows no `http+unix:`; its path is cut at the first colon, as restic does. */
function parseUrl(address: string, isUnix: boolean): URL {
  const text = isUnix ? address.replace(/^(https?)\+unix:/i, 'unix:') : address;
  const url = URL.parse(text);
  if (url === null) throw badAddress('is not a URL');
  return url;
}

function unixPlace(url: URL): { server: UnixServer; basePath: string } {
  if (url.host !== '') throw badAddress('names a host, but a socket is a path: three slashes, http+unix:///path');
  const colon = url.pathname.indexOf(':');
  const socketPath = decodeURIComponent(colon < 0 ? url.pathname : url.pathname.slice(0, colon));
  if (socketPath.length < 2) throw badAddress('has no path of a socket');
  const path = colon < 0 ? '/' : url.pathname.slice(colon + 1);
  return { server: { socketPath }, basePath: withSlash(path.startsWith('/') ? path : `/${path}`) };
}

function loginOf(url: URL): Login | undefined {
  if (url.username === '' && url.password === '') return undefined;
  return { username: decoded(url.username), password: decoded(url.password) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badAddress('has a % in its login that is not followed by two hex digits');
  }
}

function withSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

/** Nothing of the address is repeated: it may hold a password. */
function badAddress(why: string): CoffreError {
  return new CoffreError('BACKEND_URL', `the address after rest: ${why}`, {
    hint: 'Write rest:https://HOST:PORT/PATH/; a login with odd characters fits into RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD.',
  });
}
