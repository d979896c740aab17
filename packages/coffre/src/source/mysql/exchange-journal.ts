/**
 * What an exchange is about to do, written into the server before it begins: whoever comes after one that was killed with
 * the server knows from it what is missing. It lies in the database `coffre_old_…`, beside what was replaced; renaming its
 * table is the moment from which on the exchange is done.
 */
import { z } from 'zod';
import { messageOf } from '@coffre/repository';
import { bytesOf, type Move, type Standing } from './exchange-steps.ts';
import { makePrograms, readPrograms, dropProgram } from './live-programs.ts';
import { identifier, literal, showName } from './names.ts';
import { text } from './server-facts.ts';
import { openSession, type Session } from './session.ts';
import type { MysqlAddress } from './settings.ts';

export type Journal = {
  readonly to: string;
  /** Single tables with their triggers; the whole database when null. */
  readonly tables: readonly string[] | null;
  readonly moves: readonly Move[];
  /** Null: there was no such database. */
  readonly before: Standing | null;
  readonly finishing: readonly string[];
};

const [opened, done] = ['coffre_exchange', 'coffre_exchange_done'];
const partCharacters = 256 * 1024;

const program = z.object({
  kind: z.enum(['VIEW', 'PROCEDURE', 'FUNCTION', 'PACKAGE', 'PACKAGE BODY', 'TRIGGER', 'EVENT']),
  name: z.string(),
  table: z.string().optional(),
  sqlMode: z.string().optional(),
  create: z.string(),
});
const journalSchema = z.object({
  to: z.string(),
  tables: z.array(z.string()).nullable(),
  moves: z.array(z.object({ from: z.string(), into: z.string(), name: z.string() })),
  before: z
    .object({ charset: z.string(), collation: z.string(), tables: z.array(z.string()), programs: z.array(program) })
    .nullable(),
  finishing: z.array(z.string()),
});

export async function writeJournal(session: Session, old: string, journal: Journal): Promise<void> {
  const table = `${identifier(old)}.${opened}`;
  const content = Buffer.from(JSON.stringify(journal)).toString('base64');
  await session.run(`CREATE DATABASE ${identifier(old)}`);
  // Filled aside: a table of the last name is a whole journal.
  await session.run(`CREATE TABLE ${table}_part (number int PRIMARY KEY, content mediumtext CHARACTER SET ascii)`);
  for (let at = 0; at * partCharacters < content.length; at += 1) {
    const part = content.slice(at * partCharacters, (at + 1) * partCharacters);
    await session.run(`INSERT INTO ${table}_part VALUES (${at}, '${part}')`);
  }
  await session.run(`RENAME TABLE ${table}_part TO ${table}`);
}

/** From here on the new one is what counts. */
export function commitOf(old: string): string {
  return bytesOf(`RENAME TABLE ${identifier(old)}.${opened} TO ${identifier(old)}.${done}`);
}

export type JournalState = 'open' | 'done' | 'none';

export async function journalState(session: Session, old: string): Promise<JournalState> {
  const names = await tablesIn(session, old);
  return names.includes(opened) ? 'open' : names.includes(done) ? 'done' : 'none';
}

/** What was replaced goes, and last the table that says that it may. */
export async function dropReplaced(session: Session, old: string): Promise<void> {
  const names = (await tablesIn(session, old)).filter((name) => name !== opened && name !== done);
  const listed = names.map((name) => `${identifier(old)}.${identifier(name)}`).join(', ');
  if (listed !== '') await session.run(`DROP TABLE IF EXISTS ${listed}`);
  await session.run(`DROP DATABASE IF EXISTS ${identifier(old)}`);
}

async function tablesIn(session: Session, database: string): Promise<string[]> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${literal(database)}`,
  );
  return rows.map((row) => text(row, 'name'));
}

/** Databases in whose exchange somebody was killed, with those that it left. */
export async function brokenExchanges(
  session: Session,
): Promise<{ readonly old: string; readonly journal: Journal }[]> {
  const found: { old: string; journal: Journal }[] = [];
  for (const old of await abandoned(session, '^coffre_old_[0-9a-f]{12}$')) {
    if ((await journalState(session, old)) !== 'open') continue;
    const rows = await session.rows(`SELECT content FROM ${identifier(old)}.${opened} ORDER BY number`);
    const content = Buffer.from(rows.map((row) => text(row, 'content')).join(''), 'base64').toString('utf8');
    const { before, ...journal } = journalSchema.parse(JSON.parse(content));
    const programs = before?.programs.map(({ table, sqlMode, ...one }) => ({ ...one, table, sqlMode })) ?? [];
    found.push({ old, journal: { ...journal, before: before === null ? null : { ...before, programs } } });
  }
  return found;
}

/** Of databases that no session of ours holds any more. */
export async function abandoned(session: Session, pattern: string): Promise<string[]> {
  const rows = await session.rows(
    `SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA
     WHERE SCHEMA_NAME RLIKE ${literal(pattern)} AND IS_FREE_LOCK(SCHEMA_NAME) = 1`,
  );
  return rows.map((row) => text(row, 'name'));
}

/**
 * Brings what killed exchanges left to an end, forward where the tables have moved and back where not: rows that were
 * written since stay in either case. Then it takes away what belongs to nobody any more.
 */
export async function mendExchanges(
  session: Session,
  address: MysqlAddress,
  warn: (line: string) => void,
): Promise<void> {
  for (const { old, journal } of await brokenExchanges(session)) {
    await session.run(`DO GET_LOCK(${literal(old)}, 0)`);
    try {
      await mend(session, address, old, journal);
    } catch (error) {
      warn(`a load into ${showName(journal.to)} was killed and cannot be finished: ${messageOf(error)}; see ${old}`);
    } finally {
      await session.run(`DO RELEASE_LOCK(${literal(old)})`);
    }
  }
  for (const old of await abandoned(session, '^coffre_old_[0-9a-f]{12}$')) {
    const isEmpty = (await tablesIn(session, old)).every((name) => name === `${opened}_part`);
    if (isEmpty || (await journalState(session, old)) === 'done') await dropReplaced(session, old);
  }
}

async function mend(session: Session, address: MysqlAddress, old: string, journal: Journal): Promise<void> {
  const { to, moves, before, finishing } = journal;
  const [sample] = moves.slice(-1);
  const hasMoved = sample === undefined || !(await tablesIn(session, sample.from)).includes(sample.name);
  if (!hasMoved) {
    if (before === null) await dropEmpty(session, to);
    else await makeMissing(session, to, before);
    await dropReplaced(session, old);
    return;
  }
  const tables = journal.tables === null ? undefined : new Set(journal.tables);
  for (const one of await readPrograms(session, to)) {
    if (tables === undefined || (one.table !== undefined && tables.has(one.table))) await dropProgram(session, to, one);
  }
  await using loader = await openSession(address, { text: 'bytes' });
  await loader.run(bytesOf(`USE ${identifier(to)}`));
  for (const statement of [...finishing, commitOf(old)]) await loader.run(statement);
}

async function makeMissing(session: Session, to: string, { programs }: Standing): Promise<void> {
  const there = new Set((await readPrograms(session, to)).map(({ kind, name }) => JSON.stringify([kind, name])));
  await makePrograms(
    session,
    to,
    programs.filter(({ kind, name }) => !there.has(JSON.stringify([kind, name]))),
  );
}

/** It was made for a load that never came. */
async function dropEmpty(session: Session, name: string): Promise<void> {
  const rows = await session.rows(`SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${literal(name)}`);
  if (rows.length === 0 || (await tablesIn(session, name)).length > 0) return;
  if ((await readPrograms(session, name)).length === 0) await session.run(`DROP DATABASE ${identifier(name)}`);
}
