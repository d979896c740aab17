/**
 * Loads saved databases into a server, whole or not at all. Everything goes into a database of a name of our own first
 * and is compared there with what was saved. Then all tables change places by one RENAME TABLE, which happens at once or
 * not at all; views, routines, triggers and events cannot be renamed and are made anew from the dump. When that fails,
 * tables and programs are put back as they were. What was replaced is dropped last.
 */
import { randomBytes } from 'node:crypto';
import { CoffreError } from '@coffre/repository';
import type { LoadTarget, SavedSource, SourceContext } from '../source.ts';
import type { DumpStatement, Placing } from './dump-statements.ts';
import { dropProgram, makePrograms, readPrograms, type LiveProgram } from './live-programs.ts';
import { feed, openLoader, provisional, send } from './load-statements.ts';
import { planLoad, type LoadPlan, type PlannedDatabase } from './load-target.ts';
import { compareDatabase, type MysqlTruth } from './mysql-truth.ts';
import { identifier, literal, showName } from './names.ts';
import { readContent } from './read-content.ts';
import { text } from './server-facts.ts';
import { openSession, type Session } from './session.ts';
import { showAddress, type MysqlSettings } from './settings.ts';
import { checkTarget } from './target-checks.ts';

/** @returns where they are now. @throws {CoffreError} SOURCE_TARGET_REFUSED, SOURCE_VERIFY_FAILED */
export async function loadSaved(
  saved: SavedSource<MysqlTruth>,
  target: LoadTarget<MysqlSettings>,
  context: SourceContext,
): Promise<string> {
  const plan = planLoad(saved.truth, target);
  await using session = await openSession(plan.address);
  // All of them before the first is touched.
  for (const database of plan.databases) await checkTarget(session, database, plan.definer, target.overwrite);
  await session.run('SET SESSION foreign_key_checks = 0');
  await using prepared = new AsyncDisposableStack();
  const ready: Prepared[] = [];
  for (const database of plan.databases)
    ready.push(prepared.use(await prepare(saved, plan, database, session, context)));
  for (const one of ready) await putInPlace(one, plan, session, context);
  const names = plan.databases.map(({ to }) => showName(to)).join(', ');
  return `${names} on ${showAddress(plan.address)}`;
}

type Prepared = AsyncDisposable & {
  readonly planned: PlannedDatabase;
  /** Where it lies whole and proved. */
  readonly aside: string;
  readonly statements: readonly DumpStatement[];
};

async function prepare(
  saved: SavedSource<MysqlTruth>,
  plan: LoadPlan,
  planned: PlannedDatabase,
  session: Session,
  { signal }: SourceContext,
): Promise<Prepared> {
  const { saved: truth, tables } = planned;
  const aside = `coffre_load_${randomBytes(6).toString('hex')}`;
  await session.run(`CREATE DATABASE ${identifier(aside)} CHARACTER SET ${truth.charset} COLLATE ${truth.collation}`);
  const drop = async (): Promise<void> => await session.run(`DROP DATABASE IF EXISTS ${identifier(aside)}`);
  try {
    const placing = { original: truth.name, database: aside, definer: plan.definer };
    const work = { address: plan.address, placing, signal };
    await using loader = await openLoader(work);
    const statements = await feed(work, loader, saved.read(truth.stream), provisional, tables);
    const found = await readContent(session, aside);
    const expected = { ...truth, objects: truth.objects.filter(({ kind }) => kind !== 'event') };
    const { schema, rows } = compareDatabase(truth.name, expected, found, tables);
    const differences = [...rows, ...schema];
    if (differences.length > 0) {
      throw new CoffreError(
        'SOURCE_VERIFY_FAILED',
        `what was loaded is not what was saved: ${differences.join('; ')}`,
        {
          hint: 'The target is as it was. Try an earlier snapshot, or a server of the version that was saved.',
        },
      );
    }
    return { planned, aside, statements, [Symbol.asyncDispose]: drop };
  } catch (error) {
    await drop();
    throw error;
  }
}

async function putInPlace(
  { planned, aside, statements }: Prepared,
  plan: LoadPlan,
  session: Session,
  context: SourceContext,
): Promise<void> {
  const { saved: truth, to, tables } = planned;
  // Somebody may have made it meanwhile.
  const isThere = await isDatabase(session, to);
  if (!isThere) {
    await session.run(`CREATE DATABASE ${identifier(to)} CHARACTER SET ${truth.charset} COLLATE ${truth.collation}`);
  }
  const old = `coffre_old_${randomBytes(6).toString('hex')}`;
  const before = isThere ? await takeDown(session, to, tables) : [];
  const moved: Move[] = [];
  try {
    for (const { name } of (await readPrograms(session, aside)).filter(({ kind }) => kind === 'TRIGGER')) {
      await dropProgram(session, aside, { kind: 'TRIGGER', name, table: undefined });
    }
    const coming = await movable(session, aside);
    const going = isThere
      ? (await movable(session, to)).filter((name) => tables === undefined || tables.has(name))
      : [];
    if (going.length > 0) await session.run(`CREATE DATABASE ${identifier(old)}`);
    await renameAll(
      session,
      [
        ...going.map((name) => ({ from: to, into: old, name })),
        ...coming.map((name) => ({ from: aside, into: to, name })),
      ],
      moved,
    );
    await pointDefaultsAt(session, aside, to);
    await makeFromDump(statements, { original: truth.name, database: to, definer: plan.definer }, plan, context);
  } catch (error) {
    await putBack(session, planned, moved, before, isThere);
    throw error;
  } finally {
    if (moved.length === 0) await session.run(`DROP DATABASE IF EXISTS ${identifier(old)}`);
  }
  await session.run(`DROP DATABASE IF EXISTS ${identifier(old)}`);
}

type Move = { readonly from: string; readonly into: string; readonly name: string };

async function isDatabase(session: Session, name: string): Promise<boolean> {
  const rows = await session.rows(`SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${literal(name)}`);
  return rows.length > 0;
}

/** Programs of what is replaced: tables with triggers cannot move, and the dump brings its own. */
async function takeDown(
  session: Session,
  database: string,
  tables: ReadonlySet<string> | undefined,
): Promise<LiveProgram[]> {
  const programs = await readPrograms(session, database);
  const taken = programs.filter(({ table }) => tables === undefined || (table !== undefined && tables.has(table)));
  for (const program of taken) await dropProgram(session, database, program);
  return taken;
}

async function movable(session: Session, database: string): Promise<string[]> {
  const rows = await session.rows(
    `SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${literal(database)} AND TABLE_TYPE <> 'VIEW'`,
  );
  return rows.map((row) => text(row, 'name'));
}

async function renameAll(session: Session, moves: readonly Move[], moved: Move[]): Promise<void> {
  if (moves.length === 0) return;
  const words = moves.map(
    ({ from, into, name }) => `${identifier(from)}.${identifier(name)} TO ${identifier(into)}.${identifier(name)}`,
  );
  await session.run(`RENAME TABLE ${words.join(', ')}`);
  moved.push(...moves);
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

async function putBack(
  session: Session,
  { to, tables }: PlannedDatabase,
  moved: readonly Move[],
  before: readonly LiveProgram[],
  wasThere: boolean,
): Promise<void> {
  if (!wasThere) {
    await session.run(`DROP DATABASE IF EXISTS ${identifier(to)}`);
    return;
  }
  if (moved.length > 0) {
    await takeDown(session, to, tables);
    await renameAll(
      session,
      moved.toReversed().map(({ from, into, name }) => ({ from: into, into: from, name })),
      [],
    );
  }
  await makePrograms(session, to, before);
}
