import { CoffreError, isCoffreError } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import { openSftpSession } from './sftp-session.ts';
import type { SftpSession } from './sftp-session.ts';
import type { SftpTransport } from './sftp-transport.ts';

export type SftpSessions = {
  /** Runs work on the session that has least to do, connecting when there is none. */
  run<T>(work: (session: SftpSession) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

export type SessionsOptions = {
  /** `again`: the server has been reached before, so a failure will pass. */
  readonly connect: (again: boolean) => Promise<SftpTransport>;
  readonly sessionsMax: number;
  readonly clock: Clock;
  readonly stuckTimeoutMs: number;
  /** A session ended; what was opened through it is gone. */
  readonly lost: () => void;
};

type Entry = { readonly opening: Promise<SftpSession>; session?: SftpSession; users: number };
type Connection = { readonly opening: Promise<SftpTransport>; transport?: SftpTransport };

/**
 * Several sessions over one connection: a server works at one session's requests one after the other, and a flush takes
 * its time. What was lost is opened anew by the next call; one connects, the others wait for it.
 */
export function createSftpSessions(options: SessionsOptions): SftpSessions {
  const entries = new Set<Entry>();
  let sessionsMax = Math.max(1, options.sessionsMax);
  let connection: Connection | undefined;
  let reachedBefore = false;
  let spokenBefore = false;
  let closed = false;

  function reach(): Promise<SftpTransport> {
    if (connection === undefined || connection.transport?.ended === true) connection = connect(connection?.transport);
    return connection.opening;
  }

  function connect(old: SftpTransport | undefined): Connection {
    const fresh: Connection = { opening: (async () => (await old?.close(), options.connect(reachedBefore)))() };
    fresh.opening.then(
      (transport) => {
        fresh.transport = transport;
        reachedBefore = true;
      },
      () => {
        if (connection === fresh) connection = undefined;
      },
    );
    return fresh;
  }

  function begin(): Entry {
    const ended = (): void => {
      entries.delete(entry);
      options.lost();
    };
    const open = async (): Promise<SftpSession> => {
      const transport = await reach();
      try {
        const { clock, stuckTimeoutMs } = options;
        const session = await openSftpSession(await transport.openChannel(), { clock, stuckTimeoutMs, ended });
        spokenBefore = true;
        return (entry.session = session);
      } catch (error) {
        // After a login, a connection that is lost as a whole is the network's doing.
        throw spokenBefore || transport.ended ? error : withoutAnotherTry(error);
      }
    };
    const entry: Entry = { opening: Promise.resolve().then(open), users: 0 };
    entries.add(entry);
    entry.opening.catch(() => entries.delete(entry));
    return entry;
  }

  function choose(): Entry {
    const idlest = [...entries].toSorted((a, b) => loadOf(a) - loadOf(b))[0];
    return idlest === undefined || (loadOf(idlest) > 0 && entries.size < sessionsMax) ? begin() : idlest;
  }

  async function run<T>(work: (session: SftpSession) => Promise<T>): Promise<T> {
    if (closed) throw new CoffreError('INTERNAL', 'the storage was used after it was closed');
    const entry = choose();
    entry.users += 1;
    try {
      return await work(await sessionOf(entry));
    } finally {
      entry.users -= 1;
    }
  }

  /** A server may allow fewer sessions than we would like; those that are open serve as well. */
  async function sessionOf(entry: Entry): Promise<SftpSession> {
    try {
      return await entry.opening;
    } catch (error) {
      const [other] = [...entries].flatMap(({ session }) => session ?? []);
      if (other === undefined || connection?.transport?.ended !== false) throw error;
      sessionsMax = Math.max(1, entries.size);
      return other;
    }
  }

  return {
    run,
    async close() {
      closed = true;
      for (const { session } of entries) session?.close();
      await (await connection?.opening.catch(() => undefined))?.close();
    },
  };
}

/** Where SFTP was never spoken, a wrong command or setting is likelier than a fault that passes. */
function withoutAnotherTry(error: unknown): unknown {
  if (!isCoffreError(error) || !error.retryable) return error;
  const { code, message, hint } = error;
  return new CoffreError(code, message, { cause: error, ...(hint === undefined ? {} : { hint }) });
}

function loadOf(entry: Entry): number {
  return entry.users + (entry.session?.waiting ?? 0);
}
