import { CoffreError } from '@coffre/repository/opening';
import { normalizeArguments } from './argv.ts';
import type { Cli } from './cli.ts';
import { beginOpening } from './early-opening.ts';
import type { EarlyOpening } from './early-opening.ts';
import { exitCodeOf } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { readGlobalOptions } from './global-options.ts';
import type { Environment, GlobalOptions } from './global-options.ts';
import { failureJson, failureText } from './output/failure.ts';
import { Printer } from './output/printer.ts';
import type { TickerDoors } from './output/progress.ts';
import { Terminal } from './output/terminal.ts';
import type { OutputStream } from './output/terminal.ts';
import { createProgram, ofCommander } from './program.ts';
import type { InputStream } from './prompt.ts';

export type Doors = {
  readonly environment: Environment;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly signal: AbortSignal;
  readonly ticker: TickerDoors;
};

/** Runs one command line. Failures are printed; the code is for `process.exit`. */
export async function runCli(argv: readonly string[], doors: Doors): Promise<ExitCode> {
  const terminal = new Terminal({
    stdout: doors.stdout,
    stderr: doors.stderr,
    inputIsTerminal: doors.stdin.isTTY === true,
    term: doors.environment['TERM'],
  });
  const words = normalizeArguments(argv);
  try {
    let early: EarlyOpening | undefined;
    const cli = createCli(doors, terminal, {
      options: () => program.opts(),
      takeOpening: () => {
        const taken = early?.opened;
        early = undefined;
        return taken;
      },
    });
    const program = createProgram(cli, { print: (text) => terminal.print(text) }, async (verb) => {
      if (verb.opens === true && !words.some((word) => keepsClosed.has(word))) early = await beginOpening(cli, verb);
    });
    await program.parseAsync(words, { from: 'user' });
    terminal.flush();
    return 0;
  } catch (thrown) {
    const ended = ofCommander(thrown);
    terminal.flush();
    if (ended.done) return 0;
    const error = doors.signal.aborted ? interruption(ended.error, doors.signal) : ended.error;
    report(error, terminal, words, doors);
    return exitCodeOf(error);
  }
}

/** With these a verb opens nothing, or opens it in another way. */
const keepsClosed: ReadonlySet<string> = new Set(['-h', '--help', '-n', '--dry-run', '--prune']);

type CliParts = { readonly options: () => Record<string, unknown>; readonly takeOpening: Cli['takeOpening'] };

function createCli(doors: Doors, terminal: Terminal, { options, takeOpening }: CliParts): Cli {
  let globals: GlobalOptions | undefined;
  const readGlobals = (): GlobalOptions => (globals ??= readGlobalOptions(options(), doors.environment));
  return {
    environment: doors.environment,
    terminal,
    stdin: doors.stdin,
    stderr: doors.stderr,
    signal: doors.signal,
    globals: readGlobals,
    takeOpening,
    printer: () => {
      const { json, verbosity } = readGlobals();
      const progressFps = doors.environment['RESTIC_PROGRESS_FPS'] ?? doors.environment['COFFRE_PROGRESS_FPS'];
      return new Printer({ terminal, json, verbosity, progressFps, ticker: doors.ticker });
    },
  };
}

/** Whatever the interrupted work died of, the reason is the interruption. */
function interruption(error: unknown, signal: AbortSignal): CoffreError {
  const reason: unknown = signal.reason;
  if (reason instanceof CoffreError) return reason;
  return new CoffreError('INTERRUPTED', 'interrupted', { cause: error });
}

/** A broken option line was never read, so whether JSON is wanted is looked up in the words themselves. */
function report(error: unknown, terminal: Terminal, words: readonly string[], doors: Doors): void {
  const end = words.indexOf('--');
  const json = (end < 0 ? words : words.slice(0, end)).includes('--json');
  terminal.setStatus([]);
  if (error instanceof CoffreError && error.message === '') return;
  terminal.error(json ? failureJson(error) : failureText(error));
  if (doors.environment['COFFRE_DEBUG'] && error instanceof Error)
    terminal.error(`${error.stack ?? ''}\n${causes(error)}`);
}

function causes(error: Error): string {
  const lines: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
    lines.push(`caused by ${cause.stack ?? cause.message}`);
  return lines.join('\n');
}
