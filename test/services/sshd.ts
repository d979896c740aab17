/** A private OpenSSH server on a free loopback port, with keys, configuration and known_hosts in a temporary folder. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { findService } from './programs.ts';

export type Sshd = AsyncDisposable & {
  readonly port: number;
  readonly user: string;
  /** Temporary; removed with the server. */
  readonly folder: string;
  /** Has `.ssh` with the key that may log in and a known_hosts that knows the server. */
  readonly home: string;
  readonly environment: { readonly HOME: string; readonly PATH: string };
  /** Public host keys, as `ssh-ed25519 AAAA…`. */
  readonly hostKeys: readonly string[];
  /** Processes that serve connections. */
  sessions(): number[];
  /** Ends them as a crash of the server would. */
  killSessions(): void;
};

export type SshdOptions = {
  readonly hostKeyTypes?: readonly string[];
  /** What serves SFTP, with its flags. */
  readonly subsystem?: string;
  /** More lines of sshd_config. */
  readonly config?: readonly string[];
};

export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const { hostKeyTypes = ['ed25519'], subsystem = 'internal-sftp', config = [] } = options;
  const program = findService('sshd');
  if (program === undefined) throw new Error('sshd is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'coffre-sshd-'));
  const user = userInfo().username;
  const port = await freePort();
  const hostKeys = hostKeyTypes.map((type) => makeKey(join(folder, `host_${type}`), type));
  const home = join(folder, 'home');
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  const login = makeKey(join(home, '.ssh', 'id_ed25519'), 'ed25519');
  writeFileSync(join(folder, 'authorized_keys'), `${login}\n`);
  writeFileSync(join(home, '.ssh', 'known_hosts'), hostKeys.map((key) => `[127.0.0.1]:${port} ${key}\n`).join(''));
  writeFileSync(
    join(folder, 'sshd_config'),
    [...settings(folder, port, hostKeyTypes), `Subsystem sftp ${subsystem}`, ...config, ''].join('\n'),
  );

  // The separated process of the server wants this folder.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const server = spawn(program, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  const exited = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const stop = async (): Promise<void> => {
    killAll(server.pid);
    server.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await answers(
      port,
      () => server.exitCode === null,
      () => said,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    port,
    user,
    folder,
    home,
    environment: { HOME: home, PATH: process.env['PATH'] ?? '' },
    hostKeys,
    sessions: () => childrenOf(server.pid),
    killSessions: () => killAll(server.pid),
    [Symbol.asyncDispose]: stop,
  };
}

/** Makes a key pair without a passphrase, or with one; resolves to the public key without its comment. */
export function makeKey(path: string, type: string, passphrase = ''): string {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', path], { stdio: 'ignore' });
  return readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
}

export type Agent = Disposable & { readonly socket: string };

/** An ssh-agent that holds the keys in these files; `askpass` prints the passphrase where they have one. */
export async function startAgent(folder: string, keys: readonly string[], askpass?: string): Promise<Agent> {
  const socket = join(folder, 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => agent.once('close', () => resolve()));
  const stop = (): void => void agent.kill('SIGTERM');
  const ask = askpass === undefined ? {} : { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
  try {
    await reached(
      () => connect(socket),
      () => agent.exitCode === null,
      () => 'ssh-agent does not start',
    );
    for (const key of keys) {
      execFileSync('ssh-add', ['-q', key], { env: { ...process.env, ...ask, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
    }
  } catch (error) {
    stop();
    await exited;
    throw error;
  }
  return { socket, [Symbol.dispose]: stop };
}

function settings(folder: string, port: number, hostKeyTypes: readonly string[]): string[] {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    ...hostKeyTypes.map((type) => `HostKey ${join(folder, `host_${type}`)}`),
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'LogLevel ERROR',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'MaxStartups 100',
  ];
}

async function answers(port: number, lives: () => boolean, said: () => string): Promise<void> {
  await reached(
    () => connect(port, '127.0.0.1'),
    lives,
    () => `sshd does not start: ${said()}`,
  );
}

async function reached(dial: () => ReturnType<typeof connect>, lives: () => boolean, why: () => string): Promise<void> {
  for (let attempt = 0; attempt < 200 && lives(); attempt += 1) {
    const socket = dial();
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await sleep(25);
  }
  throw new Error(why());
}

/** From /proc: each connection is served by a child in a session of its own, which has children again. */
function childrenOf(pid: number | undefined): number[] {
  if (pid === undefined) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return undefined;
  }
}

function killAll(pid: number | undefined): void {
  for (const child of childrenOf(pid)) {
    killAll(child);
    try {
      process.kill(child, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}
