/** What must be so at the target before anything is loaded there. */
import { CoffreError, isCoffreError } from '@coffre/repository';
import type { PlannedDatabase } from './load-target.ts';
import { literal, showName } from './names.ts';
import { text } from './server-facts.ts';
import { errorNumberOf, type Session } from './session.ts';

/** @returns whether the database is there already. @throws {CoffreError} SOURCE_TARGET_REFUSED */
export async function checkTarget(
  session: Session,
  { saved, to, tables }: PlannedDatabase,
  overwrite: boolean,
): Promise<boolean> {
  if (/^(?:information_schema|performance_schema|mysql|sys)$/i.test(to)) {
    throw refused(`${showName(to)} belongs to the server itself`, 'Name another database.');
  }
  await checkCollation(session, saved);
  const [there] = await session.rows(
    `SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${literal(to)}`,
  );
  if (there === undefined) return false;
  const names = (
    await session.rows(`SELECT TABLE_NAME AS name FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${literal(to)}`)
  ).map((row) => text(row, 'name'));
  const taken = tables === undefined ? names : names.filter((name) => tables.has(name));
  if (taken.length === 0) return true;
  if (!overwrite) {
    const what =
      tables === undefined
        ? `database ${showName(to)} is there and not empty`
        : `table ${showName(to, taken[0]!)} is there`;
    throw refused(what, 'Load it under another name, or add --overwrite.');
  }
  await checkForeignKeys(session, to, tables);
  return true;
}

/** In whose name something runs and who is not there: it would fail when somebody needs it. */
export async function missingDefiners(session: Session, { saved, tables }: PlannedDatabase): Promise<string[]> {
  if (saved.definers.length === 0 || tables !== undefined) return [];
  let known: Set<string>;
  try {
    const rows = await session.rows("SELECT CONCAT(User, '@', Host) AS account FROM mysql.user");
    known = new Set(rows.map((row) => text(row, 'account')));
  } catch (error) {
    if (!isCoffreError(error, 'SOURCE_DENIED')) throw error;
    const [own] = await session.rows('SELECT CURRENT_USER() AS account');
    known = new Set([text(own, 'account')]);
  }
  return saved.definers.filter((definer) => !known.has(definer));
}

export function definersMissing(missing: readonly string[]): CoffreError {
  return refused(
    `views, routines, triggers or events run as ${missing.map((one) => JSON.stringify(one)).join(', ')}, not known there`,
    'Make the user first, or add definer=current to the address: they then run as the user who loads them.',
  );
}

/** Unknown character set, unknown collation, one that does not go with the other. */
const unknownErrors = new Set([1115, 1273, 1253]);

/** Lists of them are not complete: MariaDB since 10.10 names some without their character set. */
async function checkCollation(session: Session, { charset, collation }: PlannedDatabase['saved']): Promise<void> {
  try {
    await session.rows(`SELECT CONVERT('' USING ${charset}) COLLATE ${collation} AS known`);
  } catch (error) {
    if (!unknownErrors.has(errorNumberOf(error) ?? 0)) throw error;
    throw refused(
      `the server does not know the collation ${collation}`,
      'Load it into a server of the same family, as new or newer.',
    );
  }
}

/** Tables that stay would go on pointing at the replaced ones. */
async function checkForeignKeys(session: Session, to: string, tables: ReadonlySet<string> | undefined): Promise<void> {
  const rows = await session.rows(
    `SELECT TABLE_SCHEMA AS schema_name, TABLE_NAME AS name, REFERENCED_TABLE_NAME AS target FROM information_schema.KEY_COLUMN_USAGE
     WHERE REFERENCED_TABLE_SCHEMA = ${literal(to)}`,
  );
  for (const row of rows) {
    const [schema, name, target] = [text(row, 'schema_name'), text(row, 'name'), text(row, 'target')];
    const isReplaced = tables === undefined || tables.has(target);
    const goesToo = schema === to && (tables === undefined || tables.has(name));
    if (isReplaced && !goesToo) {
      throw refused(
        `table ${showName(schema, name)} refers to ${showName(to, target)} by a foreign key`,
        'Load into another database, and bring the rows over from there.',
      );
    }
  }
}

export function refused(why: string, hint: string): CoffreError {
  return new CoffreError('SOURCE_TARGET_REFUSED', why, { hint });
}
