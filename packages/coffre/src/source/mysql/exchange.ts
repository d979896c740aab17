/**
 * Puts what was loaded and proved aside into its place. All tables change places by one RENAME TABLE, which happens at
 * once or not at all; views, routines, triggers and events cannot be renamed and are made anew from the dump. When that
 * fails, tables and programs are put back as they were. What was replaced is dropped last.
 *
 * MariaDB from 10.6.2 on gets all of it as one statement and finishes it without us. Other servers get one after the other;
 * there, and when the server itself dies, the next load reads the journal and brings it to an end.
 */
import { randomBytes } from 'node:crypto';
import { CoffreError, messageOf } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import type { DumpStatement, Placing } from './dump-statements.ts';
import { commitOf, dropReplaced, journalState, writeJournal, type JournalState } from './exchange-journal.ts';
import {
  asOneStatement,
  backOf,
  bytesOf,
  canBeTakenBack,
  charsetWords,
  planExchange,
  renameOf,
  stepsOf,
  type Exchange,
  type Standing,
} from './exchange-steps.ts';
import { dropProgram, makePrograms, readPrograms, type LiveProgram } from './live-programs.ts';
import { refusedStatement } from './load-statements.ts';
import type { LoadPlan, PlannedDatabase } from './load-target.ts';
import { identifier, literal, showName } from './names.ts';
import { charsetOf, readFacts, text } from './server-facts.ts';
import { errorNumberOf, lockTimeout, openSession, usableSession, type Session } from './session.ts';
import { refused } from './target-checks.ts';

export type Proved = {
  readonly planned: PlannedDatabase;
  /** Where it lies whole and proved. */
  readonly aside: string;
  readonly statements: readonly DumpStatement[];
};

/** How long the exchange waits for programs that use what is replaced. */
export const lockWaitS = 5;

/** @throws {CoffreError} when it cannot be done: then everything is as it was */
export async function putInPlace(
  { planned, aside, statements }: Proved,
  plan: LoadPlan,
  session: Session,
  context: SourceContext,
): Promise<void> {
  const { saved: truth, to, tables } = planned;
  const before = (await isDatabase(session, to)) ? await standing(session, to, tables) : undefined;
  const old = `coffre_old_${randomBytes(6).toString('hex')}`;
  const placing = { original: truth.name, database: to, definer: plan.definer };
  const moves = [
    ...(before?.tables ?? []).map((name) => ({ from: to, into: old, name })),
    ...(await movable(session, aside)).map((name) => ({ from: aside, into: to, name })),
  ];
  const exchange = planExchange({
    placing,
    before,
    moves,
    charset: tables === undefined ? truth : undefined,
    defaults: await defaultsOf(session, aside, to),
    statements,
  });
  if (tables !== undefined && before !== undefined) await refuseForeignTriggers(session, to, tables, exchange);
  for (const program of await readPrograms(session, aside)) {
    if (program.kind === 'TRIGGER') await dropProgram(session, aside, program);
  }
  const failed = { planned, plan, session, exchange, before, old };
  await using loader = await openSession(plan.address, { text: 'bytes' });
  context.signal.addEventListener('abort', () => loader.destroy(), { once: true });
  await loader.run(`SET NAMES utf8mb4`);
  await loader.run(`SET SESSION foreign_key_checks = 0, lock_wait_timeout = ${lockWaitS}`);
  // As long as this session works, nobody else takes it for abandoned.
  await loader.run(`DO GET_LOCK(${literal(old)}, 0)`);
  try {
    await writeJournal(session, old, {
      to,
      tables: tables === undefined ? null : [...tables],
      moves,
      before: before ?? null,
      finishing: exchange.finishing,
    });
    if (before === undefined) await session.run(`CREATE DATABASE ${identifier(to)} ${charsetWords(truth)}`);
    context.signal.throwIfAborted();
    await run(loader, { exchange, placing, old, plan });
  } catch (error) {
    if (!(await settle(failed, error))) throw error;
  }
  await using held = await usableSession(session, plan.address);
  await held.session.run('SET SESSION foreign_key_checks = 0');
  await dropReplaced(held.session, old);
}

type Work = {
  readonly exchange: Exchange;
  readonly placing: Placing;
  readonly old: string;
  readonly plan: LoadPlan;
};

/** Statements that may not be prepared are few from 10.6.2 on. */
const asOneFrom = 100_602;

async function run(loader: Session, { exchange, placing, old, plan }: Work): Promise<void> {
  const facts = await readFacts(loader);
  const [limit] = await loader.rows('SELECT @@max_allowed_packet AS bytes');
  await loader.run(bytesOf(`USE ${identifier(exchange.to)}`));
  const steps = [...stepsOf(exchange), commitOf(old)];
  const whole = asOneStatement(exchange, commitOf(old), old);
  const fits = whole.length < Number(limit?.['bytes']) / 2;
  const isOne = facts.family === 'mariadb' && facts.number >= asOneFrom && fits && canBeTakenBack(exchange);
  let at = 0;
  try {
    if (isOne) await loader.run(whole);
    else for (; at < steps.length; at += 1) await loader.run(steps[at]!);
  } catch (error) {
    const number = errorNumberOf(error);
    // Without an answer the server may still be at it: it is ended before anybody looks.
    if (number === undefined) await (await usableSession(loader, plan.address))[Symbol.asyncDispose]();
    if (number === undefined || number === lockTimeout) throw error;
    if (isOne) at = Number((await loader.rows('SELECT @coffre_step AS step'))[0]?.['step'] ?? 0);
    const isOfDump = at >= steps.length - 1 - exchange.finishing.length + exchange.fromDump;
    throw isOfDump ? refusedStatement(error, Buffer.from(steps[at] ?? '', 'latin1'), placing) : error;
  }
}

/** A trigger of that name watches a table that stays. */
async function refuseForeignTriggers(
  session: Session,
  to: string,
  tables: ReadonlySet<string>,
  { made }: Exchange,
): Promise<void> {
  const coming = new Set(made.filter(({ kind }) => kind === 'TRIGGER').map(({ name }) => name));
  const taken = (await readPrograms(session, to)).find(
    ({ kind, name, table }) => kind === 'TRIGGER' && coming.has(name) && table !== undefined && !tables.has(table),
  );
  if (taken === undefined) return;
  throw refused(
    `${showName(to, taken.table ?? '')} has a trigger ${showName(taken.name)}, as the table that is loaded`,
    'Load it into another database, or rename one of the two.',
  );
}

/** Of single tables only their triggers go with them. */
async function standing(session: Session, to: string, only: ReadonlySet<string> | undefined): Promise<Standing> {
  const [tables, programs] = [await movable(session, to), await readPrograms(session, to)];
  return {
    ...(await charsetOf(session, to)),
    tables: tables.filter((name) => only === undefined || only.has(name)),
    programs: programs.filter(({ table }) => only === undefined || (table !== undefined && only.has(table))),
  };
}

async function isDatabase(session: Session, name: string): Promise<boolean> {
  const rows = await session.rows(`SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${literal(name)}`);
  return rows.length > 0;
}

async function movable(session: Session, database: string): Promise<string[]> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${literal(database)} AND TABLE_TYPE <> 'VIEW'`,
  );
  return rows.map((row) => text(row, 'name'));
}

/** Defaults that take the next number of a sequence name its database. Views only show those of their tables. */
async function defaultsOf(session: Session, aside: string, to: string): Promise<string[]> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS name, COLUMN_NAME AS column_name, COLUMN_DEFAULT AS wanted
     FROM information_schema.COLUMNS JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME)
     WHERE TABLE_TYPE <> 'VIEW' AND TABLE_SCHEMA = ${literal(aside)} AND COLUMN_DEFAULT LIKE ${literal(`%nextval(${identifier(aside)}.%`)}`,
  );
  return rows.map((row) => {
    const wanted = text(row, 'wanted').replaceAll(`nextval(${identifier(aside)}.`, () => `nextval(${identifier(to)}.`);
    return `ALTER TABLE ${identifier(to)}.${identifier(text(row, 'name'))} ALTER COLUMN ${identifier(text(row, 'column_name'))} SET DEFAULT (${wanted})`;
  });
}

function keyed(programs: readonly LiveProgram[]): ReadonlyMap<string, LiveProgram> {
  return new Map(programs.map((program) => [JSON.stringify(program), program]));
}

type Failed = {
  readonly planned: PlannedDatabase;
  readonly plan: LoadPlan;
  readonly session: Session;
  readonly exchange: Exchange;
  readonly before: Standing | undefined;
  readonly old: string;
};

/**
 * After a failure everything is put back. It goes by what it finds: the answer to a statement may be what was lost.
 * @returns whether all was done in truth
 */
async function settle(failed: Failed, cause: unknown): Promise<boolean> {
  const { planned, plan, before, old } = failed;
  const { to } = planned;
  let state: JournalState | undefined;
  try {
    await using held = await usableSession(failed.session, plan.address);
    const { session } = held;
    await session.run(`SET SESSION foreign_key_checks = 0, lock_wait_timeout = ${lockWaitS}`);
    state = await journalState(session, old);
    if (state === 'done') return true;
    if (before === undefined) await session.run(`DROP DATABASE IF EXISTS ${identifier(to)}`);
    else if (state === 'open') await putBack(session, failed, before);
    await session.run(`DROP DATABASE IF EXISTS ${identifier(old)}`);
    return false;
  } catch (error) {
    throw new CoffreError(
      'SOURCE_TARGET_REFUSED',
      `${showName(to)} could not be put back as it was: ${messageOf(error)}; before that: ${messageOf(cause)}`,
      {
        hint: `The next load into this server brings it to an end; ${old} says what is to be done, and holds the old tables if they are gone.`,
        cause,
      },
    );
  }
}

async function putBack(session: Session, { planned, exchange }: Failed, before: Standing): Promise<void> {
  const { to, tables } = planned;
  const { moves } = exchange;
  // All of them moved, or none.
  const [sample] = moves.slice(-1);
  const hasMoved = sample !== undefined && !(await movable(session, sample.from)).includes(sample.name);
  const was = keyed(before.programs);
  const now = keyed((await standing(session, to, tables)).programs);
  // On tables that never moved, what stands as it stood needs no lock, which somebody may still hold.
  const isSame = (key: string): boolean => !hasMoved && was.has(key) && now.has(key);
  for (const [key, program] of now) if (!isSame(key)) await dropProgram(session, to, program);
  if (hasMoved) await session.run(Buffer.from(renameOf(backOf(moves)), 'latin1').toString('utf8'));
  await session.run(`ALTER DATABASE ${identifier(to)} ${charsetWords(before)}`);
  const missing = [...was].filter(([key]) => !isSame(key)).map(([, program]) => program);
  await makePrograms(session, to, missing);
}
