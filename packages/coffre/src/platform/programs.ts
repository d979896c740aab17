/**
 * Other programs, started without a shell: words as a list, an environment of a few variables, a time limit. Secrets are
 * handed over in the environment or through a file, never among the words, which everybody on the machine can read.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { CoffreError, messageOf } from '@coffre/repository';
import { markVariable } from './marked-processes.ts';

export type ProgramCall = {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  /** Beside the few variables that every program gets. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingFolder?: string;
  readonly input?: AsyncIterable<Uint8Array>;
  /** Ending well before it has read all of the input is no failure. */
  readonly mayLeaveInput?: boolean;
  /** From the start to the end of the program. */
  readonly timeoutMs: number;
  /** It has ended when it itself has: what it started and left running (a service, say) may keep its output open. */
  readonly mayLeaveOthers?: boolean;
  readonly signal?: AbortSignal;
  /** For servers that refuse to run as root, and for work on data that is not trusted. Only root can give itself up. */
  readonly asUser?: SystemUser;
};

export type SystemUser = { readonly uid: number; readonly gid: number };

export type Programs = {
  /**
   * What the program prints. The last byte is given, and the iteration ends, only when the program has ended with exit
   * code 0 within its time. Whoever stops asking, and the signal, ends it with all that it started.
   * @throws {CoffreError} SOURCE_COMMAND_FAILED, INTERRUPTED
   */
  output(call: ProgramCall): AsyncGenerator<Uint8Array>;
};

const inherited = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', markVariable];
const complaintBytesMax = 2000;
/** Between the friendly signal and the other one. */
const graceMs = 3000;
/** For what a program that has ended printed last, while another one keeps its output open. */
const lastWordsMs = 250;

export function createPrograms(environment: Readonly<Record<string, string | undefined>>): Programs {
  const few = Object.fromEntries(
    inherited.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
  return { output: (call) => outputOf(call, { ...few, ...call.environment }) };
}

async function* outputOf(call: ProgramCall, environment: Record<string, string>): AsyncGenerator<Uint8Array> {
  const [program, ...args] = call.argv;
  if (program === undefined || program === '') throw new CoffreError('USAGE', 'no program was named');
  const stop = AbortSignal.any([
    AbortSignal.timeout(call.timeoutMs),
    ...(call.signal === undefined ? [] : [call.signal]),
  ]);
  const child = spawn(program, args, {
    // A group of its own, so that what it starts can be ended with it.
    detached: true,
    env: environment,
    stdio: [call.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(call.workingFolder === undefined ? {} : { cwd: call.workingFolder }),
    ...call.asUser,
  });
  const pipes = pipesOf(child, call.mayLeaveOthers === true);
  const end = (): void => endGroup(child, pipes);
  stop.addEventListener('abort', end);
  const complaints = lastWords(child);
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`cannot be started: ${error.message}`));
    child.once('close', (code, killedBy) => resolve(code === 0 ? undefined : `ended with ${howEnded(code, killedBy)}`));
  });
  const fed = feed(child, call.input);
  try {
    try {
      for await (const bytes of child.stdout ?? []) yield bytes as Uint8Array;
    } catch (error) {
      if (!pipes.areLetGo()) throw error;
    }
    const [why, inputFailure] = await Promise.all([ended, fed]);
    if (call.signal?.aborted === true) throw interrupted(call.signal);
    if (stop.aborted) throw failed(program, `did not end within ${call.timeoutMs / 1000} s`, complaints());
    if (why !== undefined) throw failed(program, why, complaints());
    if (inputFailure !== undefined && call.mayLeaveInput !== true)
      throw failed(program, `did not take its input: ${inputFailure}`, complaints());
  } catch (error) {
    // A killed program's torn pipe is not the reason, only its consequence.
    if (call.signal?.aborted === true) throw interrupted(call.signal);
    throw error;
  } finally {
    stop.removeEventListener('abort', end);
    end();
    // Whoever cleans up now meets nobody who still works on it.
    await ended;
  }
}

async function feed(child: ChildProcess, input: AsyncIterable<Uint8Array> | undefined): Promise<string | undefined> {
  if (input === undefined || child.stdin === null) return undefined;
  try {
    await pipeline(input, child.stdin);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

type Pipes = {
  /** Somebody else may hold them open for ever; from here on nobody reads them. */
  letGo(): void;
  areLetGo(): boolean;
  areClosed(): boolean;
};

function pipesOf(child: ChildProcess, mayLeaveOthers: boolean): Pipes {
  let isLetGo = false;
  let isClosed = false;
  const letGo = (): void => {
    if (isClosed) return;
    isLetGo = true;
    child.stdout?.destroy();
    child.stderr?.destroy();
  };
  child.once('close', () => (isClosed = true));
  if (mayLeaveOthers) {
    child.once('exit', () => {
      const late = setTimeout(letGo, lastWordsMs);
      child.once('close', () => clearTimeout(late));
    });
  }
  return { letGo, areLetGo: () => isLetGo, areClosed: () => isClosed };
}

/**
 * A program that has ended and closed its pipes is not touched: its number may belong to somebody else by now. Where it
 * has ended and its pipes are open, what it started holds them, and is ended for it.
 */
function endGroup(child: ChildProcess, pipes: Pipes): void {
  const { pid } = child;
  if (pid === undefined || pipes.areClosed()) return;
  signalGroup(pid, 'SIGTERM');
  const last = setTimeout(() => {
    signalGroup(pid, 'SIGKILL');
    // Who left the group is out of reach, and is not waited for.
    pipes.letGo();
  }, graceMs);
  child.once('close', () => clearTimeout(last));
}

function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended by itself meanwhile.
  }
}

function lastWords(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (more: string) => (text = (text + more).slice(-complaintBytesMax)));
  return () => text.trim();
}

function howEnded(code: number | null, killedBy: NodeJS.Signals | null): string {
  return code === null ? `signal ${killedBy ?? 'unknown'}` : `exit code ${code}`;
}

function failed(program: string, why: string, complaints: string): CoffreError {
  const said = complaints === '' ? '' : `: ${complaints}`;
  return new CoffreError('SOURCE_COMMAND_FAILED', `${JSON.stringify(program)} ${why}${said}`, {
    hint: 'Nothing was saved of it. Run the program by itself and mend it; no shell looks at its words.',
  });
}

function interrupted(signal: AbortSignal): CoffreError {
  const reason: unknown = signal.reason;
  return reason instanceof CoffreError ? reason : new CoffreError('INTERRUPTED', 'stopped', { cause: reason });
}

/** All that a program prints, which is little. @throws {CoffreError} as `output`, and when it is more than `bytesMax` */
export async function textOf(programs: Programs, call: ProgramCall, bytesMax = 64 * 1024): Promise<string> {
  const parts: Uint8Array[] = [];
  let used = 0;
  for await (const part of programs.output(call)) {
    used += part.byteLength;
    if (used > bytesMax) {
      throw new CoffreError('SOURCE_COMMAND_FAILED', `${JSON.stringify(call.argv[0])} prints more than a short text`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
