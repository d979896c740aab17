/** What a server says of itself. */
import { CoffreError } from '@coffre/repository';
import { literal, showName } from './names.ts';
import { versionNumber, type Family } from './release.ts';
import { errorNumberOf, type Row, type Session } from './session.ts';
import type { MysqlSettings } from './settings.ts';
import type { MysqlTruth } from './mysql-truth.ts';

export type ServerFacts = {
  readonly family: Family;
  /** As it says it. */
  readonly version: string;
  /** 10.11.19 as 101119. */
  readonly number: number;
  readonly hasBinaryLog: boolean;
  /** A server may be started so that it does not even show its events. */
  readonly hasEvents: boolean;
};

export async function familyOf(session: Session): Promise<Family> {
  const [row] = await session.rows('SELECT VERSION() AS version');
  return /mariadb/i.test(text(row, 'version')) ? 'mariadb' : 'mysql';
}

export async function readFacts(session: Session): Promise<ServerFacts> {
  const [row] = await session.rows('SELECT VERSION() AS version, @@log_bin AS logs, @@event_scheduler AS events');
  const version = text(row, 'version');
  return {
    family: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
    version,
    number: versionNumber(version),
    hasBinaryLog: Number(row?.['logs']) === 1,
    hasEvents: text(row, 'events') !== 'DISABLED',
  };
}

const ownDatabases = new Set(['information_schema', 'performance_schema', 'mysql', 'sys']);

/** Of a load under way, or of one that was killed. */
const loadDatabase = /^coffre_(?:load|old)_[0-9a-f]{12}$/;

/** Names of what is to be saved. @throws {CoffreError} SOURCE_MISSING */
export async function chosenDatabases(session: Session, settings: MysqlSettings): Promise<string[]> {
  const found = (await session.rows('SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA')).map((row) =>
    text(row, 'name'),
  );
  const missing = settings.databases.find((name) => !found.includes(name));
  if (missing !== undefined) {
    throw new CoffreError('SOURCE_MISSING', `there is no database ${showName(missing)}, or the user may not see it`, {
      hint: 'Check the spelling and the rights of the user; nothing was saved.',
    });
  }
  const others = found.filter((name) => !ownDatabases.has(name) && !loadDatabase.test(name));
  const all = settings.databases.length > 0 ? settings.databases : others;
  const chosen = all.filter((name) => !settings.excludeDatabases.includes(name)).toSorted();
  if (chosen.length > 0) return chosen;
  throw new CoffreError('SOURCE_MISSING', 'the server has no database that could be saved', {
    hint: 'The user sees only databases that it has a right in.',
  });
}

export async function charsetOf(session: Session, database: string): Promise<{ charset: string; collation: string }> {
  const [row] = await session.rows(
    `SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation
     FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${literal(database)}`,
  );
  return { charset: text(row, 'charset'), collation: text(row, 'collation') };
}

/** Of the binary log now; null when there is none, or the user may not ask. */
export async function positionOf(session: Session, facts: ServerFacts): Promise<MysqlTruth['position']> {
  if (!facts.hasBinaryLog) return null;
  const isNew = facts.family === 'mysql' && facts.number >= 80_200;
  try {
    const [row] = await session.rows(isNew ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS');
    if (row === undefined) return null;
    const [gtid] = await session.rows(
      facts.family === 'mariadb' ? 'SELECT @@gtid_binlog_pos AS gtid' : 'SELECT @@global.gtid_executed AS gtid',
    );
    return { file: text(row, 'File'), offset: Number(row['Position']), gtid: text(gtid, 'gtid').replaceAll('\n', '') };
  } catch (error) {
    if (errorNumberOf(error) === undefined) throw error;
    return null;
  }
}

export function text(row: Row | undefined, column: string): string {
  const value = row?.[column] ?? '';
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : JSON.stringify(value);
}
