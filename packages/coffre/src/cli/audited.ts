/** The record of what verbs destroy that work on one repository. */
import { isCoffreError, messageOf } from '@coffre/repository/opening';
import type { Repository } from '@coffre/repository';
import { recordAct } from '../access/audited.ts';
import type { Act, Witness } from '../access/audited.ts';
import type { StatePlace } from '../access/state.ts';
import type { AuditEntry } from '../audit/audit-log.ts';
import { storeExists } from '../store/location.ts';
import type { Store } from '../store/store.ts';
import { openAuditLog } from './audit-access.ts';
import type { KeptPlace } from './audit-place.ts';
import type { Cli } from './cli.ts';
import type { Printer } from './output/printer.ts';

/** On a dry run nothing is destroyed, and nothing is put on record. */
type VerbAct<T> = Act<T> & {
  readonly dryRun?: boolean;
  /** What the history has to know of it, where there is one. */
  readonly note?: (store: Store, result: T) => Promise<void>;
};
type Recording = {
  readonly cli: Cli;
  readonly printer: Printer;
  /** Where the configuration keeps the state; that of the environment when absent. */
  readonly state?: StatePlace;
};
type Place = Recording & { readonly repository: Repository };

export async function audited<T>({ repository, ...recording }: Place, act: VerbAct<T>): Promise<T> {
  return await auditedAs(recording, { repository: repository.config.id }, act);
}

/** For what is done to something else than a repository. */
export async function auditedAs<T>(
  { cli, printer, state }: Recording,
  target: AuditEntry['target'],
  act: VerbAct<T>,
): Promise<T> {
  if (act.dryRun === true) return await act.work();
  const witness = await openWitness(cli, (error) => warn(printer, error), printer, state);
  try {
    const result = await recordAct(witness, target, act);
    if (witness.log !== undefined) await act.note?.(witness.log.store, result).catch(witness.warn);
    return result;
  } finally {
    await witness.log?.store[Symbol.asyncDispose]().catch(witness.warn);
  }
}

async function openWitness(
  cli: Cli,
  said: Witness['warn'],
  printer: Printer,
  state: StatePlace | undefined,
): Promise<Witness> {
  const { environment } = cli;
  try {
    const { place, isKept } = state === undefined ? await placeFor(cli, printer) : { place: state, isKept: true };
    return { log: isKept ? await openAuditLog(place, printer) : undefined, environment, warn: said };
  } catch (error) {
    said(error);
    return { log: undefined, environment, warn: said };
  }
}

/**
 * A configuration with mistakes is no reason to keep no record, where one is kept in the state folder. Where there is
 * none the record is elsewhere, and a second log beside its checkpoint would make it look cut off.
 */
async function placeFor(cli: Cli, printer: Printer): Promise<KeptPlace> {
  const { configuredAuditPlace, plainAuditPlace } = await import('./audit-place.ts');
  try {
    return await configuredAuditPlace(cli, undefined);
  } catch (error) {
    const { place, isKept } = plainAuditPlace(cli);
    if (isKept && !storeExists(place.location)) throw error;
    if (isKept) {
      printer.error(`warning: on record in ${place.folder}, not where the configuration says: ${messageOf(error)}`);
    }
    return { place, isKept };
  }
}

function warn(printer: Printer, error: unknown): void {
  printer.error(`warning: this is not in the audit log: ${messageOf(error)}`);
  if (isCoffreError(error) && error.hint !== undefined) printer.error(`hint: ${error.hint}`);
}
