/** Starts a server for a test and waits until it accepts connections; it never outlives the test. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { NetConnectOpts } from 'node:net';

export type ServiceProcess = {
  readonly pid: number;
  /** What it wrote so far, both streams. */
  output(): string;
  stop(): Promise<void>;
  /** At once, for servers whose data nobody needs any more. */
  kill(): Promise<void>;
};

export type ServiceStart = {
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment?: { readonly [name: string]: string };
  readonly place: { readonly port: number } | { readonly path: string };
  /** Two minutes where it is not said: the machine may be busy. */
  readonly readyTimeoutMs?: number;
  /** For servers that refuse to run as root. */
  readonly asUser?: { readonly uid: number; readonly gid: number };
};

const readyPauseMs = 20;
/** A busy machine may need long; what a server does at a good end is not to be cut off. */
const stopGraceMs = 60_000;

export async function startService(start: ServiceStart): Promise<ServiceProcess> {
  const { program, argv, environment = {}, place, asUser, readyTimeoutMs = 120_000 } = start;
  const child = spawn(program, argv, {
    ...asUser,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...environment },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve();
    });
    child.on('close', () => resolve());
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);

  async function stop(): Promise<void> {
    child.kill('SIGTERM');
    const timer = setTimeout(kill, stopGraceMs);
    await ended;
    clearTimeout(timer);
    process.off('exit', kill);
  }

  async function killed(): Promise<void> {
    kill();
    await ended;
    process.off('exit', kill);
  }

  for (let attempt = 0; attempt * readyPauseMs < readyTimeoutMs; attempt += 1) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
    if (await accepts('port' in place ? { host: '127.0.0.1', port: place.port } : { path: place.path })) {
      return { pid: child.pid, output: () => output, stop, kill: killed };
    }
    await new Promise((resolve) => setTimeout(resolve, readyPauseMs));
  }
  await killed();
  throw new Error(`${program} did not start: ${output}`);
}

function accepts(place: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
