/** Where the audit log of this machine is, and the opening of it. Both are loaded when somebody asks. */
import { existsSync } from 'node:fs';
import { openExistingState as openExisting, openState as open, statePlace } from '../access/state.ts';
import type { StatePlace } from '../access/state.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Store } from '../store/store.ts';
import type { Cli } from './cli.ts';
import type { Printer } from './output/printer.ts';

export type AuditPlace = StatePlace;

/** COFFRE_STATE_DIR and COFFRE_STORE, as they stand for the state folder and `store:` of a configuration. */
export function auditPlace({ environment }: Pick<Cli, 'environment'>): AuditPlace {
  return statePlace(environment);
}

/** True when somebody wants a state on this machine: it is named, or it is there. */
export function keepsAudit({ environment }: Pick<Cli, 'environment'>, { folder }: AuditPlace): boolean {
  return [environment['COFFRE_STATE_DIR'], environment['COFFRE_STORE']].some(Boolean) || existsSync(folder);
}

export async function openState(place: AuditPlace, printer: Printer): Promise<Store> {
  return await open(place, (sentence) => printer.error(sentence));
}

/** For reading: nothing is made where nothing is. */
export async function openExistingState(place: AuditPlace, printer: Printer): Promise<Store> {
  return await openExisting(
    place,
    (sentence) => printer.error(sentence),
    'Name its folder with COFFRE_STATE_DIR. The log begins with the first `forget`, `prune`, `repair` or change of keys after that.',
  );
}

export async function openAuditLog(place: AuditPlace, printer: Printer): Promise<AuditLog> {
  const { openSigningKey } = await import('../audit/signing-key.ts');
  const key = openSigningKey(place.folder);
  return { store: await openState(place, printer), key, folder: place.folder };
}
