/**
 * A MySQL or MariaDB server of any release: on a socket and a free port of loopback, data in a temporary folder; stopped
 * and removed at its end.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openSession, type Session } from '../../packages/coffre/src/source/mysql/session.ts';
import { addressOf, type MysqlAddress } from '../../packages/coffre/src/source/mysql/settings.ts';
import { freePort } from './free-port.ts';
import { findServer, type ServerRelease } from './servers.ts';
import { startService, type ServiceProcess } from './service-process.ts';
import { fillFromTemplate } from './template.ts';

export type SqlServer = AsyncDisposable & {
  /** As root, over the socket. */
  readonly address: MysqlAddress;
  readonly port: number;
  readonly folder: string;
  connect(): Promise<Session>;
  /** Statements without an answer, one after the other. */
  run(...statements: readonly string[]): Promise<void>;
  process(): ServiceProcess;
  stop(): Promise<void>;
  start(): Promise<void>;
};

export type SqlRelease = Extract<ServerRelease, `mysql-${string}` | `mariadb-${string}`>;

type SystemUser = { readonly uid: number; readonly gid: number };

export type SqlServerParts = {
  readonly program: string;
  /** Makes an empty server of `data`. */
  readonly install: (data: string, asUser: SystemUser | undefined) => void;
  readonly words: readonly string[];
};

/** @param words settings, as on the command line; later ones win */
export async function startRelease(release: SqlRelease, ...words: readonly string[]): Promise<SqlServer> {
  const isMariadb = release.startsWith('mariadb');
  const program = findServer(release, isMariadb ? 'usr/sbin/mariadbd' : 'usr/sbin/mysqld');
  if (program === undefined) throw new Error(`${release} is not here`);
  const base = dirname(dirname(program));
  const place = isMariadb ? [`--basedir=${base}`] : [`--basedir=${base}`, `--lc-messages-dir=${base}/share/mysql`];
  const install = isMariadb ? installMariadb(join(base, 'bin'), place) : initialize(program, place);
  const own = isMariadb
    ? [`--plugin-dir=${base}/lib/mysql/plugin`]
    : ['--loose-mysqlx=OFF', '--loose-skip-name-resolve'];
  return await startSqlServer({ program, install, words: [...place, ...own, ...words] });
}

/** Folder of its client programs. */
export function programsOf(release: SqlRelease): string {
  const dump = findServer(release, release.startsWith('mariadb') ? 'usr/bin/mariadb-dump' : 'usr/bin/mysqldump');
  if (dump === undefined) throw new Error(`${release} is not here`);
  return dirname(dump);
}

export async function startSqlServer({ program, install, words }: SqlServerParts): Promise<SqlServer> {
  const asUser = process.getuid?.() === 0 ? readNobody() : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'coffre-sql-'));
  const data = join(folder, 'data');
  const socket = join(folder, 'mysqld.sock');
  const port = await freePort();
  const address = addressOf({ socket, user: 'root' });
  let running: ServiceProcess | undefined;
  const start = async (): Promise<void> => {
    running = await startService({
      program,
      argv: [
        '--no-defaults',
        `--datadir=${data}`,
        `--socket=${socket}`,
        `--port=${port}`,
        `--pid-file=${join(folder, 'pid')}`,
        '--bind-address=127.0.0.1',
        `--secure-file-priv=${folder}`,
        '--log-bin=changes',
        '--server-id=7',
        '--innodb-buffer-pool-size=32M',
        '--loose-innodb-log-file-size=16M',
        '--innodb-flush-log-at-trx-commit=0',
        '--innodb-flush-method=nosync',
        '--performance-schema=OFF',
        '--loose-log-bin-trust-function-creators=1',
        '--max-allowed-packet=64M',
        ...words,
      ],
      environment: { TMPDIR: folder },
      place: { path: socket },
      readyTimeoutMs: 60_000,
      ...(asUser === undefined ? {} : { asUser }),
    });
  };
  const stop = async (): Promise<void> => {
    await running?.stop();
    running = undefined;
  };
  const end = async (): Promise<void> => {
    await running?.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const connect = async (): Promise<Session> => await openSession(address);
  try {
    chmodSync(folder, 0o755);
    mkdirSync(data, { mode: 0o700 });
    if (asUser !== undefined) for (const path of [folder, data]) chownSync(path, asUser.uid, asUser.gid);
    install(data, asUser);
    await start();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    address,
    port,
    folder,
    connect,
    async run(...statements) {
      await using session = await connect();
      for (const statement of statements) await session.run(statement);
    },
    process: () => {
      if (running === undefined) throw new Error('the server is stopped');
      return running;
    },
    stop,
    start,
    [Symbol.asyncDispose]: end,
  };
}

/** @param programs folder of `mariadb-install-db` */
export function installMariadb(programs: string, words: readonly string[] = []): SqlServerParts['install'] {
  return (data, asUser) =>
    runOnce(
      join(programs, 'mariadb-install-db'),
      ['--no-defaults', ...words, `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
      data,
      asUser,
    );
}

function initialize(program: string, words: readonly string[]): SqlServerParts['install'] {
  const small = ['--loose-innodb-log-file-size=16M', '--innodb-flush-method=nosync', '--performance-schema=OFF'];
  return (data, asUser) =>
    runOnce(program, ['--no-defaults', '--initialize-insecure', `--datadir=${data}`, ...words, ...small], data, asUser);
}

function runOnce(program: string, words: readonly string[], data: string, asUser: SystemUser | undefined): void {
  const environment = { ...process.env, TMPDIR: dirname(data) };
  const make = (): void => {
    const done = spawnSync(program, words, { encoding: 'utf8', cwd: '/', env: environment, ...asUser });
    if (done.status !== 0) throw new Error(`${program} failed: ${done.error?.message ?? done.stderr + done.stdout}`);
  };
  const lasting = words.filter((word) => !word.includes(data));
  // By the name in it servers tell each other apart.
  fillFromTemplate(data, [program, ...lasting], make, ['auto.cnf']);
}

function readNobody(): SystemUser {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid = '65534', gid = '65534'] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
