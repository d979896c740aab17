/** A PostgreSQL of its own on a socket in a temporary folder, for one test file; stopped and removed at its end. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { findService } from './programs.ts';
import { startService } from './service-process.ts';
import { fillFromTemplate } from './template.ts';

export type PostgresServer = AsyncDisposable & {
  /** Of its socket. */
  readonly folder: string;
  readonly port: number;
  /** Whose it is; undefined for our own user. */
  readonly asUser: { readonly uid: number; readonly gid: number } | undefined;
  /** Waits for a server in the same folder. */
  answers(port: number): Promise<void>;
  /** Of a new, empty database. */
  createDatabase(): string;
  /** A program of PostgreSQL against the database at the address. @returns what it printed */
  run(program: string, argv: readonly string[], input?: string): string;
  /** Every process dies at once, as when the machine stops. */
  crash(): Promise<void>;
  start(): Promise<void>;
};

export type PostgresStart = {
  /** Of another version than the first that is found. */
  readonly programs?: string;
  /** Listens on 127.0.0.1 too, and asks for passwords everywhere. */
  readonly password?: string;
  /** Further arguments of the server. */
  readonly argv?: readonly string[];
};

/** Minutes, since the machine may be busy. */
const readyTriesMax = 6000;

/** PostgreSQL refuses to run as root. */
const nobody = readNobody();

export async function startPostgres(wanted: PostgresStart = {}): Promise<PostgresServer> {
  const postgres = wanted.programs === undefined ? findService('postgres') : join(wanted.programs, 'postgres');
  if (postgres === undefined) throw new Error('postgres is not installed');
  const programs = dirname(realpathSync(postgres));
  const { password } = wanted;
  const port = password === undefined ? 5432 : await freePort();
  const asUser = process.getuid?.() === 0 ? nobody : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'coffre-pg-'));
  const data = join(folder, 'data');
  const environment = {
    PATH: process.env['PATH'] ?? '',
    LC_ALL: 'C.UTF-8',
    HOME: folder,
    PGHOST: folder,
    PGUSER: 'coffre',
    PGPORT: String(port),
    ...(password === undefined ? {} : { PGPASSWORD: password }),
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
  // No listening on the network unless it is asked for; a crash of the test's machine may lose it.
  const listens = `listen_addresses=${password === undefined ? '' : '127.0.0.1'}`;
  const settings = ['-c', listens, '-c', 'fsync=off', '-c', 'max_connections=60'];
  let service: Awaited<ReturnType<typeof startService>> | undefined;
  const start = async (): Promise<void> => {
    service = await startService({
      program: postgres,
      argv: ['-D', data, '-k', folder, '-p', String(port), ...settings, ...(wanted.argv ?? [])],
      environment,
      place: { path: join(folder, `.s.PGSQL.${port}`) },
      ...(asUser !== undefined && { asUser }),
    });
    await answers(port);
  };
  // It accepts connections before it answers them.
  const answers = async (at: number): Promise<void> => {
    for (let tries = 0; tries < readyTriesMax; tries += 1) {
      const words = ['-q', '-p', String(at)];
      if (spawnSync(join(programs, 'pg_isready'), words, { env: environment }).status === 0) return;
      await pause(20);
    }
    throw new Error('postgres does not answer');
  };
  const stop = async (): Promise<void> => {
    // At once, but not by a kill, which would leave what it holds of shared memory.
    spawnSync(join(programs, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'], {
      env: environment,
      cwd: '/',
      ...asUser,
    });
    await service?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    chmodSync(folder, 0o755);
    mkdirSync(data, { mode: 0o700 });
    if (asUser !== undefined) for (const path of [folder, data]) chownSync(path, asUser.uid, asUser.gid);
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, password ?? 'unused', { mode: 0o644 });
    const access = password === undefined ? ['-A', 'trust'] : ['-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
    const words = ['-U', 'coffre', ...access, '-N', '--locale=C.UTF-8'];
    const make = (): void => void run('initdb', ['-D', data, ...words]);
    fillFromTemplate(data, [programs, password ?? '', ...words.filter((word) => !word.includes(folder))], make);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  let databases = 0;
  return {
    folder,
    port,
    asUser,
    answers,
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
