/** The other repository that a repair may ask for what is lost here. */
import { CoffreError, describeLocation } from '@coffre/repository';
import type { IndexedRepository } from '@coffre/repository';
import type { Cli } from './cli.ts';
import { repositoryLocation } from './global-options.ts';
import { readSecondaryRepository } from './secondary-repository.ts';
import type { SecondaryOptions } from './secondary-repository.ts';
import { openSession } from './session.ts';
import type { Session } from './session.ts';

export type RepairSource = AsyncDisposable & { readonly session: Session; readonly indexed: IndexedRepository };

/** Undefined when none was named. @throws {CoffreError} USAGE when it is the repository itself */
export async function openRepairSource(cli: Cli, options: SecondaryOptions): Promise<RepairSource | undefined> {
  const access = readSecondaryRepository(options, cli.environment);
  if (access === undefined) return undefined;
  if (describeLocation(access.location) === describeLocation(repositoryLocation(cli.globals()))) {
    throw new CoffreError('USAGE', 'the repository cannot be healed from itself', {
      hint: '--from-repo names another one: an offsite copy, or the target of `coffre copy`.',
    });
  }
  const session = await openSession(cli, 'read', { access, uncached: true });
  try {
    const indexed = await session.repository.loadIndex();
    return { session, indexed, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}
