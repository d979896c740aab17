/** Which server program of this machine can take what was saved. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CoffreError } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { textOf } from '../../platform/programs.ts';
import type { SourceContext } from '../source.ts';
import type { MysqlTruth } from './mysql-truth.ts';
import { familyName, versionNumber, type Family } from './release.ts';
import { shareOf } from './share-folder.ts';

export type ServerProgram = {
  readonly path: string;
  readonly family: Family;
  /** As it says it, `8.0.46-0ubuntu0.24.04.5`. */
  readonly version: string;
};

type Saved = Pick<MysqlTruth, 'family' | 'version'>;

const versionTimeoutMs = 20_000;

/** @throws {CoffreError} SOURCE_TOOL_MISSING */
export async function findServerProgram(saved: Saved, context: SourceContext): Promise<ServerProgram> {
  const found = await serversOf(context);
  const chosen = fittingServer(found, saved);
  if (chosen !== undefined) return chosen;
  const seen = found.map(({ path, family, version }) => `${path} is ${familyName(family)} ${version.split('-')[0]}`);
  const needed = `${familyName(saved.family)}${saved.family === 'mysql' ? ` ${saved.version.split('-')[0]} or newer` : ''}`;
  throw new CoffreError(
    'SOURCE_TOOL_MISSING',
    `a private server for proofs needs the server program of ${needed}${seen.length === 0 ? '' : `: ${seen.join(', ')}`}`,
    {
      hint:
        saved.family === 'mariadb'
          ? 'Install the package mariadb-server-core; no server of it needs to run.'
          : 'Install mysql-community-server-core of MySQL (mysql-server-core-8.0 on Ubuntu); no server of it needs to run.',
    },
  );
}

/** Of the same series, else the nearest newer one. MySQL has no older one that could read it; MariaDB often has. */
export function fittingServer(found: readonly ServerProgram[], saved: Saved): ServerProgram | undefined {
  const series = (version: string): number => Math.floor(versionNumber(version) / 100);
  const wanted = series(saved.version);
  const nearest = found
    .filter(({ family }) => family === saved.family)
    .toSorted((one, other) => series(one.version) - series(other.version));
  const asNew = nearest.find(({ version }) => series(version) >= wanted);
  return asNew ?? (saved.family === 'mariadb' ? nearest.at(-1) : undefined);
}

async function serversOf(context: SourceContext): Promise<ServerProgram[]> {
  const folders = new Set<string>();
  for (const folder of [...context.searchPath.split(':'), '/usr/sbin', '/usr/local/sbin']) {
    folders.add(folder);
    // Servers lie where an ordinary PATH does not look.
    if (folder.endsWith('/bin')) for (const other of ['sbin', 'libexec']) folders.add(join(dirname(folder), other));
  }
  const paths = new Set<string>();
  for (const folder of folders) {
    for (const name of ['mariadbd', 'mysqld']) {
      const path = findProgram(name, folder);
      if (path !== undefined && ![...paths].some((one) => isSame(one, path))) paths.add(path);
    }
  }
  const found: ServerProgram[] = [];
  for (const path of paths) {
    const call = { argv: [path, '--no-defaults', '--version'], timeoutMs: versionTimeoutMs, signal: context.signal };
    const said = await textOf(context.programs, call).catch(() => '');
    const version = /\bVer (\d\S*)/.exec(said)?.[1];
    if (version !== undefined) found.push({ path, family: /mariadb/i.test(said) ? 'mariadb' : 'mysql', version });
  }
  return found;
}

function isSame(one: string, other: string): boolean {
  return realpathSync(one) === realpathSync(other);
}

/** Where its messages and character sets are, when it was not installed where it was built for. */
export function placeWords({ path, family }: ServerProgram): string[] {
  const share = shareOf(path, family);
  if (share === undefined) return [];
  const base = `--basedir=${dirname(dirname(realpathSync(path)))}`;
  return family === 'mariadb' ? [base] : [base, `--lc-messages-dir=${share}`, `--character-sets-dir=${share}/charsets`];
}
