/** What the commands get of the outside when a program and not a person uses them: nobody to ask, nothing printed. */
import { Readable } from 'node:stream';
import type { Cli } from './cli.ts';
import { readGlobalOptions } from './global-options.ts';
import type { GlobalOptions } from './global-options.ts';
import { Printer } from './output/printer.ts';
import { Terminal } from './output/terminal.ts';
import type { OutputStream } from './output/terminal.ts';

export type LibrarySurroundings = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** A line that a person would have seen as a warning. */
  readonly warn: (line: string) => void;
};

/** The configuration names the repositories; what the environment says of another one is not meant. */
const ofCommands = new Set(
  ['REPOSITORY', 'REPOSITORY_FILE', 'PASSWORD', 'PASSWORD_FILE', 'PASSWORD_COMMAND'].flatMap((name) => [
    `RESTIC_${name}`,
    `COFFRE_${name}`,
  ]),
);

export function createLibraryCli({ environment: given, signal, warn }: LibrarySurroundings): Cli {
  const environment = Object.fromEntries(Object.entries(given).filter(([name]) => !ofCommands.has(name)));
  const stderr = sinkTo(warn);
  const terminal = new Terminal({ stdout: sinkTo(() => undefined), stderr, inputIsTerminal: false, term: undefined });
  let globals: GlobalOptions | undefined;
  const quiet = (): GlobalOptions => (globals ??= readGlobalOptions({ quiet: true }, environment));
  const ticker = { monotonicMs: () => performance.now(), onReportWanted: () => () => undefined };
  const printer = new Printer({ terminal, json: false, verbosity: 0, progressFps: undefined, ticker });
  return {
    environment: given,
    terminal,
    stdin: Readable.from([]),
    stderr,
    signal,
    globals: quiet,
    printer: () => printer,
    takeOpening: () => undefined,
  };
}

function sinkTo(said: (line: string) => void): OutputStream {
  return {
    write(chunk) {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      for (const line of text.split('\n')) if (line.trim() !== '') said(line.trim());
      return true;
    },
    once: () => undefined,
    off: () => undefined,
  };
}
