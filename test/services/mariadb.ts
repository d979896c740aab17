/** A MariaDB of its own on a socket and a free port of loopback, data in a temporary folder; stopped and removed at its end. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openSession, type Session } from '../../packages/coffre/src/source/mysql/session.ts';
import { addressOf, type MysqlAddress } from '../../packages/coffre/src/source/mysql/settings.ts';
import { freePort } from './free-port.ts';
import { findService } from './programs.ts';
import { startService, type ServiceProcess } from './service-process.ts';

export type MariadbServer = AsyncDisposable & {
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

/** @param words settings, as on the command line; later ones win */
export async function startMariadb(...words: readonly string[]): Promise<MariadbServer> {
  const program = findService('mariadbd');
  if (program === undefined) throw new Error('mariadbd is not installed');
  const asUser = process.getuid?.() === 0 ? readNobody() : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'coffre-mariadb-'));
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
        '--log-bin=changes',
        '--server-id=7',
        '--innodb-buffer-pool-size=32M',
        '--innodb-log-file-size=16M',
        '--innodb-flush-log-at-trx-commit=0',
        '--innodb-flush-method=nosync',
        '--performance-schema=OFF',
        '--log-bin-trust-function-creators=1',
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
    await stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const connect = async (): Promise<Session> => await openSession(address);
  try {
    chmodSync(folder, 0o755);
    mkdirSync(data, { mode: 0o700 });
    if (asUser !== undefined) for (const path of [folder, data]) chownSync(path, asUser.uid, asUser.gid);
    install(dirname(program).replace(/sbin$/, 'bin'), data, asUser);
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

function install(programs: string, data: string, asUser: { uid: number; gid: number } | undefined): void {
  const words = ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
  const done = spawnSync(join(programs, 'mariadb-install-db'), words, {
    encoding: 'utf8',
    cwd: '/',
    env: { ...process.env, TMPDIR: dirname(data) },
    ...asUser,
  });
  if (done.status !== 0)
    throw new Error(`mariadb-install-db failed: ${done.error?.message ?? done.stderr + done.stdout}`);
}

function readNobody(): { uid: number; gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid = '65534', gid = '65534'] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
