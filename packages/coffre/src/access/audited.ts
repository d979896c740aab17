/** Puts what a command destroys on record: before, and how it ended. The command never fails for it. */
import { hostname, userInfo } from 'node:os';
import { isCoffreError, messageOf } from '@coffre/repository/opening';
import type { AuditEntry, AuditLog } from '../audit/audit-log.ts';
import type { Plain } from '../audit/canonical-json.ts';

export type Act<T> = {
  /** `forget`, `key remove`: as it would be typed. */
  readonly action: string;
  /** What the person saw, or asked for. */
  readonly shown: Plain;
  readonly work: () => Promise<T>;
  readonly done: (result: T) => Plain;
};

/** Who keeps the record, if anybody does. */
export type Witness = {
  readonly log: AuditLog | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Told what could not be put on record. */
  readonly warn: (error: unknown) => void;
};

export async function recordAct<T>(witness: Witness, target: AuditEntry['target'], act: Act<T>): Promise<T> {
  const about = { action: act.action, target, shown: act.shown };
  await record(witness, { ...about, phase: 'begun' });
  try {
    const result = await act.work();
    await record(witness, { ...about, phase: 'done', done: act.done(result) });
    return result;
  } catch (error) {
    const done = { code: isCoffreError(error) ? error.code : 'INTERNAL', message: messageOf(error) };
    await record(witness, { ...about, phase: 'failed', done });
    throw error;
  }
}

async function record(witness: Witness, entry: Omit<AuditEntry, 'who' | 'from'>): Promise<void> {
  if (witness.log === undefined) return;
  const { recordAudit } = await import('../audit/audit-log.ts');
  try {
    await recordAudit(witness.log, { ...entry, who: whoAsks(witness), from: fromWhere(witness) });
  } catch (error) {
    witness.warn(error);
  }
}

function whoAsks({ environment }: Witness): AuditEntry['who'] {
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

function fromWhere({ environment }: Witness): AuditEntry['from'] {
  const [client] = (environment['SSH_CONNECTION'] ?? '').split(' ');
  return { host: hostname(), pid: process.pid, ...(client !== undefined && client !== '' && { client }) };
}
