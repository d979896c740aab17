/** Repositories as the configuration names them. Secrets are read here, when they are used, and kept nowhere. */
import { CoffreError, describeLocation, isCoffreError, messageOf, parseLocation } from '@coffre/repository/opening';
import type { Backend, Host, LimitOptions, Repository, StorageOptions } from '@coffre/repository';
import type { Config, RepositoryConfig } from '../config/config.ts';
import { resolveText } from '../config/read/secrets.ts';
import type { SecretDoors } from '../config/read/secrets.ts';
import { extensionFor } from '../extension/load.ts';
import type { ExtensionPlaces } from '../extension/load.ts';
import type { CacheWish } from './cache-folder.ts';
import { openAt, reachRoute, requireConfig } from './open-at.ts';
import type { Route } from './open-at.ts';
import { systemHost } from './system-host.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What opening needs beside the repository's own words. */
export type RepositorySurroundings = {
  readonly secrets: Config['secrets'];
  readonly doors: SecretDoors;
  readonly environment: Environment;
  readonly cache: CacheWish;
  /** Modules that may bring storages; absent where there is none. */
  readonly extensions?: ExtensionPlaces;
  readonly warn: (sentence: string) => void;
};

export type RepositoryWish = {
  /** What is written is forgotten. */
  readonly dryRun?: boolean;
  /** The storage itself answers, never the copies on this machine. */
  readonly uncached?: boolean;
};

export function hostFor({ warn }: Pick<RepositorySurroundings, 'warn'>): Host {
  return systemHost(({ about, error }) => warn(`${about}: ${messageOf(error)}`));
}

/** @throws {CoffreError} SECRET_UNAVAILABLE, REPO_NOT_FOUND, REPO_PASSWORD_WRONG; storage errors */
export async function openConfigured(
  config: RepositoryConfig,
  around: RepositorySurroundings,
  { dryRun = false, uncached = false }: RepositoryWish = {},
): Promise<Repository> {
  const [route, password] = await Promise.all([
    routeTo(config, around, uncached),
    resolveText(config.password, around.secrets, around.doors),
  ]);
  const host = hostFor(around);
  const storage = await reachRoute(route, host);
  try {
    await requireRepository(config, route.location, storage);
    return await openAt(route, storage, host, { password, keyHint: undefined, dryRun });
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function requireRepository({ name }: RepositoryConfig, location: string, storage: Backend): Promise<void> {
  try {
    await requireConfig(storage, location, `Make it with \`coffre init ${name}\`, or check its address and the disk.`);
  } catch (error) {
    if (!isCoffreError(error, 'REPO_NOT_FOUND')) throw error;
    const { hint } = error;
    throw new CoffreError('REPO_NOT_FOUND', `there is no repository ${name} at ${describeLocation(location)}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}

/** Without a password, for people. @throws {CoffreError} SECRET_UNAVAILABLE */
export async function placeOfConfigured(config: RepositoryConfig, around: RepositorySurroundings): Promise<string> {
  return describeLocation(await resolveText(config.url, around.secrets, around.doors));
}

/** @throws {CoffreError} SECRET_UNAVAILABLE, BACKEND_URL */
export async function routeTo(
  config: RepositoryConfig,
  around: RepositorySurroundings,
  uncached: boolean,
): Promise<Route> {
  const location = await resolveText(config.url, around.secrets, around.doors);
  return {
    location,
    storage: storageOf(config),
    limits: limitsOf(config),
    cache: around.cache,
    uncached,
    acceptShrunkenLists: false,
    environment: { ...around.environment, ...(await credentialsOf(config, location, around)) },
    warn: (sentence) => around.warn(`${config.name}: ${sentence}`),
    ...broughtBy(config, location, around),
    retrying: ({ about, delayMs, error }) =>
      around.warn(
        `${config.name}: ${about} returned error, retrying after ${(delayMs / 1000).toFixed(1)} s: ${error.message}`,
      ),
  };
}

/** `extension:NAME:ADDRESS` is opened by what the configuration names. */
function broughtBy(
  { name }: RepositoryConfig,
  location: string,
  { extensions, environment, warn }: RepositorySurroundings,
): Pick<Route, 'brought'> {
  const [, use, address] = /^extension:([^:]+):(.*)$/s.exec(location) ?? [];
  if (use === undefined || address === undefined) return {};
  const doors = { environment, warn: (sentence: string) => warn(`${name}: ${sentence}`) };
  return { brought: async () => await (await extensionFor(extensions, 'storages', use))(address, doors) };
}

function storageOf({ options, access, limits }: RepositoryConfig): StorageOptions {
  const extended = new Map(Object.entries(options).map(([name, value]) => [name.toLowerCase(), value]));
  if (access.region !== undefined && !extended.has('s3.region')) extended.set('s3.region', access.region);
  const { connectionsMax } = limits;
  return {
    ...(extended.size === 0 ? {} : { extended }),
    ...(connectionsMax === undefined ? {} : { connectionsMax }),
  };
}

function limitsOf({ limits }: RepositoryConfig): LimitOptions | undefined {
  const { uploadBytesPerSecond: up, downloadBytesPerSecond: down } = limits;
  if (up === undefined && down === undefined) return undefined;
  return { ...(up === undefined ? {} : { up }), ...(down === undefined ? {} : { down }) };
}

/** The variables that the storage looks its keys up in; they are handed to it alone. */
async function credentialsOf(
  { access }: RepositoryConfig,
  location: string,
  { secrets, doors }: RepositorySurroundings,
): Promise<Environment> {
  const { id, key, sessionToken } = access;
  if (id === undefined && key === undefined && sessionToken === undefined) return {};
  const [user, password, token] = await Promise.all(
    [id, key, sessionToken].map(async (text) =>
      text === undefined ? undefined : await resolveText(text, secrets, doors),
    ),
  );
  // It looks its keys up itself.
  if (location.startsWith('extension:')) return {};
  const { kind } = parseLocation(location);
  switch (kind) {
    case 's3':
      return { AWS_ACCESS_KEY_ID: user, AWS_SECRET_ACCESS_KEY: password, AWS_SESSION_TOKEN: token };
    case 'rest':
      return { RESTIC_REST_USERNAME: user, RESTIC_REST_PASSWORD: password };
    case 'local':
    case 'sftp':
    case 'rclone':
      // A folder, ssh and rclone have logins of their own.
      return {};
    default:
      return kind satisfies never;
  }
}
