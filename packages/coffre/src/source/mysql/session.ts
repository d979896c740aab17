/** A connection of ours to the server, for questions and short statements. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { CoffreError, messageOf } from '@coffre/repository';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { showAddress, type MysqlAddress } from './settings.ts';

export type Row = Readonly<Record<string, unknown>>;

export type Session = AsyncDisposable & {
  readonly id: number;
  /** Rows of one statement; several in one text are refused by the server. */
  rows(sql: string): Promise<Row[]>;
  /** Any statement, whose rows are of no interest. */
  run(sql: string): Promise<void>;
  /** At once, whatever it is waiting for. */
  destroy(): void;
};

export type SessionOptions = {
  /** `bytes`: each character of a statement is one byte. */
  readonly text?: 'utf8' | 'bytes';
  readonly database?: string;
};

const connectTimeoutMs = 15_000;
/** Of a tenth of a second each. */
const endingTries = 100;

/** @throws {CoffreError} SOURCE_UNREACHABLE, SOURCE_DENIED */
export async function openSession(address: MysqlAddress, options: SessionOptions = {}): Promise<Session> {
  const { createConnection } = await import('mysql2/promise');
  let connection: Connection;
  try {
    connection = await createConnection(optionsOf(address, options, address.tls !== 'off'));
  } catch (error) {
    if (address.tls !== 'prefer' || codeOf(error) !== 'HANDSHAKE_NO_SSL_SUPPORT') throw unreachable(address, error);
    try {
      connection = await createConnection(optionsOf(address, options, false));
    } catch (plain) {
      throw unreachable(address, plain);
    }
  }
  // A lost connection is told to whoever waits for an answer, or to the next who asks.
  connection.on('error', () => undefined);
  const session = sessionOf(connection);
  await session.run(`SET SESSION sql_mode = '', time_zone = '+00:00', wait_timeout = 604800, net_write_timeout = 3600`);
  return session;
}

export type HeldSession = AsyncDisposable & { readonly session: Session };

/**
 * For cleaning up: the session itself where it still answers, else a new one, once the server has ended what the old one
 * was doing.
 */
export async function usableSession(session: Session, address: MysqlAddress): Promise<HeldSession> {
  try {
    await session.rows('SELECT 1');
    return { session, [Symbol.asyncDispose]: async () => undefined };
  } catch {
    const fresh = await openSession(address);
    await fresh.run(`KILL CONNECTION ${session.id}`).catch(() => undefined);
    for (let tries = 0; tries < endingTries; tries += 1) {
      const left = await fresh.rows(`SELECT ID FROM information_schema.PROCESSLIST WHERE ID = ${session.id}`);
      if (left.length === 0) break;
      await fresh.run('DO SLEEP(0.1)');
    }
    return { session: fresh, [Symbol.asyncDispose]: async () => fresh.destroy() };
  }
}

function sessionOf(connection: Connection): Session {
  const ask = async (sql: string): Promise<unknown> => {
    try {
      return (await connection.query({ sql }))[0];
    } catch (error) {
      throw refusedBy(error);
    }
  };
  return {
    id: connection.threadId ?? 0,
    rows: async (sql) => (await ask(sql)) as Row[],
    run: async (sql) => void (await ask(sql)),
    destroy: () => connection.destroy(),
    [Symbol.asyncDispose]: async () => connection.destroy(),
  };
}

function optionsOf(address: MysqlAddress, { text, database }: SessionOptions, encrypted: boolean): ConnectionOptions {
  const { place, user, password, tls, caFile } = address;
  const ssl = {
    rejectUnauthorized: tls === 'verify',
    verifyIdentity: tls === 'verify',
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
  };
  return {
    ...('socket' in place ? { socketPath: place.socket } : place),
    user: user ?? userInfo().username,
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ...(encrypted && !('socket' in place) ? { ssl } : {}),
    charset: text === 'bytes' ? 'BINARY' : 'UTF8MB4_GENERAL_CI',
    connectTimeout: connectTimeoutMs,
    multipleStatements: false,
    supportBigNumbers: true,
    dateStrings: true,
    // Spaces mean what they mean in the dump; no statement may ask for a file of this machine; and when a statement changes
    // the character set of the session, how we write bytes stays as it is.
    flags: ['-LOCAL_FILES', '-IGNORE_SPACE', '-ODBC', '-FOUND_ROWS', '-SESSION_TRACK'],
    // Who is logged in to the machine as the user needs no password.
    authPlugins: { auth_socket: () => () => Buffer.alloc(0), unix_socket: () => () => Buffer.alloc(0) },
  };
}

/** An error of the server: its number decides, its words are shown. */
export type ServerRefusal = CoffreError & { readonly cause: { readonly errno: number } };

export function errorNumberOf(error: unknown): number | undefined {
  const cause = error instanceof CoffreError ? error.cause : error;
  return cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number' ? cause.errno : undefined;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Of the server: waited in vain. */
export const lockTimeout = 1205;

/** Of the server: what an account may not do. */
const deniedErrors = new Set([1044, 1045, 1142, 1143, 1227, 1370, 1698, 1410, 1419]);

function refusedBy(error: unknown): CoffreError {
  const number = errorNumberOf(error);
  if (number !== undefined && deniedErrors.has(number)) {
    return new CoffreError('SOURCE_DENIED', `the server refuses: ${messageOf(error)}`, {
      hint: 'Give the user the rights that the guide on databases lists.',
      cause: error,
    });
  }
  const isLost = number === undefined || /^(PROTOCOL_|ECONN|EPIPE|ETIMEDOUT)/.test(codeOf(error));
  if (isLost) {
    return new CoffreError('SOURCE_UNREACHABLE', `the connection to the server was lost: ${messageOf(error)}`, {
      hint: 'Is the server up? Nothing was saved.',
      cause: error,
    });
  }
  if (number === lockTimeout) {
    return new CoffreError('SOURCE_BUSY', 'another session keeps a lock that is needed', {
      hint: 'SHOW FULL PROCESSLIST names it. Stop the program that uses the database, then try again.',
      cause: error,
    });
  }
  return new CoffreError('SOURCE_INVALID', `the server says: ${messageOf(error)}`, { cause: error });
}

function unreachable(address: MysqlAddress, error: unknown): CoffreError {
  const number = errorNumberOf(error);
  const where = showAddress(address);
  if (number !== undefined && deniedErrors.has(number)) {
    return new CoffreError('SOURCE_UNREACHABLE', `${where} does not let us in: ${messageOf(error)}`, {
      hint: 'Check user, password and from where the user may connect.',
      cause: error,
    });
  }
  return new CoffreError('SOURCE_UNREACHABLE', `${where} cannot be reached: ${messageOf(error)}`, {
    hint: 'Is the server up? Check socket or host, port and `tls`.',
    cause: error,
  });
}
