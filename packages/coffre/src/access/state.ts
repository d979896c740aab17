/** Where the state of this machine is, and the opening of it. What opens it is loaded when somebody asks. */
import { CoffreError, systemClock } from '@coffre/repository/opening';
import type { Config } from '../config/config.ts';
import type { SecretDoors } from '../config/read/secrets.ts';
import { stateFolder, storeExists, storeLocation, storeName } from '../store/location.ts';
import type { StoreLocation } from '../store/location.ts';
import type { Store } from '../store/store.ts';

export type StatePlace = {
  /** Keys, logs and, without another word, the database. */
  readonly folder: string;
  readonly location: StoreLocation;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Without a configuration: COFFRE_STATE_DIR and COFFRE_STORE. */
export function statePlace(environment: Environment): StatePlace {
  const folder = stateFolder(environment, process.getuid?.());
  return { folder, location: storeLocation(folder, environment['COFFRE_STORE']) };
}

/**
 * COFFRE_STORE, else `store:` of the configuration.
 * @throws {CoffreError} SECRET_UNAVAILABLE, STORE_ADDRESS
 */
export async function configuredStatePlace(
  { store, secrets }: Pick<Config, 'store' | 'secrets'>,
  environment: Environment,
  doors: SecretDoors,
): Promise<StatePlace> {
  if (store === undefined || (environment['COFFRE_STORE'] ?? '') !== '') return statePlace(environment);
  const folder = stateFolder(environment, process.getuid?.());
  const { resolveText } = await import('../config/read/secrets.ts');
  const url = await resolveText(store.url, secrets, doors);
  if (store.password === undefined || !URL.canParse(url)) return { folder, location: storeLocation(folder, url) };
  const complete = new URL(url);
  complete.password = encodeURIComponent(await resolveText(store.password, secrets, doors));
  return { folder, location: storeLocation(folder, complete.href) };
}

/** @param report told when the state of an earlier version is brought up */
export async function openState({ location }: StatePlace, report: (sentence: string) => void): Promise<Store> {
  const { openStore } = await import('../store/store.ts');
  return await openStore(location, {
    clock: systemClock(),
    report: ({ from, to, backup }) => {
      const words = backup.kind === 'file' ? `the old one is kept in ${backup.path}` : backup.text;
      report(`the state is brought from version ${from} to ${to}; ${words}`);
    },
  });
}

/** For reading: nothing is made where nothing is. @throws {CoffreError} STORE_UNAVAILABLE */
export async function openExistingState(
  place: StatePlace,
  report: (sentence: string) => void,
  hint = 'Name its folder with COFFRE_STATE_DIR, or `store:` in the configuration.',
): Promise<Store> {
  if (storeExists(place.location)) return await openState(place, report);
  throw new CoffreError('STORE_UNAVAILABLE', `there is no state in ${storeName(place.location)}`, { hint });
}
