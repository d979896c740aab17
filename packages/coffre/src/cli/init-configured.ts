/** `coffre init NAME…`: repositories of the configuration; those that are there stay as they are. */
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import { placeOfConfigured } from '../access/configured-repository.ts';
import { makeRepository } from '../access/missing-repositories.ts';
import type { Config, RepositoryConfig, RepositoryName } from '../config/config.ts';
import type { Cli } from './cli.ts';
import { repositorySurroundings, requireConfigured } from './meant-repositories.ts';

type InitOptions = { readonly config?: string | undefined; readonly all?: true | undefined };

export async function initConfigured(cli: Cli, names: readonly string[], options: InitOptions): Promise<void> {
  const configured = await requireConfigured(cli, options.config);
  const { config } = configured;
  const around = await repositorySurroundings(cli, configured);
  const printer = cli.printer();
  for (const repository of inOrder(config, options.all === true ? [...config.repositories.keys()] : names)) {
    const { name } = repository;
    const place = await placeOfConfigured(repository, around);
    const id = await madeId(repository, place, async () => (await makeRepository(repository, config, around)).id);
    if (printer.json) {
      printer.message({ message_type: id === undefined ? 'exists' : 'initialized', id, name, repository: place });
    } else if (id === undefined) printer.normal(`${name} is there already, at ${place}`);
    else printer.normal(`created repository ${name} ${id.slice(0, 10)} at ${place}`);
  }
}

/** Those that plans save to first: their copies are cut like them. @throws {CoffreError} PLAN_UNKNOWN */
function inOrder(config: Config, names: readonly string[]): readonly RepositoryConfig[] {
  const chosen = names.map((name) => {
    const repository = config.repositories.get(name as RepositoryName);
    if (repository !== undefined) return repository;
    throw new CoffreError('PLAN_UNKNOWN', `there is no repository ${JSON.stringify(name)} in the configuration`, {
      hint: `There are ${[...config.repositories.keys()].join(', ')}.`,
    });
  });
  const copies = new Set([...config.plans.values()].flatMap((plan) => plan.copies.map(({ to }) => to)));
  return [...chosen.filter(({ name }) => !copies.has(name)), ...chosen.filter(({ name }) => copies.has(name))];
}

/** Undefined when it was there. */
async function madeId(
  { name }: RepositoryConfig,
  place: string,
  make: () => Promise<string>,
): Promise<string | undefined> {
  try {
    return await make();
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    if (error.code === 'REPO_EXISTS') return undefined;
    throw new CoffreError(error.code, `create repository ${name} at ${place} failed: ${messageOf(error)}`, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}
