/**
 * Saved databases onto a server. A whole database is loaded beside, proved there, and takes its name at the end; what had
 * that name stays until then. Tables are loaded in one transaction. Whatever fails, the target is as it was.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { LoadTarget, SavedSource, SourceContext } from '../source.ts';
import { holdsNothing, removeAbandoned } from './abandoned.ts';
import { addressUrl } from './address-url.ts';
import { applyOwnProperties } from './apply-properties.ts';
import { inOwnSearchPath } from './own-search-path.ts';
import { loadBeside } from './load-beside.ts';
import { destinationOf, type Chosen } from './load-target.ts';
import { rolesOf } from './own-properties.ts';
import { showName } from './names.ts';
import { listed } from './preflight.ts';
import { differencesInside } from './prove.ts';
import { jobsOf, restoreArchive, savedHead } from './restore-archive.ts';
import { openServer, serverAt, serverFacts } from './server.ts';
import { openSession, type Session } from './session.ts';
import type { PostgresAddress, PostgresSettings } from './settings.ts';
import { entriesOfTables, useList } from './table-entries.ts';
import {
  createRoles,
  databaseIsThere,
  missingRoles,
  refuseWithoutExtensions,
  savedGlobals,
  usersOf,
} from './target-server.ts';
import { toolsFor, type Tools } from './tools.ts';
import type { PostgresTruth } from './truth.ts';
import { majorOf } from './verify.ts';

type Job = {
  readonly saved: SavedSource<PostgresTruth>;
  readonly target: LoadTarget<PostgresSettings>;
  readonly context: SourceContext;
  readonly address: PostgresAddress;
  readonly session: Session;
  readonly major: number;
  readonly tools: Tools;
};

/** @returns addresses of what was loaded */
export async function loadSaved(
  saved: SavedSource<PostgresTruth>,
  target: LoadTarget<PostgresSettings>,
  context: SourceContext,
): Promise<string> {
  const { address, chosen } = destinationOf(saved.truth, target);
  // The one of the session itself could not be renamed.
  const isUsual = chosen.some(({ name }) => name === 'postgres');
  const { session } = await openServer(serverAt(address, isUsual ? ['template1'] : []), context.signal);
  await using _session = session;
  const { major } = await serverFacts(session);
  const tools = await toolsFor(context, majorOf(saved.truth.toolVersion));
  const job: Job = { saved, target, context, address, session, major, tools };
  refuseOlder(job);
  await removeAbandoned(session, { address, signal: context.signal, warn: context.warn });
  for (const one of chosen) await refuseBefore(job, one);
  await mendRoles(job, chosen);
  const places: string[] = [];
  for (const one of chosen) {
    if (one.tables.length > 0) await loadTables(job, one);
    else await loadWhole(job, one);
    places.push(addressUrl(address, one.name));
  }
  return places.join(' ');
}

function refuseOlder({ saved, major }: Job): void {
  const from = majorOf(saved.truth.server.version);
  if (major >= from) return;
  throw new CoffreError('SOURCE_TARGET_REFUSED', `the target is PostgreSQL ${major}, and this was saved from ${from}`, {
    hint: `Load it into PostgreSQL ${from} or newer; an older server does not understand all of it.`,
  });
}

/** Everything that can be known first, of every database, before the first one is touched. */
async function refuseBefore(job: Job, { database, name, tables }: Chosen): Promise<void> {
  const { session, target, major } = job;
  await refuseWithoutExtensions(session, database, major);
  if (tables.length > 0 || !(await databaseIsThere(session, name))) return;
  if (!target.overwrite) {
    if (await isEmpty(job, name)) return;
    throw new CoffreError('SOURCE_TARGET_REFUSED', `database ${JSON.stringify(name)} is there already`, {
      hint: 'Name another one with --target, or add --overwrite; the old one goes when the new one is proved.',
    });
  }
  const users = await usersOf(session, name);
  if (users.length === 0) return;
  throw new CoffreError('SOURCE_TARGET_REFUSED', `database ${JSON.stringify(name)} is used by ${listed(users)}`, {
    hint: 'Stop the programs that use it, then load again; or load it under another name with --target.',
  });
}

async function isEmpty({ address, context: { signal } }: Job, name: string): Promise<boolean> {
  await using inside = await openSession({ address, database: name, signal });
  return await holdsNothing(inside, signal);
}

async function mendRoles(job: Job, chosen: readonly Chosen[]): Promise<void> {
  const { session, target, saved, context } = job;
  if (target.withoutOwners === true) return;
  const missing = await missingRoles(
    session,
    chosen.flatMap(({ database }) => database.roles),
  );
  if (target.createsOwners === true) {
    const owners = chosen.flatMap(({ database }) => [database.owner, ...rolesOf(database)]);
    await createRoles(session, await savedGlobals(saved, context.warn), [...missing, ...owners]);
    return;
  }
  if (missing.length === 0) return;
  throw new CoffreError(
    'SOURCE_TARGET_REFUSED',
    `the target has no role ${listed(missing)}, which own or may use what was saved`,
    {
      hint: 'Add --create-roles to make them as they were, or --no-owner to own everything yourself.',
    },
  );
}

function ownerWords({ target }: Job): string[] {
  return ['--no-tablespaces', ...(target.withoutOwners === true ? ['--no-owner', '--no-privileges'] : [])];
}

async function loadWhole(job: Job, chosen: Chosen): Promise<void> {
  const { session, target, context } = job;
  const { database, name } = chosen;
  const isThere = await databaseIsThere(session, name);
  if (isThere && !target.overwrite) {
    // Somebody made it for us, and it is empty: all of it comes in one transaction.
    await restoreAtOnce(job, chosen, name, []);
    await prove(job, chosen, name);
    return;
  }
  await inOwnSearchPath(database, context.warn, async (searchPath) => {
    await loadBeside(job, { truth: database, name, comment: database.comment }, async (fresh) => {
      await restore(job, chosen, { name: fresh, words: [], jobs: jobsOf(target.settings), searchPath });
      await prove(job, chosen, fresh);
      const withRoles = target.withoutOwners !== true;
      await applyOwnProperties(session, fresh, database, { withRoles, warn: context.warn });
    });
  });
}

/** In one transaction, after which all of it is there or nothing. */
async function restoreAtOnce(job: Job, chosen: Chosen, name: string, words: readonly string[]): Promise<void> {
  await inOwnSearchPath(chosen.database, job.context.warn, async (searchPath) => {
    await restore(job, chosen, { name, words: ['--single-transaction', ...words], jobs: 1, searchPath });
  });
}

type Restoring = {
  readonly name: string;
  readonly words: readonly string[];
  readonly jobs: number;
  readonly searchPath: string | undefined;
};

async function restore(job: Job, { database }: Chosen, restoring: Restoring): Promise<void> {
  const { saved, context, tools, address } = job;
  const { name, words, jobs, searchPath } = restoring;
  await restoreArchive({
    saved,
    database,
    context,
    tools,
    into: { address, name },
    words: [...ownerWords(job), ...words],
    jobs,
    searchPath,
  });
}

async function prove({ saved, context, address }: Job, { database }: Chosen, name: string): Promise<void> {
  const differences = await differencesInside({
    address,
    name,
    expected: database,
    isPart: saved.truth.isPart,
    depth: { schema: true, rows: true },
    signal: context.signal,
  });
  if (differences.length === 0) return;
  throw new CoffreError(
    'SOURCE_VERIFY_FAILED',
    `what was loaded is not what was saved: ${differences.slice(0, 3).join('; ')}`,
    {
      hint: 'The target keeps what it had. Load an earlier snapshot.',
    },
  );
}

async function loadTables(job: Job, chosen: Chosen): Promise<void> {
  const { saved, context, session, target } = job;
  const { database, name, tables } = chosen;
  const head = await savedHead(saved, database);
  if (head === undefined) {
    throw new CoffreError('SOURCE_INVALID', 'the archive is of a version whose tables cannot be told apart here', {
      hint: 'Load the whole database under another name and copy the table from there.',
    });
  }
  const isThere = await databaseIsThere(session, name);
  const { ids, leftOut } = entriesOfTables(head, tables, !isThere);
  if (leftOut.length > 0) context.warn(`left out, because they name tables that are not there: ${listed(leftOut)}`);
  using folder = createPrivateFolder(context.temporaryFolder, 1 << 20);
  const list = join(folder.path, 'entries');
  writeFileSync(list, useList(ids), { mode: 0o600 });
  const words = [`--use-list=${list}`];
  if (isThere) {
    const clean = await refuseTables(job, chosen);
    await restoreAtOnce(job, chosen, name, [...words, ...(clean ? ['--clean', '--if-exists'] : [])]);
    return;
  }
  if (target.overwrite) context.warn(`there is no database ${JSON.stringify(name)} to overwrite; it is made`);
  await loadBeside(job, { truth: database, name, comment: null }, async (fresh) => {
    await restoreAtOnce(job, chosen, fresh, words);
  });
}

/** @returns whether some are there and may be replaced */
async function refuseTables({ address, context, target }: Job, { name, tables }: Chosen): Promise<boolean> {
  await using inside = await openSession({ address, database: name, signal: context.signal });
  const there: string[] = [];
  for (const { schema, name: table } of tables) {
    const rows = await inside.rows(
      'SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2',
      [schema, table],
    );
    if (rows.length > 0) there.push(showName(schema, table));
  }
  if (there.length === 0) return false;
  if (target.overwrite) return true;
  throw new CoffreError('SOURCE_TARGET_REFUSED', `${JSON.stringify(name)} has ${listed(there)} already`, {
    hint: 'Load into another database with --target NAME, or add --overwrite to replace exactly these tables.',
  });
}
