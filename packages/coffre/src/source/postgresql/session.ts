/** A connection that reads: every value comes as text, and nothing of the environment decides where it goes. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { getCACertificates } from 'node:tls';
import type { Client, ClientConfig } from 'pg';
import { CoffreError } from '@coffre/repository';
import { inWords } from './failures.ts';
import { isSocket, type PostgresAddress } from './settings.ts';

export type Row = Readonly<Record<string, string | null>>;

export type Session = AsyncDisposable & {
  /** One statement, never several. */
  rows(sql: string, values?: readonly string[]): Promise<Row[]>;
  readonly isEncrypted: boolean;
};

export type SessionRequest = {
  readonly address: PostgresAddress;
  readonly database: string;
  readonly signal: AbortSignal;
  readonly connectTimeoutMs?: number;
};

const usualConnectTimeoutMs = 15_000;

/** What differs between servers and users, made the same: names with their schema, values in one form, no time limits. */
const sameness = [
  "SET search_path = ''",
  'SET row_security = off',
  'SET statement_timeout = 0',
  'SET lock_timeout = 0',
  'SET idle_in_transaction_session_timeout = 0',
  "SET datestyle = 'ISO, YMD'",
  "SET intervalstyle = 'postgres'",
  "SET timezone = 'UTC'",
  "SET bytea_output = 'hex'",
  'SET extra_float_digits = 3',
  'SET quote_all_identifiers = off',
];

/** @throws {CoffreError} SOURCE_UNREACHABLE, SOURCE_MISSING, SOURCE_BUSY */
export async function openSession(request: SessionRequest): Promise<Session> {
  const { address, signal } = request;
  signal.throwIfAborted();
  const { client, isEncrypted } = await connect(request);
  const leave = (): void => void client.end().catch(() => undefined);
  // A connection that breaks while nobody asks it tells its next query.
  client.on('error', () => undefined);
  signal.addEventListener('abort', leave);
  const rows = async (sql: string, values: readonly string[] = []): Promise<Row[]> => {
    try {
      // The extended protocol takes one statement only.
      const query = { text: sql, values: [...values], queryMode: 'extended', types: asText };
      return (await client.query<Row>(query)).rows;
    } catch (error) {
      signal.throwIfAborted();
      throw inWords(address, error);
    }
  };
  try {
    for (const statement of sameness) await rows(statement);
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  return {
    rows,
    isEncrypted,
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener('abort', leave);
      await client.end().catch(() => undefined);
    },
  };
}

const asText = { getTypeParser: () => (text: string) => text };

type Connected = { readonly client: Client; readonly isEncrypted: boolean };

async function connect(request: SessionRequest): Promise<Connected> {
  const { address } = request;
  const tls = isSocket(address) ? 'off' : address.tls;
  switch (tls) {
    case 'off':
      return await connectOnce(request, false);
    case 'require':
      // As libpq: encrypted, whoever answers.
      return await connectOnce(request, { rejectUnauthorized: false });
    case 'verify':
      return await connectOnce(request, {
        rejectUnauthorized: true,
        // Without a file, what the system trusts: the tools ask it too.
        ca: address.caFile === undefined ? getCACertificates('system') : readCertificates(address.caFile),
      });
    case 'prefer':
      try {
        return await connectOnce(request, { rejectUnauthorized: false });
      } catch (error) {
        if (!(error instanceof CoffreError) || !/does not support SSL/.test(error.message)) throw error;
        return await connectOnce(request, false);
      }
    default:
      return tls satisfies never;
  }
}

function readCertificates(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CoffreError('USAGE', `the root certificates ${path} cannot be read`, {
      hint: 'Name a file of certificates in PEM form as ca_file.',
      cause,
    });
  }
}

async function connectOnce(
  { address, database, connectTimeoutMs = usualConnectTimeoutMs }: SessionRequest,
  ssl: NonNullable<ClientConfig['ssl']>,
): Promise<Connected> {
  // Loaded here: verbs without PostgreSQL need not wait for it.
  const { default: pg } = await import('pg');
  const { host, port, user = userInfo().username, password } = address;
  const client = new pg.Client({
    host,
    port,
    user,
    database,
    // Undefined would take PGPASSWORD of our own environment; null goes on to .pgpass.
    ...(password === undefined ? {} : { password }),
    ssl,
    application_name: 'coffre',
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return { client, isEncrypted: ssl !== false };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw inWords(address, error);
  }
}
