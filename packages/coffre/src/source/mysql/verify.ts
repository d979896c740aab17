/** Proves a saved source: by reading it, and by loading it into a server of our own. */
import { isCoffreError, messageOf } from '@coffre/repository';
import type { CheckStep, SavedSource, SourceContext, Verification } from '../source.ts';
import { readStatement } from './dump-statements.ts';
import { feed, harmless, openLoader } from './load-statements.ts';
import { compareDatabase, isSameSeriesAs, type DatabaseTruth, type MysqlTruth } from './mysql-truth.ts';
import { identifier, showName } from './names.ts';
import { familyName } from './release.ts';
import { readContent } from './read-content.ts';
import { readFacts } from './server-facts.ts';
import { startScratch } from './scratch-server.ts';
import { openSession } from './session.ts';
import type { MysqlAddress } from './settings.ts';
import { statementsOf } from './statements.ts';

export async function verifySaved(
  saved: SavedSource<MysqlTruth>,
  context: SourceContext,
  steps: ReadonlySet<CheckStep>,
): Promise<Verification> {
  const needsServer = steps.has('open') || steps.has('schema') || steps.has('row_counts');
  if (!needsServer) return steps.has('archive') ? await verifyArchive(saved, context) : nothing;
  const users = await verifyUsers(saved);
  if (users.length > 0) return { passed: [], proved: [], differences: users };
  const verification = await verifyLoaded(saved, context);
  return { ...verification, passed: verification.passed.filter((step) => steps.has(step)) };
}

const nothing: Verification = { passed: [], proved: [], differences: [] };

/** Every statement is whole and one that dumps have, up to the last line. */
async function verifyArchive(saved: SavedSource<MysqlTruth>, { signal }: SourceContext): Promise<Verification> {
  const differences: string[] = await verifyUsers(saved);
  let statements = 0;
  for (const { name, stream } of saved.truth.databases) {
    try {
      for await (const sql of statementsOf(saved.read(stream), `the dump of ${showName(name)}`)) {
        signal.throwIfAborted();
        readStatement(sql);
        statements += 1;
      }
    } catch (error) {
      if (!isCoffreError(error, 'SOURCE_VERIFY_FAILED')) throw error;
      differences.push(messageOf(error));
    }
  }
  if (differences.length > 0) return { passed: [], proved: [], differences };
  const count = saved.truth.databases.length;
  return {
    passed: ['archive'],
    proved: [`${statements} statements in ${several(count, 'database')}, each whole`],
    differences,
  };
}

async function verifyUsers(saved: SavedSource<MysqlTruth>): Promise<string[]> {
  const { usersStream } = saved.truth;
  if (usersStream === null) return [];
  try {
    for await (const _ of statementsOf(saved.read(usersStream), 'the dump of the users'));
    return [];
  } catch (error) {
    if (!isCoffreError(error, 'SOURCE_VERIFY_FAILED')) throw error;
    return [messageOf(error)];
  }
}

async function verifyLoaded(saved: SavedSource<MysqlTruth>, context: SourceContext): Promise<Verification> {
  await using server = await startScratch(context, saved.truth, sizeOf(saved));
  const version = await versionOf(server.address);
  const isSameSeries = isSameSeriesAs(saved.truth, version);
  const schema: string[] = [];
  const rows: string[] = [];
  let counted = 0;
  for (const database of saved.truth.databases) {
    try {
      await loadWhole(saved, database, server.address, context);
    } catch (error) {
      if (!isCoffreError(error, 'SOURCE_TARGET_REFUSED') && !isCoffreError(error, 'SOURCE_VERIFY_FAILED')) throw error;
      return { passed: [], proved: [], differences: [messageOf(error)] };
    }
    await using session = await openSession(server.address);
    const found = await readContent(session, database.name);
    const differences = compareDatabase(database.name, database, found, { isSameSeries });
    schema.push(...differences.schema);
    rows.push(...differences.rows);
    counted += found.tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  }
  const count = saved.truth.databases.length;
  const tables = saved.truth.databases.reduce((sum, one) => sum + one.tables.length, 0);
  const passed: CheckStep[] = ['archive', 'open'];
  const proved = [`archive whole, loads into ${familyName(saved.truth.family)} ${version.split('-')[0]}`];
  if (schema.length === 0) {
    passed.push('schema');
    proved.push(isSameSeries ? 'schema as saved' : 'tables, columns and objects as saved');
  }
  if (rows.length === 0) {
    passed.push('row_counts');
    proved.push(`${counted} rows in ${several(tables, 'table')} of ${several(count, 'database')} as counted`);
  }
  return { passed, proved, differences: [...schema, ...rows] };
}

async function versionOf(address: MysqlAddress): Promise<string> {
  await using session = await openSession(address);
  return (await readFacts(session)).version;
}

/** Everything, events too, which a private server never runs. */
export async function loadWhole(
  saved: SavedSource<MysqlTruth>,
  { name, stream, charset, collation }: DatabaseTruth,
  address: MysqlAddress,
  { signal }: SourceContext,
): Promise<void> {
  await using session = await openSession(address);
  await session.run(`CREATE DATABASE ${identifier(name)} CHARACTER SET ${charset} COLLATE ${collation}`);
  const work = { address, placing: { original: name, database: name, definer: 'keep' as const }, signal };
  await using loader = await openLoader(work);
  await feed(work, loader, saved.read(stream), harmless);
}

export function sizeOf(saved: SavedSource<MysqlTruth>): number {
  return saved.streams.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function several(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
