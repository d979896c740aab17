/** The repositories that a verb is about: that of `--repo` or RESTIC_REPOSITORY, else those of the configuration. */
import { dirname } from 'node:path';
import { cwd } from 'node:process';
import { CoffreError, isCoffreError } from '@coffre/repository';
import type { RepositorySurroundings } from '../access/configured-repository.ts';
import type { Config, PlanConfig, RepositoryConfig, RepositoryName } from '../config/config.ts';
import type { ExtensionPlaces } from '../extension/load.ts';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import type { Cli } from './cli.ts';
import { loadConfig } from './config-source.ts';
import type { LoadedConfig } from './config-source.ts';
import { repositoryLocation } from './global-options.ts';
import { openSession } from './session.ts';
import type { LockWish, Session, SessionOptions } from './session.ts';
import { usage } from './values.ts';

export type MeantRepository = {
  /** As the configuration calls it, else its address without a password. */
  readonly name: string;
  readonly open: (wish: LockWish, options?: SessionOptions) => Promise<Session>;
};

export type Meant = {
  /** Undefined where there is no file; a repository can be named without one. */
  readonly configured: Configured | undefined;
  /** Names of automatic backups are read on its clock. */
  readonly zone: ZoneName;
  /** Never empty. */
  readonly repositories: readonly MeantRepository[];
};

export type Configured = { readonly loaded: LoadedConfig; readonly config: Config };

export type MeantOptions = {
  readonly config?: string | undefined;
  /** Names of repositories of the configuration. */
  readonly from?: readonly string[] | undefined;
  readonly plan?: string | undefined;
  /** SITE/SOURCE. */
  readonly source?: string | undefined;
};

/** @throws {CoffreError} USAGE, CONFIG_NOT_FOUND, CONFIG_INVALID */
export async function meantRepositories(cli: Cli, options: MeantOptions): Promise<Meant> {
  const globals = cli.globals();
  const isNamed = (globals.repo ?? globals.repositoryFile) !== undefined;
  if (isNamed && options.from !== undefined) throw usage('--from and --repo cannot be given together');
  const configured = await configuredIfThere(cli, options.config, isNamed);
  const { systemZone } = await import('../config/read/system-zone.ts');
  const zone = configured?.config.timezone ?? systemZone();
  if (isNamed || configured === undefined) {
    const { describeLocation } = await import('@coffre/repository');
    const name = describeLocation(repositoryLocation(globals));
    return { configured, zone, repositories: [{ name, open: (wish, more) => openSession(cli, wish, more) }] };
  }
  return meantOf(cli, configured, options);
}

/** Modules are looked for beside the file that names them. */
export function extensionPlaces({ loaded, config }: Configured): ExtensionPlaces {
  return { names: config.extensions, folder: dirname(loaded.file) };
}

/** Those of a configuration. @throws {CoffreError} USAGE, PLAN_UNKNOWN */
export function meantOf(cli: Cli, configured: Configured, options: MeantOptions): Meant {
  const repositories = repositoriesOf(configured.config, options).map((one) => meant(cli, configured, one));
  return { configured, zone: configured.config.timezone, repositories };
}

/** @throws {CoffreError} CONFIG_NOT_FOUND, CONFIG_INVALID */
export async function requireConfigured(cli: Cli, file: string | undefined): Promise<Configured> {
  const { requireConfig } = await import('../config/parse.ts');
  const loaded = await loadConfig(cli, file, cwd());
  return { loaded, config: requireConfig(loaded) };
}

/** @param isNamed a repository was; then there may be no configuration */
export async function configuredIfThere(
  cli: Cli,
  file: string | undefined,
  isNamed: boolean,
): Promise<Configured | undefined> {
  try {
    return await requireConfigured(cli, file);
  } catch (error) {
    if (!isNamed || file !== undefined || !isCoffreError(error, 'CONFIG_NOT_FOUND')) throw error;
    return undefined;
  }
}

/** In the order in which somebody would look: where plans save to, then where they copy to. */
function repositoriesOf(config: Config, options: MeantOptions): RepositoryConfig[] {
  if (options.from !== undefined) return options.from.map((name) => repositoryCalled(config, name));
  const plans = plansMeant(config, options);
  const places = [...plans.map(({ to }) => to), ...plans.flatMap(({ copies }) => copies.map(({ to }) => to))];
  const isAll = options.plan === undefined && options.source === undefined;
  const names = new Set<RepositoryName>([...places, ...(isAll ? config.repositories.keys() : [])]);
  if (names.size === 0) throw usage('the configuration has no repository', 'Add one to `repositories`.');
  return [...names].map((name) => repositoryCalled(config, name));
}

function repositoryCalled(config: Config, name: string): RepositoryConfig {
  const found = config.repositories.get(name as RepositoryName);
  if (found !== undefined) return found;
  throw usage(
    `the configuration has no repository ${JSON.stringify(name)}`,
    `It has ${[...config.repositories.keys()].join(', ') || 'none'}.`,
  );
}

/** Those that fit; all when nothing was said. @throws {CoffreError} USAGE where none does */
export function plansMeant(config: Config, { plan, source }: Pick<MeantOptions, 'plan' | 'source'>): PlanConfig[] {
  const plans = [...config.plans.values()];
  if (plan !== undefined && !plans.some(({ name }) => name === plan)) {
    throw new CoffreError('PLAN_UNKNOWN', `there is no plan ${JSON.stringify(plan)}`, {
      hint: `There is ${listed(plans.map(({ name }) => name))}.`,
    });
  }
  const named = plans.filter(({ name }) => plan === undefined || name === plan);
  if (source === undefined) return named;
  const fitting = named.filter(({ sources }) => sources.some(({ name }) => name === source));
  if (fitting.length > 0) return fitting;
  const known = [...new Set(named.flatMap(({ sources }) => sources.map(({ name }) => name)))];
  const where = plan === undefined ? 'no plan' : `the plan ${plan} not`;
  throw usage(`${where} saves ${JSON.stringify(source)}`, `Write SITE/SOURCE: ${listed(known)}.`);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.toSorted().join(', ');
}

/** @throws {CoffreError} USAGE when there is none of this name */
export function meantRepository(cli: Cli, configured: Configured, name: string): MeantRepository {
  return meant(cli, configured, repositoryCalled(configured.config, name));
}

function meant(cli: Cli, configured: Configured, repository: RepositoryConfig): MeantRepository {
  return {
    name: repository.name,
    open: async (wish, options = {}) => {
      const { openConfigured } = await import('../access/configured-repository.ts');
      const { dryRun = false, uncached = false } = options;
      const around = await repositorySurroundings(cli, configured);
      const opened = await openConfigured(repository, around, { dryRun, uncached });
      return await openSession(cli, wish, { ...options, opened });
    },
  };
}

export async function repositorySurroundings(
  cli: Cli,
  { loaded, config }: Configured,
): Promise<RepositorySurroundings> {
  const { systemSecretDoors } = await import('../config/read/secrets.ts');
  const { cacheDir, noCache } = cli.globals();
  const printer = cli.printer();
  return {
    secrets: config.secrets,
    doors: systemSecretDoors(loaded.variables),
    environment: cli.environment,
    cache: { cacheDir, noCache },
    extensions: extensionPlaces({ loaded, config }),
    warn: (sentence) => printer.error(`Warning: ${sentence}`),
  };
}
