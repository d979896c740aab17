/** The programs of PostgreSQL on this machine, and which of them fit a server. */
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CoffreError, isCoffreError } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { textOf } from '../../platform/programs.ts';
import { isSocket, type PostgresAddress } from './settings.ts';
import type { SourceContext } from '../source.ts';

export type Tools = { readonly folder: string; readonly major: number; readonly version: string };

/** Where packages put them: Debian, Red Hat, Homebrew, the installer of macOS. */
const versionedFolders = [
  ['/usr/lib/postgresql', 'bin'],
  ['/usr', 'bin', /^pgsql-\d+$/],
  ['/opt/homebrew/opt', 'bin', /^postgresql@\d+$/],
  ['/usr/local/opt', 'bin', /^postgresql@\d+$/],
  ['/Library/PostgreSQL', 'bin'],
] as const;

type ToolContext = Pick<SourceContext, 'programs' | 'searchPath' | 'signal'>;

/** @param program that must be there: `pg_dump`, or `initdb` where a server is to be started */
export async function findTools(context: ToolContext, program: 'pg_dump' | 'initdb'): Promise<Tools[]> {
  const folders = [...context.searchPath.split(':').filter((folder) => folder !== ''), ...installedFolders()];
  const found: Tools[] = [];
  const seen = new Set<string>();
  for (const folder of folders) {
    const path = findProgram(join(folder, program), context.searchPath);
    if (path === undefined) continue;
    const real = realpathSync(path);
    // Debian's wrapper chooses a version by itself; the folders of the versions are looked at anyway.
    if (seen.has(real) || real.endsWith('/pg_wrapper')) continue;
    seen.add(real);
    const version = await versionOf(context, real);
    if (version !== undefined) found.push({ folder: dirname(real), major: Number.parseInt(version, 10), version });
  }
  return found;
}

function installedFolders(): string[] {
  return versionedFolders.flatMap(([base, below, shape]) =>
    namesIn(base)
      .filter((name) => shape === undefined || shape.test(name))
      .map((name) => join(base, name, below)),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}

async function versionOf({ programs, signal }: ToolContext, path: string): Promise<string | undefined> {
  try {
    const text = await textOf(programs, { argv: [path, '--version'], timeoutMs: 10_000, signal });
    return /\(PostgreSQL\)\s+(\d+(?:\.\d+|beta\d+|rc\d+|devel)*)/.exec(text)?.[1];
  } catch (error) {
    if (signal.aborted || !isCoffreError(error)) throw error;
    return undefined; // one that does not run here
  }
}

/** The oldest that is new enough: what it writes can be read by most. */
export function oldestFitting(tools: readonly Tools[], majorMin: number): Tools | undefined {
  return tools.filter(({ major }) => major >= majorMin).toSorted((a, b) => a.major - b.major)[0];
}

/** @throws {CoffreError} SOURCE_TOOL_MISSING */
export async function toolsFor(context: ToolContext, majorMin: number): Promise<Tools> {
  const tools = await findTools(context, 'pg_dump');
  return oldestFitting(tools, majorMin) ?? refuse('pg_dump and pg_restore', 'postgresql-client', tools, majorMin);
}

/** @throws {CoffreError} SOURCE_TOOL_MISSING */
export async function serverToolsFor(context: ToolContext, majorMin: number): Promise<Tools> {
  const tools = await findTools(context, 'initdb');
  return oldestFitting(tools, majorMin) ?? refuse('a server', 'postgresql', tools, majorMin);
}

function refuse(what: string, debianPackage: string, tools: readonly Tools[], major: number): never {
  const here = tools.length === 0 ? 'none is here' : `here is ${tools.map(({ version }) => version).join(', ')}`;
  throw new CoffreError('SOURCE_TOOL_MISSING', `${what} of PostgreSQL ${major} or newer is needed, and ${here}`, {
    hint: `Install the package ${debianPackage}-${major} (Debian, Ubuntu; apt.postgresql.org has every version).`,
  });
}

const caBundles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/** For programs of PostgreSQL: whom to ask, and the password where only this user can read it. */
export function toolEnvironment(address: PostgresAddress): Record<string, string> {
  const modes = { off: 'disable', prefer: 'prefer', require: 'require', verify: 'verify-full' };
  const bundle = caBundles.find((path) => findReadable(path)) ?? 'system';
  return {
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGSSLMODE: isSocket(address) ? 'disable' : modes[address.tls],
    PGAPPNAME: 'coffre',
    PGCONNECT_TIMEOUT: '15',
    // Messages that can be recognised.
    LC_ALL: 'C',
    ...(address.user === undefined ? {} : { PGUSER: address.user }),
    ...(address.password === undefined ? {} : { PGPASSWORD: address.password }),
    ...(address.tls === 'verify' ? { PGSSLROOTCERT: address.caFile ?? bundle } : {}),
  };
}

function findReadable(path: string): boolean {
  try {
    return realpathSync(path) !== '';
  } catch {
    return false;
  }
}
