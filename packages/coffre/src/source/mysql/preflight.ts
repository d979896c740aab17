/** Looks at a server before a backup: reachable, its programs there, and what a person should know. */
import { isCoffreError } from '@coffre/repository';
import type { Preflight, SourceContext } from '../source.ts';
import { findDumpProgram } from './dump-program.ts';
import { brokenInWords, leftOutOf } from './broken-views.ts';
import { brokenExchanges } from './exchange-journal.ts';
import type { MysqlTruth } from './mysql-truth.ts';
import { literal, showName } from './names.ts';
import { chosenDatabases, readFacts, text, type ServerFacts } from './server-facts.ts';
import { openSession, type Session } from './session.ts';
import { readDumpArguments, type MysqlSettings } from './settings.ts';
import { planUsers } from './users.ts';

export async function preflight(
  settings: MysqlSettings,
  context: SourceContext,
  last: MysqlTruth | undefined,
): Promise<Preflight> {
  readDumpArguments(settings.dumpArguments);
  await using session = await openSession(settings.address);
  const facts = await readFacts(session);
  await findDumpProgram(facts, context);
  const databases = await chosenDatabases(session, settings);
  const here = databases.map(literal).join(', ');
  const warnings = await looseTables(session, here);
  warnings.push(...(await leftOutOf(session, settings, databases)).broken.map(brokenInWords));
  warnings.push(...(await lostSince(session, last, databases, here)));
  for (const { journal } of await brokenExchanges(session)) {
    if (!databases.includes(journal.to)) continue;
    warnings.push(
      `${showName(journal.to)}: a load was cut off when tables changed places, so views or triggers may be missing; ` +
        'the next `coffre db restore` into this server puts that right',
    );
  }
  if ((await planUsers(session, facts)) === undefined) {
    warnings.push('users and their rights are not saved: the user may not read them (GRANT SELECT ON mysql.*)');
  }
  if (!facts.hasEvents)
    warnings.push('the server runs without its event scheduler and shows no events: none are saved');
  for (const right of await missingRights(session, facts)) {
    warnings.push(`the user has no right ${right} everywhere: what it does not see is missing without a word`);
  }
  const [size] = await session.rows(
    `SELECT SUM(DATA_LENGTH) AS bytes FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (${here})`,
  );
  return { warnings, sizeBytes: Number(size?.['bytes'] ?? 0) };
}

/** Databases and tables of the last backup that are gone: meant so, or a right that was taken, or a disaster. */
async function lostSince(
  session: Session,
  last: MysqlTruth | undefined,
  databases: readonly string[],
  here: string,
): Promise<string[]> {
  if (last === undefined) return [];
  const rows = await session.rows(
    `SELECT DISTINCT TABLE_SCHEMA AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA IN (${here})`,
  );
  const filled = new Set(rows.map((row) => text(row, 'name')));
  return last.databases.flatMap(({ name, tables }) => {
    if (!databases.includes(name)) return [`the database ${showName(name)} of the last backup is not there any more`];
    return tables.length > 0 && !filled.has(name)
      ? [`all tables of ${showName(name)} are gone since the last backup`]
      : [];
  });
}

/** Tables that no transaction holds still. */
async function looseTables(session: Session, here: string): Promise<string[]> {
  const rows = await session.rows(
    `SELECT t.TABLE_SCHEMA AS schema_name, t.TABLE_NAME AS name, t.ENGINE AS engine FROM information_schema.TABLES t
     JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
     WHERE t.TABLE_SCHEMA IN (${here}) AND t.TABLE_TYPE <> 'SEQUENCE' AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'
     ORDER BY 1, 2`,
  );
  if (rows.length === 0) return [];
  const named = rows
    .slice(0, 5)
    .map((row) => `${showName(text(row, 'schema_name'), text(row, 'name'))} (${text(row, 'engine')})`);
  const more = rows.length > named.length ? ` and ${rows.length - named.length} more` : '';
  return [
    `${named.join(', ')}${more} cannot be read at one moment: rows that are written during the dump may be half in it; ` +
      'ALTER TABLE … ENGINE=InnoDB mends that',
  ];
}

/** Without them the dump program leaves things out and says that all is well. */
async function missingRights(session: Session, facts: ServerFacts): Promise<string[]> {
  const grants = (await session.rows('SHOW GRANTS')).map((row) => text({ grant: Object.values(row)[0] }, 'grant'));
  const everywhere = grants.filter((grant) => / ON \*\.\* TO /.test(grant)).join('\n');
  if (/\bALL PRIVILEGES ON \*\.\*/.test(everywhere)) return [];
  const wanted = ['SELECT', 'SHOW VIEW', 'TRIGGER', 'EVENT'].filter(
    (right) => !new RegExp(`\\b${right}\\b`).test(everywhere),
  );
  if (facts.family === 'mysql' && facts.number >= 80_000) return wanted;
  try {
    await session.rows('SELECT 1 FROM mysql.proc LIMIT 0');
  } catch (error) {
    const isHidden = isCoffreError(error, 'SOURCE_DENIED') && !/\bSHOW CREATE ROUTINE\b/.test(everywhere);
    if (isHidden) wanted.push('SELECT ON mysql.proc or SHOW CREATE ROUTINE');
  }
  return wanted;
}
