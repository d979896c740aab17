/**
 * A run is a process of its own, in a group of its own: whatever it dies of, nothing else does. It speaks over IPC; when
 * we are gone the channel closes, and it stops by itself.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { findProgram } from '../platform/find-program.ts';
import type { RunMessage, RunMessageOf } from '../run/run-message.ts';
import type { Priority } from '../schedule/plan-entry.ts';

export type RunCall = {
  /** After the program: `--config FILE run PLAN`. */
  readonly words: readonly string[];
  /** Beside what the daemon itself was given. */
  readonly environment: Readonly<Record<string, string>>;
  readonly priority: Priority;
};

export type ProcessEnd = {
  /** Undefined: it ended without a word. */
  readonly message: RunMessageOf<'ended'> | undefined;
  /** `exit code 1`, `signal SIGKILL`, or why it never began. */
  readonly how: string;
  /** Of what it wrote to its error output. */
  readonly lastWords: string;
};

export type RunProcess = {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Asks it to stop well; after the grace it is ended with all that it started. Further calls change nothing. */
  cancel(): void;
  /** Never rejects. */
  readonly ended: Promise<ProcessEnd>;
};

export type StartRunProcess = (call: RunCall, onMessage: (message: RunMessage) => void) => RunProcess;

export type ProgramStart = {
  /** The program that runs plans and the words before its own: `node --flags main.ts`. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** From the friendly signal to the other one. */
  readonly graceMs: number;
};

const lastWordsMax = 4000;
/** As `nice` counts, and of the best-effort class of `ionice`, 0 to 7. Who goes first gives way to nobody. */
const yielding = { normal: { nice: '5', ioLevel: '6' }, low: { nice: '15', ioLevel: '7' } } as const;

export function runProcesses({ argv, environment, graceMs }: ProgramStart): StartRunProcess {
  return (call, onMessage) => {
    const [program = '', ...words] = [...givingWay(call.priority, environment['PATH']), ...argv, ...call.words];
    const child = spawn(program, words, {
      detached: true,
      env: { ...environment, ...call.environment },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    return followed(child, onMessage, graceMs);
  };
}

function followed(child: ChildProcess, onMessage: (message: RunMessage) => void, graceMs: number): RunProcess {
  let message: ProcessEnd['message'];
  let lastWords = '';
  let isCancelled = false;
  child.on('message', (told: RunMessage) => {
    if (told.type === 'ended') message = told;
    onMessage(told);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-lastWordsMax);
  });
  const ended = new Promise<ProcessEnd>((resolve) => {
    const end = (how: string): void => resolve({ message, how, lastWords: lastWords.trim() });
    child.once('error', (error) => {
      if (child.pid === undefined) end(`could not be started: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      // What it started and left behind is ended with it.
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      const how = code === null ? `signal ${signal ?? 'unknown'}` : `exit code ${code}`;
      // Its last message may still be in the pipe; a child of it that keeps the pipes open is not waited for.
      const late = setTimeout(() => end(how), 1000);
      child.once('close', () => {
        clearTimeout(late);
        end(how);
      });
    });
  });
  const cancel = (): void => {
    if (isCancelled || child.exitCode !== null || child.signalCode !== null) return;
    isCancelled = true;
    child.kill('SIGTERM');
    const last = setTimeout(() => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        signalGroup(child.pid, 'SIGKILL');
    }, graceMs);
    child.once('exit', () => clearTimeout(last));
  };
  return { pid: child.pid, cancel, ended };
}

/**
 * Words before the program. Set from outside afterwards, they would hold for its first thread only; each of these becomes
 * the program itself, so the process stays the same.
 */
function givingWay(priority: Priority, path = '/usr/bin:/bin'): string[] {
  if (priority === 'high') return [];
  const { nice, ioLevel } = yielding[priority];
  const [niceProgram, ioniceProgram] = [findProgram('nice', path), findProgram('ionice', path)];
  return [
    ...(niceProgram === undefined ? [] : [niceProgram, '-n', nice]),
    ...(ioniceProgram === undefined ? [] : [ioniceProgram, '-c', '2', '-n', ioLevel]),
  ];
}

function signalGroup(pid: number, signal: 'SIGKILL'): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in it.
  }
}
