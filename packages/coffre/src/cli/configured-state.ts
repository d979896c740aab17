/** The state that the configuration, or the environment, names. */
import { configuredStatePlace, openState, statePlace } from '../access/state.ts';
import type { StatePlace } from '../access/state.ts';
import { storeExists } from '../store/location.ts';
import type { Store } from '../store/store.ts';
import type { Cli } from './cli.ts';
import type { Configured } from './meant-repositories.ts';

export async function placeOfState(cli: Cli, configured: Configured | undefined): Promise<StatePlace> {
  if (configured === undefined) return statePlace(cli.environment);
  const { systemSecretDoors } = await import('../config/read/secrets.ts');
  return await configuredStatePlace(configured.config, cli.environment, systemSecretDoors(configured.loaded.variables));
}

/** Undefined where there is none: nothing is made by looking. */
export async function configuredState(cli: Cli, configured: Configured | undefined): Promise<Store | undefined> {
  const place = await placeOfState(cli, configured);
  if (!storeExists(place.location)) return undefined;
  return await openState(place, (sentence) => cli.printer().error(sentence));
}
