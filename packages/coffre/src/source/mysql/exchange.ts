/**
 * Puts what was loaded and proved aside into its place. All tables change places by one RENAME TABLE, which happens at
 * once or not at all; views, routines, triggers and events cannot be renamed and are made anew from the dump. When that
 * fails, tables and programs are put back as they were. What was replaced is dropped last.
 */
import { randomBytes } from 'node:crypto';
import { CoffreError, messageOf } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import type { DumpStatement, Placing } from './dump-statements.ts';
import { dropProgram, makePrograms, readPrograms, type LiveProgram } from './live-programs.ts';
import { openLoader, send } from './load-statements.ts';
import type { LoadPlan, PlannedDatabase } from './load-target.ts';
import { identifier, literal, showName } from './names.ts';
import { charsetOf, text } from './server-facts.ts';
import { usableSession, type Session } from './session.ts';

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
  const isThere = await isDatabase(session, to);
  const before = isThere ? await standing(session, to, tables) : undefined;
  if (!isThere) await session.run(`CREATE DATABASE ${identifier(to)} ${charsetWords(truth)}`);
  const old = `coffre_old_${randomBytes(6).toString('hex')}`;
  const going = before?.tables ?? [];
  const coming = await movable(session, aside);
  const moves = [
    ...going.map((name) => ({ from: to, into: old, name })),
    ...coming.map((name) => ({ from: aside, into: to, name })),
  ];
  try {
    for (const program of before?.programs ?? []) await dropProgram(session, to, program);
    // Tables with triggers cannot move.
    for (const program of await readPrograms(session, aside)) {
      if (program.kind === 'TRIGGER') await dropProgram(session, aside, program);
    }
    if (going.length > 0) await session.run(`CREATE DATABASE ${identifier(old)}`);
    await renameAll(session, moves);
    if (tables === undefined) await session.run(`ALTER DATABASE ${identifier(to)} ${charsetWords(truth)}`);
    await pointDefaultsAt(session, aside, to);
    await makeFromDump(statements, { original: truth.name, database: to, definer: plan.definer }, plan, context);
  } catch (error) {
    await putBack({ planned, plan, session, moves, before, old }, error);
    throw error;
  }
  await session.run(`DROP DATABASE IF EXISTS ${identifier(old)}`);
}

/** What stands where the load goes, and goes when it comes. */
type Standing = {
  readonly charset: string;
  readonly collation: string;
  readonly tables: readonly string[];
  readonly programs: readonly LiveProgram[];
};

/** Of single tables only their triggers go with them. */
async function standing(session: Session, to: string, only: ReadonlySet<string> | undefined): Promise<Standing> {
  const [tables, programs] = [await movable(session, to), await readPrograms(session, to)];
  return {
    ...(await charsetOf(session, to)),
    tables: tables.filter((name) => only === undefined || only.has(name)),
    programs: programs.filter(({ table }) => only === undefined || (table !== undefined && only.has(table))),
  };
}

export function charsetWords({ charset, collation }: Pick<Standing, 'charset' | 'collation'>): string {
  return `CHARACTER SET ${charset} COLLATE ${collation}`;
}

type Move = { readonly from: string; readonly into: string; readonly name: string };

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

/** At once or not at all. */
async function renameAll(session: Session, moves: readonly Move[]): Promise<void> {
  if (moves.length === 0) return;
  const words = moves.map(
    ({ from, into, name }) => `${identifier(from)}.${identifier(name)} TO ${identifier(into)}.${identifier(name)}`,
  );
  await session.run(`RENAME TABLE ${words.join(', ')}`);
}

/** Defaults that take the next number of a sequence name its database. */
async function pointDefaultsAt(session: Session, from: string, to: string): Promise<void> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS name, COLUMN_NAME AS column_name, COLUMN_DEFAULT AS wanted FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ${literal(to)} AND COLUMN_DEFAULT LIKE ${literal(`%nextval(${identifier(from)}.%`)}`,
  );
  for (const row of rows) {
    const wanted = text(row, 'wanted').replaceAll(`nextval(${identifier(from)}.`, `nextval(${identifier(to)}.`);
    await session.run(
      `ALTER TABLE ${identifier(to)}.${identifier(text(row, 'name'))}
       ALTER COLUMN ${identifier(text(row, 'column_name'))} SET DEFAULT (${wanted})`,
    );
  }
}

const programKinds = new Set(['setting', 'view', 'trigger', 'routine', 'event', 'database default']);

async function makeFromDump(
  statements: readonly DumpStatement[],
  placing: Placing,
  { address }: LoadPlan,
  { signal }: SourceContext,
): Promise<void> {
  await using loader = await openLoader({ address, placing, signal });
  for (const statement of statements) if (programKinds.has(statement.kind)) await send(loader, statement, placing);
}

function keyed(programs: readonly LiveProgram[]): ReadonlyMap<string, LiveProgram> {
  return new Map(programs.map((program) => [JSON.stringify(program), program]));
}

type Failed = {
  readonly planned: PlannedDatabase;
  readonly plan: LoadPlan;
  readonly session: Session;
  readonly moves: readonly Move[];
  readonly before: Standing | undefined;
  readonly old: string;
};

/** Goes by what it finds: the answer to a statement may be what was lost. */
async function putBack({ planned, plan, session: first, moves, before, old }: Failed, cause: unknown): Promise<void> {
  const { to, tables } = planned;
  try {
    await using held = await usableSession(first, plan.address);
    const { session } = held;
    await session.run(`SET SESSION foreign_key_checks = 0, lock_wait_timeout = ${lockWaitS}`);
    if (before === undefined) {
      await session.run(`DROP DATABASE IF EXISTS ${identifier(to)}`);
      return;
    }
    // All of them moved, or none.
    const [sample] = moves.slice(-1);
    const hasMoved = sample !== undefined && !(await movable(session, sample.from)).includes(sample.name);
    const was = keyed(before.programs);
    const now = keyed((await standing(session, to, tables)).programs);
    // On tables that never moved, what stands as it stood needs no lock, which somebody may still hold.
    const isSame = (key: string): boolean => !hasMoved && was.has(key) && now.has(key);
    for (const [key, program] of now) if (!isSame(key)) await dropProgram(session, to, program);
    const back = moves.toReversed().map(({ from, into, name }) => ({ from: into, into: from, name }));
    if (hasMoved) await renameAll(session, back);
    await session.run(`ALTER DATABASE ${identifier(to)} ${charsetWords(before)}`);
    const missing = [...was].filter(([key]) => !isSame(key)).map(([, program]) => program);
    await makePrograms(session, to, missing);
    await session.run(`DROP DATABASE IF EXISTS ${identifier(old)}`);
  } catch (error) {
    throw new CoffreError(
      'SOURCE_TARGET_REFUSED',
      `${showName(to)} could not be put back as it was: ${messageOf(error)}; before that: ${messageOf(cause)}`,
      {
        hint: `Its tables are there, or whole in ${old} if that database is there: RENAME TABLE brings them back.`,
        cause,
      },
    );
  }
}
