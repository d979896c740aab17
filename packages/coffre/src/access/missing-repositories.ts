/** Repositories that the configuration names and that are not there yet. */
import { initRepository, isCoffreError } from '@coffre/repository';
import type { CoffreError, Repository } from '@coffre/repository';
import type { Config, RepositoryConfig, RepositoryName } from '../config/config.ts';
import { resolveText } from '../config/read/secrets.ts';
import { hostFor, openConfigured, routeTo } from './configured-repository.ts';
import type { RepositorySurroundings } from './configured-repository.ts';
import { reachRoute } from './open-at.ts';

export type RepositoryFinding =
  | { readonly kind: 'there' | 'missing'; readonly repository: RepositoryConfig }
  | { readonly kind: 'unknown'; readonly repository: RepositoryConfig; readonly error: CoffreError };

/** In the order in which they can be made: those that others copy from first. Nothing is opened. */
export async function lookForRepositories(
  config: Config,
  around: RepositorySurroundings,
): Promise<RepositoryFinding[]> {
  const copies = new Set([...config.plans.values()].flatMap((plan) => plan.copies.map(({ to }) => to)));
  const ordered = [...config.repositories.values()].toSorted(
    (a, b) => Number(copies.has(a.name)) - Number(copies.has(b.name)),
  );
  const findings: RepositoryFinding[] = [];
  for (const repository of ordered) findings.push(await lookFor(repository, around));
  return findings;
}

async function lookFor(repository: RepositoryConfig, around: RepositorySurroundings): Promise<RepositoryFinding> {
  const route = await routeTo(repository, around, true);
  try {
    const storage = await reachRoute(route, hostFor(around));
    try {
      await storage.stat({ kind: 'config' });
      return { kind: 'there', repository };
    } finally {
      await storage.close();
    }
  } catch (error) {
    if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return { kind: 'missing', repository };
    if (!isCoffreError(error) || error.code === 'INTERRUPTED') throw error;
    return { kind: 'unknown', repository, error };
  }
}

/** It cuts files as the repository that copies come from, so that both hold the same pieces. */
export async function makeRepository(
  repository: RepositoryConfig,
  config: Config,
  around: RepositorySurroundings,
): Promise<{ readonly id: string }> {
  const [route, password] = await Promise.all([
    routeTo(repository, around, true),
    resolveText(repository.password, around.secrets, around.doors),
  ]);
  const polynomial = await polynomialFor(repository.name, config, around);
  const host = hostFor(around);
  const backend = await reachRoute(route, host);
  let made: Repository;
  try {
    made = await initRepository({ backend, host, password, ...(polynomial === undefined ? {} : { polynomial }) });
  } catch (error) {
    await backend.close();
    throw error;
  }
  await using repositoryMade = made;
  return { id: repositoryMade.config.id };
}

async function polynomialFor(
  name: RepositoryName,
  config: Config,
  around: RepositorySurroundings,
): Promise<bigint | undefined> {
  const plan = [...config.plans.values()].find(({ copies }) => copies.some(({ to }) => to === name));
  const source = plan === undefined ? undefined : config.repositories.get(plan.to);
  if (source === undefined || source.name === name) return undefined;
  await using repository = await openConfigured(source, around);
  return repository.config.chunkerPolynomial;
}
