/** The program that dumps, the file that holds its password, and its words. */
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { textOf } from '../../platform/programs.ts';
import type { SourceContext } from '../source.ts';
import type { ServerFacts } from './server-facts.ts';
import type { MysqlAddress } from './settings.ts';

export type DumpProgram = {
  readonly path: string;
  /** As it says it. */
  readonly version: string;
  readonly family: 'mariadb' | 'mysql';
};

const versionTimeoutMs = 20_000;

/** @throws {CoffreError} SOURCE_TOOL_MISSING */
export async function findDumpProgram(facts: ServerFacts, context: SourceContext): Promise<DumpProgram> {
  const { family } = facts;
  const names = family === 'mariadb' ? ['mariadb-dump', 'mysqldump'] : ['mysqldump'];
  const seen: string[] = [];
  for (const name of names) {
    const path = findProgram(name, context.searchPath);
    if (path === undefined) continue;
    const call = { argv: [path, '--no-defaults', '--version'], timeoutMs: versionTimeoutMs, signal: context.signal };
    const version = (await textOf(context.programs, call)).trim();
    const found = /mariadb/i.test(version) ? 'mariadb' : 'mysql';
    if (found === family) return { path, version: versionOf(version), family };
    seen.push(`${path} is of ${found === 'mariadb' ? 'MariaDB' : 'MySQL'}`);
  }
  const server = `${family === 'mariadb' ? 'MariaDB' : 'MySQL'} ${facts.version}`;
  throw new CoffreError(
    'SOURCE_TOOL_MISSING',
    `no dump program for ${server} is installed${seen.length === 0 ? '' : `: ${seen.join(', ')}`}`,
    {
      hint:
        family === 'mariadb'
          ? 'Install the package mariadb-client.'
          : 'Install mysql-community-client of MySQL (mysql-client on Ubuntu); the mysqldump of MariaDB does not fit MySQL.',
    },
  );
}

/** `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)`, without the path. */
function versionOf(line: string): string {
  return line.slice(line.search(/\bVer /));
}

/**
 * One file for all dumps of a run, read by its owner only. It is the only one that the program reads: what the user's own
 * option files say (`where`, `ignore-table`, `compress`) would change what is saved.
 */
export function writeLoginFile(folder: string, { user, password }: MysqlAddress): string {
  const path = join(folder, 'login.cnf');
  const lines = [
    '[client]',
    `user=${optionValue(user ?? userInfo().username)}`,
    ...(password === undefined ? [] : [`password=${optionValue(password)}`]),
  ];
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  return path;
}

function optionValue(value: string): string {
  const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  return `"${value.replaceAll(/[\\"\n\r\t]/g, (special) => escapes[special] ?? special)}"`;
}

export type DumpWords = {
  readonly program: DumpProgram;
  readonly loginFile: string;
  readonly socket: string;
};

/** One database, without CREATE DATABASE: it may be loaded under any name. */
export function databaseWords(
  words: DumpWords,
  database: string,
  ignored: readonly string[],
  has: { readonly history: boolean; readonly events: boolean },
): string[] {
  const { program } = words;
  const own = program.family === 'mysql' ? ['--loose-set-gtid-purged=OFF', '--loose-column-statistics=0'] : [];
  return [
    ...connectionWords(words),
    '--single-transaction',
    '--quick',
    '--hex-blob',
    '--routines',
    ...(has.events ? ['--events'] : []),
    '--triggers',
    '--no-tablespaces',
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=1G',
    ...(has.history ? ['--dump-history'] : []),
    ...own,
    ...ignored,
    '--',
    database,
  ];
}

/** Users, roles, rights, functions of libraries and linked servers, as SQL. MariaDB only. */
export function usersWords(words: DumpWords): string[] {
  return [...connectionWords(words), '--system=users,udfs,servers'];
}

function connectionWords({ program, loginFile, socket }: DumpWords): string[] {
  return [program.path, `--defaults-file=${loginFile}`, '--protocol=socket', `--socket=${socket}`, '--skip-dump-date'];
}
