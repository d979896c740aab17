/** `coffre init NAME…`: repositories of the configuration, cut as the first of them, so that copies share data. */
import { CoffreError, describeLocation, initRepository, isCoffreError, messageOf } from '@coffre/repository';
import { hostFor, openConfigured, placeOfConfigured, routeTo } from '../access/configured-repository.ts';
import type { RepositorySurroundings } from '../access/configured-repository.ts';
import { reachRoute } from '../access/open-at.ts';
import type { Config, RepositoryConfig, RepositoryName } from '../config/config.ts';
import { resolveText, systemSecretDoors } from '../config/read/secrets.ts';
import type { Cli } from './cli.ts';
import { requireConfigured } from './meant-repositories.ts';
import type { Printer } from './output/printer.ts';

type InitOptions = { readonly config?: string | undefined; readonly all?: true | undefined };

export async function initConfigured(cli: Cli, names: readonly string[], options: InitOptions): Promise<void> {
  const { loaded, config } = await requireConfigured(cli, options.config);
  const printer = cli.printer();
  const { cacheDir, noCache } = cli.globals();
  const around: RepositorySurroundings = {
    secrets: config.secrets,
    doors: systemSecretDoors(loaded.variables),
    environment: cli.environment,
    cache: { cacheDir, noCache },
    warn: (sentence) => printer.error(`Warning: ${sentence}`),
  };
  const wanted = options.all === true ? [...config.repositories.keys()] : names;
  for (const name of inOrder(config, wanted)) await initOne(config, name, around, printer);
}

/** Those that plans save to first: copies are cut like them. @throws {CoffreError} PLAN_UNKNOWN */
function inOrder(config: Config, names: readonly string[]): readonly RepositoryConfig[] {
  const chosen = names.map((name) => {
    const repository = config.repositories.get(name as RepositoryName);
    if (repository !== undefined) return repository;
    throw new CoffreError('PLAN_UNKNOWN', `there is no repository ${JSON.stringify(name)} in the configuration`, {
      hint: `There are ${[...config.repositories.keys()].join(', ')}.`,
    });
  });
  const isCopy = ({ name }: RepositoryConfig): boolean => sourcesOfCopies(config, name).length > 0;
  return [...chosen.filter((one) => !isCopy(one)), ...chosen.filter(isCopy)];
}

/** From where plans copy into this repository. */
function sourcesOfCopies(config: Config, name: RepositoryName): RepositoryName[] {
  return [...config.plans.values()].flatMap(({ to, copies }) => (copies.some((copy) => copy.to === name) ? [to] : []));
}

async function initOne(
  config: Config,
  repository: RepositoryConfig,
  around: RepositorySurroundings,
  printer: Printer,
): Promise<void> {
  const place = await placeOfConfigured(repository, around);
  const from = sourcesOfCopies(config, repository.name)[0];
  const like = from === undefined ? undefined : await polynomialOf(config, from, around);
  const route = await routeTo(repository, around, false);
  const password = await resolveText(repository.password, around.secrets, around.doors);
  const host = hostFor(around);
  const backend = await reachRoute(route, host);
  try {
    const made = await initRepository({
      backend,
      host,
      password,
      ...(like === undefined ? {} : { polynomial: like.polynomial }),
    });
    await using opened = made;
    const { id } = opened.config;
    if (printer.json) printer.message({ message_type: 'initialized', id, name: repository.name, repository: place });
    else {
      const cut = like === undefined ? '' : `, cut like ${like.name}`;
      printer.normal(`created repository ${repository.name} ${id.slice(0, 10)} at ${place}${cut}`);
    }
  } catch (error) {
    await backend.close();
    if (!isCoffreError(error, 'REPO_EXISTS')) throw failed(repository, place, error);
    if (printer.json) printer.message({ message_type: 'exists', name: repository.name, repository: place });
    else printer.normal(`${repository.name} is there already, at ${place}`);
  }
}

function failed({ name }: RepositoryConfig, place: string, error: unknown): unknown {
  if (!isCoffreError(error)) return error;
  return new CoffreError(
    error.code,
    `create repository ${name} at ${describeLocation(place)} failed: ${messageOf(error)}`,
    {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    },
  );
}

/** Where that repository is not made yet, the copy would be cut in its own way and take more room for ever. */
async function polynomialOf(
  config: Config,
  name: RepositoryName,
  around: RepositorySurroundings,
): Promise<{ readonly name: RepositoryName; readonly polynomial: bigint }> {
  try {
    await using repository = await openConfigured(config.repositories.get(name)!, around);
    return { name, polynomial: repository.config.chunkerPolynomial };
  } catch (error) {
    if (!isCoffreError(error, 'REPO_NOT_FOUND')) throw error;
    throw new CoffreError('REPO_NOT_FOUND', `${name} is to be made first: its files are copied, and cut as it does`, {
      hint: `Run \`coffre init ${name}\`, or name both.`,
      cause: error,
    });
  }
}
