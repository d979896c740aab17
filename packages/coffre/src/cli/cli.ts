import type { Environment, GlobalOptions } from './global-options.ts';
import type { Printer } from './output/printer.ts';
import type { Terminal } from './output/terminal.ts';
import type { InputStream } from './prompt.ts';
import type { Opened } from './repository-access.ts';

/** What a verb may touch of the outside, and what was asked of all verbs. */
export type Cli = {
  readonly environment: Environment;
  readonly terminal: Terminal;
  readonly stdin: InputStream;
  /** Questions to a person go here; everything else through the printer. */
  readonly stderr: { write(text: string): unknown };
  /** Aborts on SIGINT, SIGTERM and when nobody reads our output any more. */
  readonly signal: AbortSignal;
  /** Valid once a verb runs. @throws {CoffreError} USAGE when an option of all verbs cannot be used */
  globals(): GlobalOptions;
  printer(): Printer;
  /** The repository that is being opened since before the verb was loaded; for the first who asks. */
  takeOpening(): Promise<Opened> | undefined;
};
