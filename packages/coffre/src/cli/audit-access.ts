/** Where the audit log of this machine is, and the opening of it. Both are loaded when somebody asks. */
import { existsSync } from 'node:fs';
import { CoffreError, systemClock } from '@coffre/repository/opening';
import type { AuditLog } from '../audit/audit-log.ts';
import { stateFolder, storeExists, storeLocation, storeName } from '../store/location.ts';
import type { StoreLocation } from '../store/location.ts';
import type { Store } from '../store/store.ts';
import type { Cli } from './cli.ts';
import type { Printer } from './output/printer.ts';

export type AuditPlace = { readonly folder: string; readonly location: StoreLocation };

/** COFFRE_STATE_DIR and COFFRE_STORE, as they stand for `state_dir:` and `store:` of a configuration. */
export function auditPlace({ environment }: Pick<Cli, 'environment'>): AuditPlace {
  const folder = stateFolder(environment, process.getuid?.());
  return { folder, location: storeLocation(folder, environment['COFFRE_STORE']) };
}

/** True when somebody wants a state on this machine: it is named, or it is there. */
export function keepsAudit({ environment }: Pick<Cli, 'environment'>, { folder }: AuditPlace): boolean {
  return [environment['COFFRE_STATE_DIR'], environment['COFFRE_STORE']].some(Boolean) || existsSync(folder);
}

export async function openState({ location }: AuditPlace, printer: Printer): Promise<Store> {
  const { openStore } = await import('../store/store.ts');
  return await openStore(location, {
    clock: systemClock(),
    report: ({ from, to, backup }) => {
      const words = backup.kind === 'file' ? `the old one is kept in ${backup.path}` : backup.text;
      printer.error(`the state is brought from version ${from} to ${to}; ${words}`);
    },
  });
}

/** For reading: nothing is made where nothing is. */
export async function openExistingState(place: AuditPlace, printer: Printer): Promise<Store> {
  if (storeExists(place.location)) return await openState(place, printer);
  throw new CoffreError('STORE_UNAVAILABLE', `there is no state in ${storeName(place.location)}`, {
    hint: 'Name its folder with COFFRE_STATE_DIR. The log begins with the first `forget`, `prune`, `repair` or change of keys after that.',
  });
}

export async function openAuditLog(place: AuditPlace, printer: Printer): Promise<AuditLog> {
  const { openSigningKey } = await import('../audit/signing-key.ts');
  const key = openSigningKey(place.folder);
  return { store: await openState(place, printer), key, folder: place.folder };
}
