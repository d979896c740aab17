/** From an address and a password to an open repository: the storage, what this machine remembers of it, the key. */
import {
  CoffreError,
  createFileNote,
  describeLocation,
  isCoffreError,
  messageOf,
  openRepository,
  parseLocation,
  reachStorage,
  withMemory,
} from '@coffre/repository/opening';
import type { Backend, Host, LimitOptions, Repository, RetryEvent, StorageOptions } from '@coffre/repository';
import { mountNotePath, repositoryCache } from './cache-folder.ts';
import type { CacheWish } from './cache-folder.ts';

/** How to get to a repository. */
export type Route = {
  readonly location: string;
  readonly storage: StorageOptions;
  readonly limits: LimitOptions | undefined;
  readonly cache: CacheWish;
  /** The storage itself answers, never the copies on this machine. */
  readonly uncached: boolean;
  /** What is listed counts, however little it is. */
  readonly acceptShrunkenLists: boolean;
  /** Credentials, proxies and the cache folder are looked up here. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly warn: (sentence: string) => void;
  /** Opens a storage that an extension brings, instead of one of ours. */
  readonly brought?: () => Promise<Backend>;
  readonly retrying: (event: RetryEvent) => void;
};

/** The storage behind an address; nothing is read yet. @throws {CoffreError} BACKEND_URL, NOT_BUILT_YET */
export async function reachRoute(route: Route, host: Host): Promise<Backend> {
  const { environment, cache, limits, warn, retrying } = route;
  if (route.brought !== undefined) {
    const { withRetry } = await import('@coffre/repository');
    return withRetry(await route.brought(), { clock: host.clock, random: host.random, report: retrying });
  }
  const place = parseLocation(route.location);
  const mountPath = place.kind === 'local' ? mountNotePath(cache, environment, place.path) : undefined;
  return await reachStorage(place, {
    random: host.random,
    clock: host.clock,
    environment,
    warn,
    ...route.storage,
    ...(limits === undefined ? {} : { limits }),
    ...(mountPath === undefined ? {} : { mountNote: createFileNote(mountPath, host.random) }),
    retrying,
  });
}

/** Before the storage of one repository: what is kept of it on this machine. */
async function withLocalMemory(route: Route, backend: Backend, repositoryId: string, host: Host): Promise<Backend> {
  const folder = repositoryCache(route.cache, route.environment, repositoryId);
  if (folder === undefined) return backend;
  // A folder is as near as the cache would be, unless it is a share: `-o local.cache=true`.
  const isWished = route.storage.extended?.get('local.cache') === 'true';
  return await withMemory(backend, {
    folder,
    random: host.random,
    clock: host.clock,
    cached: !route.uncached && (isWished || route.brought !== undefined || !isFolder(route.location)),
    acceptShrunkenLists: route.acceptShrunkenLists,
    warn: (error) => route.warn(messageOf(error)),
  });
}

function isFolder(location: string): boolean {
  return parseLocation(location).kind === 'local';
}

export type Unlocking = {
  readonly password: string;
  readonly keyHint: string | undefined;
  /** What is written is forgotten. */
  readonly dryRun: boolean;
  /** Called when the key is being derived: half a second for other work. */
  readonly deriving?: () => void;
};

/** @param storage closed with the repository; the caller's to close when this rejects */
export async function openAt(route: Route, storage: Backend, host: Host, unlocking: Unlocking): Promise<Repository> {
  const { password, keyHint, dryRun, deriving } = unlocking;
  return await openRepository({
    backend: storage,
    host,
    password,
    wrap: async (backend, { id }) => {
      const remembered = await withLocalMemory(route, backend, id, host);
      return dryRun ? (await import('@coffre/repository')).withDryRun(remembered) : remembered;
    },
    ...(deriving === undefined ? {} : { deriving }),
    ...(keyHint === undefined ? {} : { keyHint }),
  });
}

/** Before the password is asked for: is there anything it could open? @throws {CoffreError} REPO_NOT_FOUND */
export async function requireConfig(
  backend: Backend,
  location: string,
  hint = 'Check the address, or make a repository with `coffre init`.',
): Promise<void> {
  try {
    await backend.stat({ kind: 'config' });
  } catch (error) {
    if (!isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
    const place = describeLocation(location);
    throw new CoffreError(
      'REPO_NOT_FOUND',
      `repository does not exist: unable to open config file: ${missingText(error)}\nIs there a repository at the following location?\n${place}`,
      { hint: (await hintOfKeys(backend)) ?? hint, cause: error },
    );
  }
}

/** As restic words it for a folder; the storage's own words elsewhere. */
function missingText({ message, cause }: CoffreError): string {
  if (!(cause instanceof Error && 'code' in cause && 'path' in cause)) return message;
  return cause.code === 'ENOENT' ? `stat ${String(cause.path)}: no such file or directory` : message;
}

async function hintOfKeys(backend: Backend): Promise<string | undefined> {
  try {
    for await (const _key of backend.list('keys')) {
      return 'Its keys are there: if an upgrade to version 2 was interrupted, `coffre migrate` finishes it.';
    }
  } catch {
    // What was asked first is the answer.
  }
  return undefined;
}
