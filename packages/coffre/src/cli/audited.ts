/** The record of what verbs destroy that work on one repository. */
import { isCoffreError, messageOf } from '@coffre/repository/opening';
import type { Repository } from '@coffre/repository';
import { recordAct } from '../access/audited.ts';
import type { Act, Witness } from '../access/audited.ts';
import type { StatePlace } from '../access/state.ts';
import type { AuditEntry } from '../audit/audit-log.ts';
import { auditPlace, keepsAudit, openAuditLog } from './audit-access.ts';
import type { Cli } from './cli.ts';
import type { Printer } from './output/printer.ts';

/** On a dry run nothing is destroyed, and nothing is put on record. */
type VerbAct<T> = Act<T> & { readonly dryRun?: boolean };
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
    return await recordAct(witness, target, act);
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
    const place = state ?? auditPlace(cli);
    const log = state !== undefined || keepsAudit(cli, place) ? await openAuditLog(place, printer) : undefined;
    return { log, environment, warn: said };
  } catch (error) {
    said(error);
    return { log: undefined, environment, warn: said };
  }
}

function warn(printer: Printer, error: unknown): void {
  printer.error(`warning: this is not in the audit log: ${messageOf(error)}`);
  if (isCoffreError(error) && error.hint !== undefined) printer.error(`hint: ${error.hint}`);
}
