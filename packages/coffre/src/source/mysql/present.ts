/** The live server: whether it answers, and what it holds now. */
import type { SourceContext, Verification } from '../source.ts';
import { leftOutOf, textsOf } from './broken-views.ts';
import { findDumpProgram } from './dump-program.ts';
import { streamPathOf } from './dump-plan.ts';
import type { DatabaseTruth, MysqlTruth } from './mysql-truth.ts';
import { identifier, showName } from './names.ts';
import { countRows, readDefinitions } from './read-content.ts';
import { familyName } from './release.ts';
import { chosenDatabases, positionOf, readFacts } from './server-facts.ts';
import { openSession } from './session.ts';
import type { MysqlSettings } from './settings.ts';

/** Definitions of everything; no rows are counted, which takes minutes in large databases. */
export async function quickCheck(settings: MysqlSettings, context: SourceContext): Promise<Verification> {
  await using session = await openSession(settings.address);
  const facts = await readFacts(session);
  await findDumpProgram(facts, context);
  const databases = await chosenDatabases(session, settings);
  const { leftOut } = await leftOutOf(session, settings, databases);
  let tables = 0;
  for (const database of databases) {
    const definitions = await readDefinitions(session, database, leftOut);
    tables += definitions.tables.length;
    const [first] = definitions.tables;
    if (first !== undefined)
      await session.rows(`SELECT 1 FROM ${identifier(database)}.${identifier(first.name)} LIMIT 1`);
  }
  return {
    passed: ['open'],
    proved: [
      `${familyName(facts.family)} ${facts.version} answers`,
      `${tables} tables of ${databases.map((name) => showName(name)).join(', ')} open`,
    ],
    differences: [],
  };
}

/** One transaction over everything, beside whoever writes. */
export async function presentTruth(settings: MysqlSettings, context: SourceContext): Promise<MysqlTruth> {
  await using session = await openSession(settings.address);
  const facts = await readFacts(session);
  const names = await chosenDatabases(session, settings);
  const { leftOut, broken } = await leftOutOf(session, settings, names);
  const position = await positionOf(session, facts);
  await session.run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await session.run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  const databases: DatabaseTruth[] = [];
  for (const name of names) {
    context.signal.throwIfAborted();
    const { tables, ...rest } = await readDefinitions(session, name, leftOut);
    const counted: DatabaseTruth['tables'] = [];
    for (const table of tables) {
      const isCounted = !leftOut.rows.has(`${name}.${table.name}`);
      const rows = isCounted ? await countRows(session, name, table) : null;
      const { name: called, engine, sha256, columnsSha256 } = table;
      counted.push({ name: called, engine, rows, sha256, columnsSha256 });
    }
    const brokenViews = textsOf(broken, name);
    databases.push({ name, stream: streamPathOf(settings.name, name), ...rest, tables: counted, brokenViews });
  }
  const { family, version } = facts;
  return { family, version, dumpedBy: '', lock: 'none', lockedMs: 0, position, usersStream: null, databases };
}
