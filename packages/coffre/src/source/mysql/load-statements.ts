/** Sends the statements of a dump to a server, into one database. */
import { CoffreError, messageOf } from '@coffre/repository';
import {
  headOf,
  placed,
  readStatement,
  type DumpStatement,
  type Placing,
  type StatementKind,
} from './dump-statements.ts';
import { identifier, showName } from './names.ts';
import { errorNumberOf, openSession, type Session } from './session.ts';
import type { MysqlAddress } from './settings.ts';
import { statementsOf } from './statements.ts';

export type Feed = {
  readonly address: MysqlAddress;
  readonly placing: Placing;
  readonly signal: AbortSignal;
};

/** A session in which a statement is bytes, as it is in the dump. */
export async function openLoader({ address, placing, signal }: Feed): Promise<Session> {
  const loader = await openSession(address, { text: 'bytes' });
  signal.addEventListener('abort', () => loader.destroy(), { once: true });
  await loader.run(Buffer.from(`USE ${identifier(placing.database)}`).toString('latin1'));
  return loader;
}

/** Of what is loaded into a database that is not yet the real one: events would run there. */
export const provisional: ReadonlySet<StatementKind> = new Set(['event', 'lock']);
export const harmless: ReadonlySet<StatementKind> = new Set(['lock']);

/**
 * @param skipped kinds that are not sent
 * @param wants which tables; all when undefined
 * @returns all that holds no rows, in order, to be sent once more elsewhere
 */
export async function feed(
  { placing, signal }: Feed,
  loader: Session,
  content: AsyncIterable<Uint8Array>,
  skipped: ReadonlySet<StatementKind>,
  wants?: ReadonlySet<string>,
): Promise<DumpStatement[]> {
  const kept: DumpStatement[] = [];
  let sending: Promise<void> = Promise.resolve();
  try {
    for await (const bytes of statementsOf(content, `the dump of ${showName(placing.original)}`)) {
      signal.throwIfAborted();
      const statement = readStatement(bytes);
      if (!isWanted(statement, wants)) continue;
      if (statement.kind !== 'rows' && statement.kind !== 'table') kept.push(statement);
      if (skipped.has(statement.kind)) continue;
      // The server works on one statement while the next one is read and cut.
      await sending;
      sending = send(loader, statement, placing);
      // It is looked at before the next one; until then it is not a stray rejection.
      sending.catch(() => undefined);
    }
    await sending;
  } finally {
    await sending.catch(() => undefined);
  }
  return kept;
}

const onlyTables: ReadonlySet<StatementKind> = new Set(['table', 'rows', 'trigger']);

function isWanted({ kind, name }: DumpStatement, wants: ReadonlySet<string> | undefined): boolean {
  if (wants === undefined || kind === 'setting' || kind === 'database default') return true;
  return onlyTables.has(kind) && name !== undefined && wants.has(name);
}

/** Of servers, each with what to do. */
const hints: Readonly<Record<number, string>> = {
  1153: 'Raise max_allowed_packet of the target above the largest row: SET GLOBAL max_allowed_packet = 1073741824.',
  1227: 'The user may not make things in the name of others: add definer=current to the address of the target, or grant SET_USER_ID (SET_ANY_DEFINER from MySQL 8.2 on).',
  1273: 'The target does not know this collation: it is an older server, or of the other family.',
  1115: 'The target does not know this character set: it is an older server, or of the other family.',
  1419: 'The target has a binary log: SET GLOBAL log_bin_trust_function_creators = 1, or load as a user with SUPER.',
  3750: 'The target wants a primary key in every table: SET GLOBAL sql_require_primary_key = OFF while you load.',
  1021: 'The disk of the target is full.',
};

export async function send(loader: Session, statement: DumpStatement, placing: Placing): Promise<void> {
  try {
    await loader.run(placed(statement, placing).toString('latin1'));
  } catch (error) {
    throw errorNumberOf(error) === undefined ? error : refusedStatement(error, statement.sql, placing);
  }
}

/** The server's answer to a statement of a dump, in words. */
export function refusedStatement(error: unknown, sql: Buffer, { original }: Placing): CoffreError {
  const start = headOf(sql).slice(0, 90);
  return new CoffreError(
    'SOURCE_TARGET_REFUSED',
    `the server does not take ${JSON.stringify(start)}… of ${showName(original)}: ${messageOf(error)}`,
    { hint: hints[errorNumberOf(error) ?? 0] ?? 'Nothing is left of the load.', cause: error },
  );
}
