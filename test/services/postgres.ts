/** A PostgreSQL of its own on a socket in a temporary folder, for one test file; stopped and removed at its end. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findService } from './programs.ts';
import { startService } from './service-process.ts';

export type PostgresServer = AsyncDisposable & {
  /** Of a new, empty database. */
  createDatabase(): string;
  /** A program of PostgreSQL against the database at the address. @returns what it printed */
  run(program: string, argv: readonly string[], input?: string): string;
  /** Every process dies at once, as when the machine stops. */
  crash(): Promise<void>;
  start(): Promise<void>;
};

/** PostgreSQL refuses to run as root. */
const nobody = readNobody();

export async function startPostgres(): Promise<PostgresServer> {
  const postgres = findService('postgres');
  if (postgres === undefined) throw new Error('postgres is not installed');
  const programs = dirname(realpathSync(postgres));
  const asUser = process.getuid?.() === 0 ? nobody : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'coffre-pg-'));
  const data = join(folder, 'data');
  const environment = {
    PATH: process.env['PATH'] ?? '',
    LC_ALL: 'C.UTF-8',
    HOME: folder,
    PGHOST: folder,
    PGUSER: 'coffre',
  };
  const run = (program: string, argv: readonly string[], input = ''): string => {
    const done = spawnSync(join(programs, program), argv, {
      env: environment,
      input,
      encoding: 'utf8',
      cwd: folder,
      ...asUser,
    });
    if (done.status !== 0) throw new Error(`${program} failed: ${done.error?.message ?? done.stderr}`);
    return done.stdout;
  };
  let service: Awaited<ReturnType<typeof startService>> | undefined;
  const start = async (): Promise<void> => {
    service = await startService({
      program: postgres,
      // No listening on the network; a crash of the test's machine may lose it.
      argv: ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'max_connections=60'],
      environment,
      place: { path: join(folder, '.s.PGSQL.5432') },
      ...(asUser !== undefined && { asUser }),
    });
  };
  const stop = async (): Promise<void> => {
    // At once, also when a test left connections open, which a plain SIGTERM would wait for.
    spawnSync(join(programs, 'pg_ctl'), ['-D', data, '-m', 'fast', 'stop'], { env: environment, cwd: '/', ...asUser });
    await service?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    chmodSync(folder, 0o755);
    mkdirSync(data, { mode: 0o700 });
    if (asUser !== undefined) for (const path of [folder, data]) chownSync(path, asUser.uid, asUser.gid);
    run('initdb', ['-D', data, '-U', 'coffre', '-A', 'trust', '-N', '--locale=C.UTF-8']);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  let databases = 0;
  return {
    run,
    start,
    createDatabase: () => {
      databases += 1;
      run('createdb', [`test${databases}`]);
      return `postgres://coffre@localhost/test${databases}?host=${encodeURIComponent(folder)}`;
    },
    crash: async () => {
      run('pg_ctl', ['-D', data, '-m', 'immediate', 'stop']);
      await service?.stop();
    },
    [Symbol.asyncDispose]: stop,
  };
}

function readNobody(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid = '65534', gid = '65534'] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
