import { jsonText } from './json.ts';
import { Counter, startTicker, progressIntervalMs } from './progress.ts';
import type { Ticker, TickerDoors } from './progress.ts';
import type { Terminal } from './terminal.ts';

/** 0 quiet, 1 usual, 2 `-v`, 3 `-vv`. */
export type Verbosity = 0 | 1 | 2 | 3;

export type PrinterOptions = {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly verbosity: Verbosity;
  readonly progressFps: string | undefined;
  readonly ticker: TickerDoors;
};

/** Decides by verbosity and JSON mode what a verb says and where. */
export class Printer {
  readonly terminal: Terminal;
  readonly json: boolean;
  /** As asked for on the command line. */
  readonly verbosity: Verbosity;
  readonly #options: PrinterOptions;

  constructor(options: PrinterOptions) {
    this.terminal = options.terminal;
    this.json = options.json;
    this.verbosity = options.verbosity;
    this.#options = options;
  }

  /** The same printer for a verb whose sentences stay although `--json` was given, as some of restic's do. */
  plain(): Printer {
    return this.json ? new Printer({ ...this.#options, json: false }) : this;
  }

  /** stderr, always. In JSON mode the line stays plain text, as restic's warnings do. */
  error(line: string): void {
    this.terminal.error(line);
  }

  /** stdout, also with `--quiet` and `--json`. */
  always(line: string): void {
    this.terminal.print(line);
  }

  normal(line: string): void {
    if (this.#level >= 1) this.terminal.print(line);
  }

  /** Only where a person watches the terminal. */
  forPeople(line: string): void {
    if (this.#level >= 1 && this.terminal.outputIsTerminal) this.terminal.print(line);
  }

  verbose(line: string): void {
    if (this.#level >= 2) this.terminal.print(line);
  }

  debug(line: string): void {
    if (this.#level >= 3) this.terminal.print(line);
  }

  /** One JSON document or message on its own line on stdout. */
  message(value: unknown): void {
    this.terminal.print(jsonText(value));
  }

  /** A JSON message on stderr. */
  errorMessage(value: unknown): void {
    this.terminal.error(jsonText(value));
  }

  counter(noun: string, total = 0): Counter {
    const show = this.#level >= 1;
    return new Counter(this, noun, total, show ? (report) => this.#ticker(report) : undefined);
  }

  /** As `counter`, without a line in files and pipes. */
  counterForPeople(noun: string, total = 0): Counter {
    return this.terminal.outputIsTerminal ? this.counter(noun, total) : new Counter(this, noun, total, undefined);
  }

  /** Calls back as often as progress should be shown. */
  ticker(report: (elapsedMs: number) => void): Ticker {
    return startTicker(this.#options.ticker, this.#intervalMs(this.json), report);
  }

  get #level(): Verbosity {
    return this.json ? 0 : this.verbosity;
  }

  #ticker(report: () => void): Ticker {
    return startTicker(this.#options.ticker, this.#intervalMs(false), report);
  }

  #intervalMs(json: boolean): number {
    const canUpdateStatus = this.terminal.canUpdateStatus;
    return progressIntervalMs(this.#options.progressFps, { show: this.verbosity > 0, json, canUpdateStatus });
  }
}
