import { spawn } from 'node:child_process';
import type { ChildProcess, ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';
import { CoffreError, messageOf } from '../../errors.ts';
import { systemCode } from '../local-errors.ts';

export type RcloneStart = {
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment: { readonly [name: string]: string | undefined };
  readonly warn: (sentence: string) => void;
  /** How long it has to end by itself, and again after SIGTERM. */
  readonly graceMs: number;
};

export type RcloneProcess = {
  /** What it reads and writes, as one stream. */
  readonly pipes: Duplex;
  /** Resolves when it has ended, to how, and what it said last: `exit code 1: didn't find section in config file`. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
};

/**
 * Starts it in a process group of its own: Ctrl-C of the terminal is for us, who still have a lock to remove through it.
 * It ends when its input does, so it cannot outlive us however we die.
 * @throws {CoffreError} HOST_UNSUPPORTED when the program is not there
 */
export async function startRclone(start: RcloneStart): Promise<RcloneProcess> {
  const { program, argv, environment, warn, graceMs } = start;
  const child = spawn(program, argv, { stdio: 'pipe', env: { ...environment }, detached: true, windowsHide: true });
  const failed = new Promise<Error>((resolve) => child.once('error', resolve));
  if (child.pid === undefined) throw notStarted(program, await failed);
  const state = { lastLine: '', stopping: false };
  createInterface({ input: child.stderr }).on('line', (line) => {
    const sentence = withoutTime(line);
    if (sentence === '') return;
    state.lastLine = sentence;
    if (!state.stopping) warn(`rclone: ${sentence}`);
  });
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      resolve(state.lastLine === '' ? how : `${how}: ${state.lastLine}`);
    });
  });
  const pipes = joined(child);
  // A broken pipe shows as the end of the process, and in every call that was on its way.
  for (const stream of [pipes, child.stdin, child.stdout]) stream.on('error', () => undefined);
  return {
    pipes,
    ended,
    async stop() {
      state.stopping = true;
      child.stdin.end();
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        if (await endsWithin(ended, graceMs)) return;
        killGroup(child, signal);
      }
      await ended;
    },
  };
}

/** What it reads and what it writes as one stream, without a copy. */
function joined({ stdin, stdout }: ChildProcessWithoutNullStreams): Duplex {
  const pipes = new Duplex({
    read: () => void stdout.resume(),
    write: (chunk, _encoding, done) => void stdin.write(chunk, done),
    writev(chunks, done) {
      stdin.cork();
      for (const { chunk } of chunks.slice(0, -1)) stdin.write(chunk);
      stdin.write(chunks.at(-1)?.chunk, done);
      stdin.uncork();
    },
    final: (done) => void stdin.end(done),
    destroy(error, done) {
      stdin.destroy();
      stdout.destroy();
      done(error);
    },
  });
  stdout.on('data', (chunk) => {
    if (!pipes.push(chunk)) stdout.pause();
  });
  stdout.on('end', () => pipes.push(null));
  return pipes;
}

/** rclone begins its lines with date and time. */
function withoutTime(line: string): string {
  return line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, '').trim();
}

async function endsWithin(ended: Promise<unknown>, graceMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), graceMs);
  ended.then(
    () => resolve(true),
    () => resolve(true),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Also what a wrapper has started. */
function killGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

function notStarted(program: string, error: Error): CoffreError {
  const isMissing = systemCode(error) === 'ENOENT';
  const sentence = isMissing ? 'is not installed, or not where programs are looked for' : messageOf(error);
  return new CoffreError('HOST_UNSUPPORTED', `${program} ${isMissing ? sentence : `cannot be started: ${sentence}`}`, {
    hint: 'Install rclone, or say where it is: -o rclone.program=/path/to/rclone.',
    cause: error,
  });
}
