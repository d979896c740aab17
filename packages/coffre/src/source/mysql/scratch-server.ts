/**
 * A server of our own for proofs and drills: data, socket and everything else in a private folder, no network. It ends
 * with its pipe, so that it does not outlive us however we end; its folder goes with the next run then.
 */
import { chownSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CoffreError, messageOf } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { SourceContext } from '../source.ts';
import type { MysqlTruth } from './mysql-truth.ts';
import { findServerProgram, placeWords, type ServerProgram } from './scratch-program.ts';
import { openSession } from './session.ts';
import type { MysqlAddress } from './settings.ts';

export type ScratchServer = AsyncDisposable & { readonly address: MysqlAddress };

/** What an empty server takes, with its logs. */
const emptyBytes = 200 * 2 ** 20;
/** Rows, indexes and the space that InnoDB keeps free, for each byte of a dump. */
const growth = 2.5;
const installTimeoutMs = 300_000;
const serverTimeoutMs = 7 * 24 * 3_600_000;
const readyTries = 600;
const readyPauseMs = 100;
/** Of Unix sockets. */
const socketBytesMax = 107;

/** The words of the server follow; it is killed when our end of the pipe is gone. A scratch server has nothing to save. */
const tether = '"$@" & server=$!; trap "kill -KILL $server" TERM; read -r _; kill -KILL $server; wait $server; exit 0';

/** @throws {CoffreError} SOURCE_TOOL_MISSING, SOURCE_SPACE_SHORT */
export async function startScratch(
  context: SourceContext,
  saved: Pick<MysqlTruth, 'family' | 'version'>,
  dumpBytes: number,
): Promise<ScratchServer> {
  const program = await findServerProgram(saved, context);
  await using opening = new AsyncDisposableStack();
  const base = opening.use(
    createPrivateFolder(context.temporaryFolder, emptyBytes + Math.ceil(dumpBytes * growth)),
  ).path;
  const data = join(base, 'data');
  const socket = join(base, 's');
  if (Buffer.byteLength(socket) > socketBytesMax) {
    throw new CoffreError('SOURCE_SPACE_SHORT', `the path ${base} is too long for a socket`, {
      hint: 'Point TMPDIR at a folder with a shorter path.',
    });
  }
  mkdirSync(data, { mode: 0o700 });
  const user = unprivileged();
  if (user !== undefined) refuseClosed(dirname(base), user);
  if (user !== undefined) for (const path of [base, data]) chownSync(path, user.uid, user.gid);
  const asUser = user === undefined ? [] : [`--user=${user.name}`];
  const { programs, signal } = context;
  const environment = { TMPDIR: base, HOME: base };
  const words = ['--no-defaults', `--datadir=${data}`, ...asUser, ...placeWords(program)];
  const installing = installWords(program, words, base);
  for await (const _ of programs.output({ argv: installing, environment, timeoutMs: installTimeoutMs, signal }));

  const stop = new AbortController();
  const running = {
    argv: ['/bin/sh', '-c', tether, 'sh', program.path, ...words, ...serverWords(program, socket, base)],
    environment,
    timeoutMs: serverTimeoutMs,
    signal: stop.signal,
    input: openUntil(stop.signal),
  };
  let failure: unknown;
  const ended = drain(programs.output(running)).catch((error: unknown) => (failure = error));
  opening.defer(async () => {
    stop.abort();
    await ended;
  });
  const address: MysqlAddress = {
    place: { socket },
    user: 'root',
    password: undefined,
    tls: 'off',
    caFile: undefined,
  };
  await untilReady(address, context, () => failure);
  const kept = opening.move();
  return { address, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

/** Makes an empty server whose root needs no password. */
function installWords({ path, family }: ServerProgram, words: readonly string[], folder: string): string[] {
  if (family === 'mysql') return [path, ...words, '--initialize-insecure', ...quickWords, ...mysqlWords(folder)];
  const install = findProgram('mariadb-install-db', `${dirname(path)}:${join(dirname(realpathSync(path)), '../bin')}`);
  if (install === undefined) {
    throw new CoffreError('SOURCE_TOOL_MISSING', `mariadb-install-db is not installed beside ${path}`, {
      hint: 'Install the package mariadb-server-core; no server of it needs to run.',
    });
  }
  return [install, ...words, '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
}

/** Nothing is safe against a power cut: there is nothing to save. */
const quickWords = [
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-flush-method=nosync',
  '--innodb-doublewrite=0',
  '--performance-schema=OFF',
];

/** The older of them do not know all of it. */
function mysqlWords(folder: string): string[] {
  const noKeys = ['auto-generate-certs', 'sha256-password-auto-generate-rsa-keys'];
  return [
    `--secure-file-priv=${folder}`,
    '--loose-mysqlx=OFF',
    '--loose-innodb-redo-log-capacity=128M',
    ...[...noKeys, 'caching-sha2-password-auto-generate-rsa-keys'].map((name) => `--loose-${name}=OFF`),
  ];
}

/** Small, without network or log; nothing is left to an option file. */
function serverWords({ family }: ServerProgram, socket: string, folder: string): string[] {
  return [
    `--socket=${socket}`,
    `--tmpdir=${folder}`,
    `--pid-file=${join(folder, 'pid')}`,
    '--skip-networking',
    '--skip-name-resolve',
    '--skip-log-bin',
    '--event-scheduler=OFF',
    '--local-infile=0',
    '--innodb-buffer-pool-size=128M',
    '--max-allowed-packet=1G',
    '--character-set-server=utf8mb4',
    ...quickWords,
    ...(family === 'mysql' ? mysqlWords(folder) : [`--secure-file-priv=${folder}`, '--innodb-log-file-size=64M']),
  ];
}

type SystemUser = { readonly name: string; readonly uid: number; readonly gid: number };

/** Folders above the private one, which its new owner must be able to pass. */
function refuseClosed(folder: string, { name, uid, gid }: SystemUser): void {
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    const { mode, uid: owner, gid: group } = statSync(at);
    const shift = owner === uid ? 6 : group === gid ? 3 : 0;
    if (((mode >> shift) & 1) === 1) continue;
    throw new CoffreError(
      'HOST_UNSUPPORTED',
      `the user ${name} may not enter ${at}, where a private server would run as it`,
      {
        hint: 'Point TMPDIR at a folder that everybody may enter, such as /var/tmp; what is made there is still private.',
      },
    );
  }
}

/** The server refuses to run as root. */
function unprivileged(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['mysql', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { name, uid: Number(uid), gid: Number(gid) };
  }
  throw new CoffreError('HOST_UNSUPPORTED', 'there is no user mysql or nobody that a private server could run as');
}

async function drain(output: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of output);
}

// eslint-disable-next-line require-yield
async function* openUntil(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function untilReady(
  address: MysqlAddress,
  { clock, signal }: SourceContext,
  failure: () => unknown,
): Promise<void> {
  let last: unknown;
  for (let attempt = 0; attempt < readyTries && failure() === undefined; attempt += 1) {
    signal.throwIfAborted();
    try {
      await using session = await openSession(address);
      await session.run('SET GLOBAL innodb_stats_auto_recalc = OFF');
      return;
    } catch (error) {
      last = error;
    }
    await clock.sleep(readyPauseMs, signal);
  }
  const why = failure() ?? last;
  throw new CoffreError('SOURCE_COMMAND_FAILED', `the private server does not start: ${messageOf(why)}`, {
    hint: 'May its user enter the folders above TMPDIR? A server of the same package must start by hand as well.',
    cause: why,
  });
}
