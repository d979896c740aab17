/**
 * Loads saved databases into a server, whole or not at all. Everything goes into a database of a name of our own first
 * and is compared there with what was saved; then it changes places with what is there.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CoffreError, messageOf } from '@coffre/repository';
import type { LoadTarget, SavedSource, SourceContext } from '../source.ts';
import { lockWaitS, putInPlace, type Proved } from './exchange.ts';
import { abandoned, mendExchanges } from './exchange-journal.ts';
import { charsetWords } from './exchange-steps.ts';
import { makeUsers, type MadeUsers } from './load-users.ts';
import { feed, openLoader, provisional } from './load-statements.ts';
import { planLoad, type LoadPlan, type PlannedDatabase } from './load-target.ts';
import { compareDatabase, isSameSeriesAs, type DatabaseTruth, type MysqlTruth } from './mysql-truth.ts';
import { identifier, literal, showName } from './names.ts';
import { readContent } from './read-content.ts';
import { familyName } from './release.ts';
import { readFacts, type ServerFacts } from './server-facts.ts';
import { readOptionGroup } from './option-file.ts';
import { openSession, usableSession, type Session } from './session.ts';
import { showAddress, type MysqlAddress, type MysqlSettings } from './settings.ts';
import { checkTarget, definersMissing, missingDefiners, refused } from './target-checks.ts';

/** @returns where they are now. @throws {CoffreError} SOURCE_TARGET_REFUSED, SOURCE_VERIFY_FAILED */
export async function loadSaved(
  saved: SavedSource<MysqlTruth>,
  target: LoadTarget<MysqlSettings>,
  context: SourceContext,
): Promise<string> {
  const plan = withLoginFile(planLoad(saved.truth, target));
  await using session = await openSession(plan.address);
  refuseOtherFamily(saved.truth, await readFacts(session));
  await session.run(`SET SESSION foreign_key_checks = 0, lock_wait_timeout = ${lockWaitS}`);
  await sweepAbandoned(session, plan.address, context);
  // All of them before the first is touched.
  for (const database of plan.databases) await checkTarget(session, database, target.overwrite);
  await using users = await definersFor(saved, plan, target, session);
  await using prepared = new AsyncDisposableStack();
  const ready: Prepared[] = [];
  for (const database of plan.databases)
    ready.push(prepared.use(await prepare(saved, plan, database, session, context)));
  for (const one of ready) await putInPlace(one, plan, session, context);
  for (const { to, saved: truth } of plan.databases) sayBroken(to, truth, context);
  users.keep();
  const names = plan.databases.map(({ to }) => showName(to)).join(', ');
  return `${names} on ${showAddress(plan.address)}`;
}

/** What loads that were killed left behind. */
async function sweepAbandoned(session: Session, address: MysqlAddress, { warn }: SourceContext): Promise<void> {
  await mendExchanges(session, address, warn);
  for (const name of await abandoned(session, '^coffre_load_[0-9a-f]{12}$')) {
    await session.run(`DROP DATABASE IF EXISTS ${identifier(name)}`);
  }
}

/** Each writes what the other does not read; what came through could not be proved to be the same. */
function refuseOtherFamily({ family }: MysqlTruth, target: ServerFacts): void {
  if (family === target.family) return;
  throw refused(
    `what was saved is of ${familyName(family)}, and the server is ${familyName(target.family)}`,
    'Load it into a server of its own kind; moving between the two is done with their own tools and a look at each error.',
  );
}

/** The group `client` of an option file of the clients: so that no password stands among words. */
function withLoginFile(plan: LoadPlan): LoadPlan {
  if (plan.loginFile === undefined) return plan;
  const login = readOptionGroup(readText(plan.loginFile), 'client');
  if (login === undefined) {
    throw new CoffreError('SOURCE_MISSING', `${plan.loginFile} has no group [client]`, {
      hint: 'Write user and password below a line [client], as the clients of the engine read it.',
    });
  }
  const { user = login.user, password = login.password } = plan.address;
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
  return await makeUsers(session, plan.address, saved, [...missing]);
}

function sayBroken(to: string, { brokenViews }: DatabaseTruth, { warn }: SourceContext): void {
  for (const { name, definition } of brokenViews) {
    warn(`the view ${showName(to, name)} was broken when it was saved, and is not there; it showed: ${definition}`);
  }
}

type Prepared = AsyncDisposable & Proved;

async function prepare(
  saved: SavedSource<MysqlTruth>,
  plan: LoadPlan,
  planned: PlannedDatabase,
  session: Session,
  { signal, warn }: SourceContext,
): Promise<Prepared> {
  const { saved: truth, tables } = planned;
  const aside = `coffre_load_${randomBytes(6).toString('hex')}`;
  // Says to others that somebody still needs it, for as long as this session lives.
  await session.run(`DO GET_LOCK(${literal(aside)}, 0)`);
  await session.run(`CREATE DATABASE ${identifier(aside)} ${charsetWords(truth)}`);
  const drop = async (): Promise<void> => {
    try {
      await using held = await usableSession(session, plan.address);
      await held.session.run(`DROP DATABASE IF EXISTS ${identifier(aside)}`);
    } catch (error) {
      warn(`${aside} is left on the server until the next load: ${messageOf(error)}`);
    }
  };
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
