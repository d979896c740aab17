/** Puts what a verb destroys on record: before, and how it ended. The verb never fails for it. */
import { hostname, userInfo } from 'node:os';
import { isCoffreError, messageOf } from '@coffre/repository/opening';
import type { Repository } from '@coffre/repository';
import type { AuditEntry, AuditLog, AuditPhase } from '../audit/audit-log.ts';
import type { Plain } from '../audit/canonical-json.ts';
import { auditPlace, keepsAudit, openAuditLog } from './audit-access.ts';
import type { AuditPlace } from './audit-access.ts';
import type { Cli } from './cli.ts';
import type { Printer } from './output/printer.ts';

export type Act<T> = {
  /** `forget`, `key remove`: the verb as it was typed. */
  readonly action: string;
  /** Then nothing is destroyed, and nothing is put on record. */
  readonly dryRun?: boolean;
  /** What the person saw, or asked for. */
  readonly shown: Plain;
  readonly work: () => Promise<T>;
  readonly done: (result: T) => Plain;
};

type Place = { readonly cli: Cli; readonly repository: Repository; readonly printer: Printer };

export async function audited<T>({ cli, repository, printer }: Place, act: Act<T>): Promise<T> {
  if (act.dryRun === true) return await act.work();
  await using recorder = await Recorder.open(cli, printer);
  const about = { action: act.action, target: { repository: repository.config.id }, shown: act.shown };
  await recorder.record(cli, { ...about, phase: 'begun' });
  try {
    const result = await act.work();
    await recorder.record(cli, { ...about, phase: 'done', done: act.done(result) });
    return result;
  } catch (error) {
    const done = { code: isCoffreError(error) ? error.code : 'INTERNAL', message: messageOf(error) };
    await recorder.record(cli, { ...about, phase: 'failed', done });
    throw error;
  }
}

type About = Pick<AuditEntry, 'action' | 'target' | 'shown' | 'done'> & { readonly phase: AuditPhase };

class Recorder implements AsyncDisposable {
  readonly #printer: Printer;
  #log: AuditLog | undefined;

  private constructor(printer: Printer, log: AuditLog | undefined) {
    this.#printer = printer;
    this.#log = log;
  }

  static async open(cli: Cli, printer: Printer): Promise<Recorder> {
    try {
      const place: AuditPlace = auditPlace(cli);
      return new Recorder(printer, keepsAudit(cli, place) ? await openAuditLog(place, printer) : undefined);
    } catch (error) {
      warn(printer, error);
      return new Recorder(printer, undefined);
    }
  }

  async record(cli: Cli, about: About): Promise<void> {
    if (this.#log === undefined) return;
    const { recordAudit } = await import('../audit/audit-log.ts');
    try {
      await recordAudit(this.#log, { ...about, who: whoAsks(cli), from: fromWhere(cli) });
    } catch (error) {
      warn(this.#printer, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log?.store[Symbol.asyncDispose]().catch((error: unknown) => warn(this.#printer, error));
    this.#log = undefined;
  }
}

function warn(printer: Printer, error: unknown): void {
  printer.error(`warning: this is not in the audit log: ${messageOf(error)}`);
  if (isCoffreError(error) && error.hint !== undefined) printer.error(`hint: ${error.hint}`);
}

function whoAsks({ environment }: Cli): AuditEntry['who'] {
  const { username, uid } = accountOf();
  const asked = environment['SUDO_USER'];
  return { user: username, uid, ...(asked !== undefined && asked !== '' && { asked }) };
}

/** An account may have no name, as in containers. */
function accountOf(): { username: string; uid: number } {
  try {
    return userInfo();
  } catch {
    return { username: '', uid: process.getuid?.() ?? -1 };
  }
}

function fromWhere({ environment }: Cli): AuditEntry['from'] {
  const [client] = (environment['SSH_CONNECTION'] ?? '').split(' ');
  return { host: hostname(), pid: process.pid, ...(client !== undefined && client !== '' && { client }) };
}
