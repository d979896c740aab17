import { CoffreError, describeLocation, initRepository, isCoffreError } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Config } from '../config/config.ts';
import type { Cli } from './cli.ts';
import { repositoryLocation } from './global-options.ts';
import type { Printer } from './output/printer.ts';
import { givenPassword } from './password.ts';
import { askNewPassword, createHost, openAccess, openStorage } from './repository-access.ts';
import { addSecondaryRepository, noSecondaryRepository, readSecondaryRepository } from './secondary-repository.ts';
import type { SecondaryOptions } from './secondary-repository.ts';
import { usage } from './values.ts';

export function defineInit(command: Command, cli: Cli): void {
  addSecondaryRepository(command)
    .option('--copy-chunker-params', 'cut files as the repository of --from-repo does, so that copies share data')
    .argument('[name...]', 'repositories of the configuration')
    .option('--repository-version <version>', '1, 2, latest or stable', 'stable')
    .option('--config <file>', 'for names: the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--all', 'all repositories of the configuration that are not there yet')
    .action(async (names, options) => {
      const isMeant = names.length > 0 || options.all === true;
      if (isMeant || (await isOnlyConfigured(cli, options.config))) {
        const { initConfigured } = await import('./init-configured.ts');
        try {
          return await initConfigured(cli, names, isMeant ? options : { ...options, all: true });
        } catch (error) {
          const { repo, repositoryFile } = cli.globals();
          const isNamed = repo !== undefined || repositoryFile !== undefined;
          if (!isNamed || !isCoffreError(error, 'CONFIG_NOT_FOUND')) throw error;
          throw usage('init takes no arguments beside -r', 'Names are those of a configuration, and there is none.');
        }
      }
      const version = versionOf(options.repositoryVersion);
      const printer = cli.printer();
      const polynomial = await polynomialOf(cli, options, printer);
      const globals = cli.globals();
      const location = repositoryLocation(globals);
      const password =
        givenPassword(globals.password) ?? (await askNewPassword(cli, 'enter password for new repository: '));
      const host = createHost(printer);
      await using repository = await create(location, async () =>
        initRepository({
          backend: await openStorage(cli, location, host, printer),
          host,
          password,
          version,
          ...(polynomial === undefined ? {} : { polynomial }),
        }),
      );
      const place = describeLocation(location);
      const { id } = repository.config;
      if (printer.json) printer.message({ message_type: 'initialized', id, repository: place });
      else sayCreated(printer, { id, place, copied: polynomial !== undefined });
    });
}

/** Nobody said where, and the configuration knows one place: then that is meant. */
async function isOnlyConfigured(cli: Cli, named: string | undefined): Promise<boolean> {
  const { repo, repositoryFile } = cli.globals();
  if (repo !== undefined || repositoryFile !== undefined) return false;
  const { loadConfig } = await import('./config-source.ts');
  const { requireConfig } = await import('../config/parse.ts');
  let config: Config;
  try {
    config = requireConfig(await loadConfig(cli, named, process.cwd()));
  } catch (error) {
    if (isCoffreError(error, 'CONFIG_NOT_FOUND') && named === undefined) return false;
    throw error;
  }
  if (config.repositories.size === 0) return false;
  if (config.repositories.size === 1) return true;
  const known = [...config.repositories.keys()].join(', ');
  throw usage('say which repositories to make', `\`coffre init --all\`, or names of ${known}; or -r for another.`);
}

function versionOf(text: string): 1 | 2 {
  if (text === 'latest' || text === 'stable' || text === '' || text === '2') return 2;
  if (text === '1') return 1;
  throw usage(`there is no repository version ${JSON.stringify(text)}`, 'Use 1, 2, latest or stable.');
}

async function polynomialOf(
  cli: Cli,
  options: SecondaryOptions & { copyChunkerParams?: true | undefined },
  printer: Printer,
): Promise<bigint | undefined> {
  if (options.copyChunkerParams !== true) {
    const isNamed = options.fromRepo !== undefined || options.fromRepositoryFile !== undefined;
    if (isNamed) throw usage('Secondary repository must only be specified when copying the chunker parameters');
    return undefined;
  }
  const source = readSecondaryRepository(options, cli.environment);
  if (source === undefined) throw noSecondaryRepository();
  const { repository: other } = await openAccess(cli, source, printer);
  await using repository = other;
  return repository.config.chunkerPolynomial;
}

/** As restic says it; programs tell "exists already" from other failures by these words. */
async function create<T>(location: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    const place = describeLocation(location);
    const why = error.code === 'REPO_EXISTS' ? 'config file already exists' : error.message;
    throw new CoffreError(error.code, `create repository at ${place} failed: ${why}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

function sayCreated(printer: Printer, created: { id: string; place: string; copied: boolean }): void {
  printer.normal(`created restic repository ${created.id.slice(0, 10)} at ${created.place}`);
  if (created.copied) printer.normal(' with chunker parameters copied from secondary repository');
  printer.normal('');
  printer.normal('Please note that knowledge of your password is required to access');
  printer.normal('the repository. Losing your password means that your data is');
  printer.normal('irrecoverably lost.');
}
