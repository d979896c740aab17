/**
 * Loads saved databases into a server, whole or not at all. Everything goes into a database of a name of our own first
 * and is compared there with what was saved. Then all tables change places by one RENAME TABLE, which happens at once or
 * not at all; views, routines, triggers and events cannot be renamed and are made anew from the dump. When that fails,
 * tables and programs are put back as they were. What was replaced is dropped last.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CoffreError, messageOf } from '@coffre/repository';
import type { LoadTarget, SavedSource, SourceContext } from '../source.ts';
import type { DumpStatement, Placing } from './dump-statements.ts';
import { dropProgram, makePrograms, readPrograms, type LiveProgram } from './live-programs.ts';
import { makeUsers, type MadeUsers } from './load-users.ts';
import { feed, openLoader, provisional, send } from './load-statements.ts';
import { planLoad, type LoadPlan, type PlannedDatabase } from './load-target.ts';
import { compareDatabase, isSameSeriesAs, type MysqlTruth } from './mysql-truth.ts';
import { identifier, literal, showName } from './names.ts';
import { readContent } from './read-content.ts';
import { charsetOf, readFacts, text } from './server-facts.ts';
import { readOptionGroup } from './option-file.ts';
import { openSession, type Session } from './session.ts';
import { showAddress, type MysqlSettings } from './settings.ts';
import { checkTarget, definersMissing, missingDefiners } from './target-checks.ts';

/** How long the exchange waits for programs that use what is replaced. */
const lockWaitS = 5;

/** @returns where they are now. @throws {CoffreError} SOURCE_TARGET_REFUSED, SOURCE_VERIFY_FAILED */
export async function loadSaved(
  saved: SavedSource<MysqlTruth>,
  target: LoadTarget<MysqlSettings>,
  context: SourceContext,
): Promise<string> {
  const plan = withLoginFile(planLoad(saved.truth, target));
  await using session = await openSession(plan.address);
  // All of them before the first is touched.
  for (const database of plan.databases) await checkTarget(session, database, target.overwrite);
  await using users = await definersFor(saved, plan, target, session);
  await session.run(`SET SESSION foreign_key_checks = 0, lock_wait_timeout = ${lockWaitS}`);
  await using prepared = new AsyncDisposableStack();
  const ready: Prepared[] = [];
  for (const database of plan.databases)
    ready.push(prepared.use(await prepare(saved, plan, database, session, context)));
  for (const one of ready) await putInPlace(one, plan, session, context);
  users.keep();
  const names = plan.databases.map(({ to }) => showName(to)).join(', ');
  return `${names} on ${showAddress(plan.address)}`;
}

/** The group `client` of an option file of the clients: so that no password stands among words. */
function withLoginFile(plan: LoadPlan): LoadPlan {
  if (plan.loginFile === undefined) return plan;
  const login = readOptionGroup(readText(plan.loginFile), 'client');
  const { user = login?.user, password = login?.password } = plan.address;
  return { ...plan, address: { ...plan.address, user, password } };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CoffreError('SOURCE_MISSING', `the option file cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function definersFor(
  saved: SavedSource<MysqlTruth>,
  plan: LoadPlan,
  { createsOwners = false }: LoadTarget<MysqlSettings>,
  session: Session,
): Promise<MadeUsers> {
  const missing = new Set<string>();
  if (plan.definer === 'keep') {
    for (const database of plan.databases) {
      for (const one of await missingDefiners(session, database)) missing.add(one);
    }
  }
  if (missing.size > 0 && !createsOwners) throw definersMissing([...missing]);
  return await makeUsers(session, saved, [...missing]);
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
  await session.run(`CREATE DATABASE ${identifier(aside)} ${charsetWords(truth)}`);
  const drop = async (): Promise<void> => await session.run(`DROP DATABASE IF EXISTS ${identifier(aside)}`);
  try {
    const placing = { original: truth.name, database: aside, definer: plan.definer };
    const work = { address: plan.address, placing, signal };
    await using loader = await openLoader(work);
    const statements = await feed(work, loader, saved.read(truth.stream), provisional, tables);
    const found = await readContent(session, aside);
    const expected = { ...truth, objects: truth.objects.filter(({ kind }) => kind !== 'event') };
    const { schema, rows } = compareDatabase(truth.name, expected, found, {
      only: tables,
      isSameSeries: isSameSeriesAs(saved.truth, (await readFacts(session)).version),
    });
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
  const isThere = await isDatabase(session, to);
  const before = isThere ? await standing(session, to, tables) : undefined;
  if (!isThere) await session.run(`CREATE DATABASE ${identifier(to)} ${charsetWords(truth)}`);
  const old = `coffre_old_${randomBytes(6).toString('hex')}`;
  const moved: Move[] = [];
  try {
    for (const program of before?.programs ?? []) await dropProgram(session, to, program);
    // Tables with triggers cannot move.
    for (const program of await readPrograms(session, aside)) {
      if (program.kind === 'TRIGGER') await dropProgram(session, aside, program);
    }
    const coming = await movable(session, aside);
    if (before !== undefined && before.tables.length > 0) await session.run(`CREATE DATABASE ${identifier(old)}`);
    const moves = [
      ...(before?.tables ?? []).map((name) => ({ from: to, into: old, name })),
      ...coming.map((name) => ({ from: aside, into: to, name })),
    ];
    await renameAll(session, moves);
    moved.push(...moves);
    if (tables === undefined) await session.run(`ALTER DATABASE ${identifier(to)} ${charsetWords(truth)}`);
    await pointDefaultsAt(session, aside, to);
    await makeFromDump(statements, { original: truth.name, database: to, definer: plan.definer }, plan, context);
  } catch (error) {
    await putBack(session, planned, moved, before);
    await session.run(`DROP DATABASE IF EXISTS ${identifier(old)}`);
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

function charsetWords({ charset, collation }: Pick<Standing, 'charset' | 'collation'>): string {
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

async function putBack(
  session: Session,
  { to, tables }: PlannedDatabase,
  moved: readonly Move[],
  before: Standing | undefined,
): Promise<void> {
  if (before === undefined) {
    await session.run(`DROP DATABASE IF EXISTS ${identifier(to)}`);
    return;
  }
  for (const program of (await standing(session, to, tables)).programs) await dropProgram(session, to, program);
  await renameAll(
    session,
    moved.toReversed().map(({ from, into, name }) => ({ from: into, into: from, name })),
  );
  await session.run(`ALTER DATABASE ${identifier(to)} ${charsetWords(before)}`);
  await makePrograms(session, to, before.programs);
}
