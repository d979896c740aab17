/** What is done on a server that is loaded into: databases made, renamed and dropped, roles and extensions looked for. */
import { CoffreError, isCoffreError } from '@coffre/repository';
import { readGlobals, type GlobalStatement } from './globals.ts';
import { identifier, literal } from './names.ts';
import { listed } from './preflight.ts';
import type { Session } from './session.ts';
import type { DatabaseTruth, PostgresTruth } from './truth.ts';
import type { SavedSource } from '../source.ts';

const globalsBytesMax = 64 * 2 ** 20;

/** @returns the statements of the saved globals; what is no statement about roles or tablespaces is told and left out */
export async function savedGlobals(
  saved: SavedSource<PostgresTruth>,
  warn: (line: string) => void,
): Promise<readonly GlobalStatement[]> {
  const { globals } = saved.truth;
  if (globals === null) return [];
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const part of saved.read(globals.path)) {
    sizeBytes += part.byteLength;
    if (sizeBytes > globalsBytesMax)
      throw new CoffreError('SOURCE_INVALID', 'the saved roles are larger than any roles');
    parts.push(part);
  }
  const { statements, refused } = readGlobals(Buffer.concat(parts).toString('utf8'));
  if (refused.length > 0)
    warn(`${refused.length} statements among the saved roles are about something else, and are not run`);
  return statements;
}

/** Roles of this name exactly as they were, where they are not there. @returns those made */
export async function createRoles(
  session: Session,
  statements: readonly GlobalStatement[],
  names: readonly string[],
): Promise<string[]> {
  const made = await missingRoles(session, names);
  for (const name of made) await session.rows(`CREATE ROLE ${identifier(name)}`);
  const theirs = statements.filter((one) => made.includes(one.name));
  for (const { kind, sql } of theirs) if (kind === 'alter role') await session.rows(sql);
  for (const { kind, sql } of theirs) {
    if (kind !== 'role setting' && kind !== 'grant role' && kind !== 'comment') continue;
    try {
      await session.rows(sql);
    } catch (error) {
      // A setting of an extension, or membership in a role that is not here: no owner depends on it.
      if (!isCoffreError(error)) throw error;
    }
  }
  return made;
}

export async function missingRoles(session: Session, names: readonly string[]): Promise<string[]> {
  const there = new Set((await session.rows('SELECT rolname AS name FROM pg_roles')).map((row) => row['name']));
  return [...new Set(names)].filter((name) => !there.has(name));
}

/** @throws {CoffreError} SOURCE_TOOL_MISSING */
export async function refuseWithoutExtensions(session: Session, database: DatabaseTruth, major: number): Promise<void> {
  const there = new Set((await session.rows('SELECT name FROM pg_available_extensions')).map((row) => row['name']));
  const absent = Object.keys(database.extensions).filter((name) => !there.has(name));
  if (absent.length === 0) return;
  throw new CoffreError(
    'SOURCE_TOOL_MISSING',
    `the server has no extension ${listed(absent)}, which ${database.name} needs`,
    {
      hint: `Install it there first, on Debian as a package such as postgresql-${major}-NAME or postgresql-contrib.`,
    },
  );
}

/** @param anyLocale where content matters and order does not: without the operating system's locale it is C */
export async function createDatabase(
  session: Session,
  name: string,
  truth: DatabaseTruth,
  { major, anyLocale }: { readonly major: number; readonly anyLocale: boolean },
): Promise<void> {
  const begin = `CREATE DATABASE ${identifier(name)} TEMPLATE template0 ENCODING ${literal(truth.encoding)}`;
  const locale = `LC_COLLATE ${literal(truth.collate)} LC_CTYPE ${literal(truth.ctype)}${providerWords(truth, major)}`;
  try {
    await session.rows(`${begin} ${locale}`);
  } catch (error) {
    if (!anyLocale || !isCoffreError(error, 'SOURCE_INVALID')) throw error;
    await session.rows(`${begin} LC_COLLATE 'C' LC_CTYPE 'C'`);
  }
}

function providerWords({ localeProvider, locale }: DatabaseTruth, major: number): string {
  if (major < 15 || localeProvider === 'libc' || locale === null) return '';
  const word = localeProvider === 'icu' ? 'ICU_LOCALE' : 'BUILTIN_LOCALE';
  return ` LOCALE_PROVIDER ${localeProvider} ${word} ${literal(locale)}`;
}

export async function databaseIsThere(session: Session, name: string): Promise<boolean> {
  return (await session.rows('SELECT FROM pg_database WHERE datname = $1', [name])).length > 0;
}

/** Programs that are connected to it. */
export async function usersOf(session: Session, name: string): Promise<string[]> {
  const rows = await session.rows(
    `SELECT coalesce(nullif(application_name, ''), 'a program') || ' of ' || coalesce(usename, '?') AS who
     FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
    [name],
  );
  return rows.map((row) => row['who']!);
}
