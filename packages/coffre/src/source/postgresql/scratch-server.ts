/**
 * A server of our own for as long as a proof takes: on a socket in a private folder, without any network, and gone
 * afterwards. Safe against nothing: it is never asked to survive a crash.
 */
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CoffreError, isCoffreError, messageOf, systemProcesses } from '@coffre/repository';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import { textOf, type SystemUser } from '../../platform/programs.ts';
import type { SourceContext } from '../source.ts';
import { openSession } from './session.ts';
import { addressOf, type PostgresAddress } from './settings.ts';
import { serverToolsFor, type Tools } from './tools.ts';

export type ScratchServer = AsyncDisposable & {
  readonly address: PostgresAddress;
  readonly tools: Tools;
  readonly folder: string;
  readonly asUser: SystemUser | undefined;
};

export const scratchUser = 'coffre_scratch';
const port = 5432;
const startTimeoutMs = 60_000;
const serverTimeoutMs = 7 * 24 * 3_600_000;
/** A socket's path has 107 bytes at most. */
const folderBytesMax = 80;

const unsafeAndFast = [
  'listen_addresses=',
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'wal_level=minimal',
  'max_wal_senders=0',
  'max_wal_size=2GB',
  'archive_mode=off',
  'autovacuum=off',
  'maintenance_work_mem=128MB',
  'max_locks_per_transaction=256',
  'max_connections=20',
  'unix_socket_permissions=0700',
  'logging_collector=off',
  'log_min_messages=fatal',
  'jit=off',
];

/** @param sizeBytes of what will be loaded. @throws {CoffreError} SOURCE_TOOL_MISSING, SOURCE_SPACE_SHORT */
export async function startScratchServer(
  context: SourceContext,
  majorMin: number,
  sizeBytes: number,
): Promise<ScratchServer> {
  const tools = await serverToolsFor(context, majorMin);
  const base = baseFor(context.temporaryFolder);
  await endAbandoned(context, base);
  await using opened = new AsyncDisposableStack();
  const spool = createPrivateFolder(base, Math.ceil(sizeBytes * 1.5) + 64 * 2 ** 20);
  opened.defer(() => spool[Symbol.dispose]());
  const asUser = process.getuid?.() === 0 ? unprivilegedUser() : undefined;
  if (asUser !== undefined) chownSync(spool.path, asUser.uid, asUser.gid);
  const data = join(spool.path, 'data');
  const call = (program: string, ...words: string[]) => ({
    argv: [join(tools.folder, program), ...words],
    environment: { LC_ALL: 'C', HOME: spool.path },
    workingFolder: spool.path,
    signal: context.signal,
    ...(asUser === undefined ? {} : { asUser }),
  });
  await textOf(context.programs, {
    ...call('initdb', '-D', data, '-U', scratchUser, '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C'),
    timeoutMs: startTimeoutMs,
  });
  const words = unsafeAndFast.flatMap((setting) => ['-c', setting]);
  const server = context.programs.output({
    ...call('postgres', '-D', data, '-k', spool.path, '-p', String(port), ...words),
    timeoutMs: serverTimeoutMs,
  });
  const ended = runToEnd(server);
  opened.defer(async () => {
    await stopServer({ ...context, signal: new AbortController().signal }, tools, data, asUser);
    await ended.done;
  });
  const address = addressOf({ host: spool.path, port, user: scratchUser, tls: 'off' });
  await untilReady(context, address, ended);
  const kept = opened.move();
  return { address, tools, folder: spool.path, asUser, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

type Ended = { readonly done: Promise<void>; why(): string | undefined };

/** Its output is nobody's; its end is. */
function runToEnd(output: AsyncIterable<Uint8Array>): Ended {
  let why: string | undefined;
  const run = async (): Promise<void> => {
    try {
      for await (const _ of output);
      why = 'it ended by itself';
    } catch (error) {
      why = messageOf(error);
    }
  };
  return { done: run(), why: () => why };
}

async function untilReady(context: SourceContext, address: PostgresAddress, ended: Ended): Promise<void> {
  const deadlineMs = context.clock.monotonicMs() + startTimeoutMs;
  for (;;) {
    try {
      await using _session = await openSession({ address, database: 'postgres', signal: context.signal });
      return;
    } catch (error) {
      context.signal.throwIfAborted();
      const why = ended.why() ?? (context.clock.monotonicMs() > deadlineMs ? messageOf(error) : undefined);
      if (why !== undefined) {
        throw new CoffreError('SOURCE_TOOL_MISSING', `a private server could not be started: ${why}`, {
          hint: 'The dump is untouched. Start `postgres` of the same version by hand to see what it lacks.',
          cause: error,
        });
      }
      await context.clock.sleep(30, context.signal);
    }
  }
}

/** At once: there is nothing to keep. It removes what it holds of shared memory itself, which a kill would leave. */
async function stopServer(
  { programs, signal }: SourceContext,
  tools: Tools,
  data: string,
  asUser: SystemUser | undefined,
): Promise<void> {
  if (!existsSync(join(data, 'postmaster.pid'))) return;
  const argv = [join(tools.folder, 'pg_ctl'), '-D', data, '-m', 'immediate', '-w', '-t', '20', 'stop'];
  const user = asUser === undefined ? {} : { asUser };
  try {
    await textOf(programs, { argv, timeoutMs: 30_000, signal, workingFolder: dirname(data), ...user });
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    // It ended by itself meanwhile.
  }
}

/** Servers whose owner was killed: they are stopped before their folders are removed. */
async function endAbandoned(context: SourceContext, base: string): Promise<void> {
  for (const name of readdirSync(base)) {
    const owner = Number(/^coffre-dump-(\d+)-/.exec(name)?.[1] ?? 0);
    const data = join(base, name, 'data');
    if (owner === 0 || systemProcesses().isAlive(owner)) continue;
    const server = serverOf(data);
    if (server === undefined) continue;
    try {
      process.kill(server, 'SIGQUIT');
    } catch {
      continue; // gone, or another user's
    }
    for (let tries = 0; tries < 100 && systemProcesses().isAlive(server); tries += 1)
      await context.clock.sleep(20, context.signal);
  }
}

/** Only where the process still is the server of this folder. */
function serverOf(data: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0${data}\0`) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** A folder that another user can reach and whose name leaves room for the socket. */
function baseFor(folder: string): string {
  const isReachable = process.getuid?.() !== 0 || [folder, ...foldersAbove(folder)].every(mayBeEntered);
  return isReachable && Buffer.byteLength(folder) <= folderBytesMax ? folder : '/tmp';
}

function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...foldersAbove(above)];
}

function mayBeEntered(path: string): boolean {
  return !existsSync(path) || (statSync(path).mode & 0o001) !== 0;
}

/** Not `postgres`: what runs in a scratch server must not reach the real one's files. */
function unprivilegedUser(): SystemUser {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid = '65534', gid = '65534'] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

/** A folder inside, for files that programs of the server's user read. */
export function folderFor(server: Pick<ScratchServer, 'folder' | 'asUser'>, name: string): string {
  const path = join(server.folder, name);
  mkdirSync(path, { mode: 0o700 });
  if (server.asUser !== undefined) chownSync(path, server.asUser.uid, server.asUser.gid);
  return path;
}
