/** The program that dumps, the file that holds its password, and its words. */
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { textOf } from '../../platform/programs.ts';
import type { SourceContext } from '../source.ts';
import { familyName, versionNumber, type Family } from './release.ts';
import type { ServerFacts } from './server-facts.ts';
import type { MysqlAddress } from './settings.ts';
import { shareOf } from './share-folder.ts';

export type DumpProgram = {
  readonly path: string;
  /** As it says it. */
  readonly version: string;
  readonly family: Family;
  readonly number: number;
};

const versionTimeoutMs = 20_000;

/**
 * The oldest that is not older than the server: an older one leaves out what it does not know, invisible columns say,
 * and says that all is well.
 * @throws {CoffreError} SOURCE_TOOL_MISSING
 */
export async function findDumpProgram(facts: ServerFacts, context: SourceContext): Promise<DumpProgram> {
  const found = await dumpPrograms(context);
  const chosen = fittingProgram(found, facts);
  if (chosen !== undefined) return chosen;
  const seen = found.map(({ path, family, number }) => `${path} is of ${familyName(family)} ${shownNumber(number)}`);
  const server = `${familyName(facts.family)} ${facts.version}`;
  throw new CoffreError(
    'SOURCE_TOOL_MISSING',
    `no dump program for ${server} is installed${seen.length === 0 ? '' : `: ${seen.join(', ')}`}`,
    {
      hint:
        facts.family === 'mariadb'
          ? 'Install the package mariadb-client.'
          : 'Install mysql-community-client of MySQL (mysql-client on Ubuntu), not older than the server. The mysqldump of MariaDB does not fit MySQL.',
    },
  );
}

/** MariaDB's of before 11 says nothing of that kind, and one of its older series does as well. */
export function fittingProgram(
  found: readonly DumpProgram[],
  { family, number }: Pick<ServerFacts, 'family' | 'number'>,
): DumpProgram | undefined {
  const series = (of: number): number => Math.floor(of / 100);
  const known = found.filter((one) => one.family === family).toSorted((one, other) => one.number - other.number);
  const asNew = known.find((one) => series(one.number) >= series(number));
  return asNew ?? (family === 'mariadb' ? known.at(-1) : undefined);
}

async function dumpPrograms(context: SourceContext): Promise<DumpProgram[]> {
  const paths = context.searchPath
    .split(':')
    .flatMap((folder) => ['mariadb-dump', 'mysqldump'].map((name) => findProgram(name, folder)))
    .filter((path) => path !== undefined);
  const found: DumpProgram[] = [];
  for (const path of new Set(paths)) {
    const call = { argv: [path, '--no-defaults', '--version'], timeoutMs: versionTimeoutMs, signal: context.signal };
    const said = (await textOf(context.programs, call)).trim();
    const family = /mariadb/i.test(said) ? 'mariadb' : 'mysql';
    found.push({ path, version: versionOf(said), family, number: numberIn(said) });
  }
  return found;
}

/** `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for …`, `mariadb-dump from 11.8.6-MariaDB, client 10.19 for …`, `mysqldump  Ver 8.0.46-0ubuntu0 for …`. */
function numberIn(line: string): number {
  return versionNumber(/\b(?:Distrib|from|Ver) (\d+\.\d+\.\d+)/.exec(line)?.[1] ?? '0');
}

function shownNumber(number: number): string {
  return [Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100].join('.');
}

/** Without the path. */
function versionOf(line: string): string {
  return line.slice(Math.max(0, line.search(/\b(?:Ver|from) /)));
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
  const own = program.family === 'mysql' ? ['--set-gtid-purged=OFF'] : [];
  if (program.family === 'mysql' && program.number >= 80_000) own.push('--column-statistics=0');
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
  const share = shareOf(program.path, program.family);
  return [
    program.path,
    `--defaults-file=${loginFile}`,
    '--protocol=socket',
    `--socket=${socket}`,
    '--skip-dump-date',
    // The socket is private; from 11.4 on MariaDB's would demand encryption even there.
    ...(program.family === 'mariadb' ? ['--skip-ssl'] : []),
    ...(share === undefined ? [] : [`--character-sets-dir=${join(share, 'charsets')}`]),
  ];
}
