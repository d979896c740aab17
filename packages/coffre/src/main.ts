/** Wires the program to the process: streams, signals, exit code. The only `process.exit` of the program. */
import { readFileSync } from 'node:fs';
import { CoffreError } from '@coffre/repository/opening';
import { restoreArguments } from './cli/raw-arguments.ts';
import { runCli } from './cli/run.ts';

// Our launcher sets these for this process alone; programs that we start get the environment as it was.
if (process.env['COFFRE_MALLOC'] !== undefined) {
  for (const name of ['COFFRE_MALLOC', 'MALLOC_ARENA_MAX', 'MALLOC_TRIM_THRESHOLD_', 'MALLOC_MMAP_THRESHOLD_']) {
    delete process.env[name];
  }
}

const abort = new AbortController();
/** 141 is what a shell sees of a program that ends with the reader of its pipe. */
const ending = { interruptedCode: 130, isOutputLost: false };

/** The first signal lets the verb clean up and give its lock back; the second does not wait. */
function onSignal(name: 'interrupt' | 'terminated'): () => void {
  return () => {
    if (abort.signal.aborted) process.exit(ending.interruptedCode);
    process.stderr.write(`\rsignal ${name} received, cleaning up \n`);
    abort.abort(new CoffreError('INTERRUPTED', 'interrupted by a signal'));
  };
}

/** Nobody reads on: stop as for a signal, without a word. A full disk under a log is no reason to stop a backup. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (abort.signal.aborted) return;
  if (error.code === 'EPIPE') {
    ending.interruptedCode = 141;
    abort.abort(new CoffreError('INTERRUPTED', ''));
  } else if (!ending.isOutputLost) {
    ending.isOutputLost = true;
    process.stderr.write(`cannot write the output: ${error.message}\n`);
  }
}

/** Undefined where the system does not tell. */
function commandLine(): Uint8Array | undefined {
  try {
    return readFileSync('/proc/self/cmdline');
  } catch {
    return undefined;
  }
}

process.on('SIGINT', onSignal('interrupt'));
process.on('SIGTERM', onSignal('terminated'));
// `restic unlock` asks with a hangup whether the owner of a lock is alive; it ignores them itself, closed terminals too.
process.on('SIGHUP', () => undefined);
process.stdout.on('error', onOutputError);
process.stderr.on('error', () => undefined);

const reports = new Set<() => void>();
process.on('SIGUSR1', () => {
  for (const report of reports) report();
});

const argv = restoreArguments(process.argv.slice(2), commandLine);
const code = await runCli(argv, {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: abort.signal,
  ticker: {
    monotonicMs: () => performance.now(),
    onReportWanted: (report) => {
      reports.add(report);
      return () => reports.delete(report);
    },
  },
});
// What is still on its way into a pipe would be lost with the process. A reader that is gone answers with an error.
const sent = (stream: NodeJS.WriteStream): Promise<void> => new Promise((resolve) => stream.write('', () => resolve()));
await Promise.all([sent(process.stdout), sent(process.stderr)]);
process.exit(code === 130 ? ending.interruptedCode : code === 0 && ending.isOutputLost ? 1 : code);
