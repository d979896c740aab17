/** Says what a trial does: a line per step with its time, or a JSON message per step. */
import { styleText } from 'node:util';
import type { Printer } from '../cli/output/printer.ts';

export type StepDone<T> = {
  readonly value: T;
  /** Lines for people; the first stands beside the step's name. */
  readonly lines: readonly string[];
  /** For `--json`, beside name and seconds. */
  readonly figures?: Readonly<Record<string, unknown>>;
};

const nameWidth = 12;
const timeWidth = 8;
const statusIntervalMs = 150;

export class Narration {
  readonly #printer: Printer;
  readonly #colors: boolean;
  readonly #monotonicMs: () => number;

  constructor(printer: Printer, options: { colors: boolean; monotonicMs: () => number }) {
    this.#printer = printer;
    this.#colors = options.colors;
    this.#monotonicMs = options.monotonicMs;
  }

  /** A line for people; silent with `--json` and `--quiet`. */
  say(line: string): void {
    this.#printer.normal(line);
    // A step may take long: what is known is shown before it begins.
    this.#printer.terminal.flush();
  }

  title(line: string): void {
    this.say(this.#bold(line));
  }

  /** On stderr, with `--quiet` and `--json` too. */
  warn(line: string): void {
    this.#printer.error(line);
  }

  /** `name` in its column, the text beside it. */
  fact(name: string, text: string): void {
    const column = name.padEnd(nameWidth);
    this.say(`${name === '' ? column : this.#bold(column)} ${text}`);
  }

  message(value: Readonly<Record<string, unknown>>): void {
    if (!this.#printer.json) return;
    this.#printer.message(value);
    this.#printer.terminal.flush();
  }

  /** Does the work, shows on a terminal that it goes on, then says what was done and how long it took. */
  async step<T>(
    name: string,
    work: () => Promise<StepDone<T>>,
    progress?: () => string,
  ): Promise<{ value: T; durationMs: number }> {
    const started = this.#monotonicMs();
    const stopStatus = this.#showStatus(name, progress);
    let done: StepDone<T>;
    try {
      done = await work();
    } finally {
      stopStatus();
    }
    const durationMs = this.#monotonicMs() - started;
    this.#sayStep(name, durationMs, done.lines);
    this.message({ message_type: 'step', step: name.toLowerCase(), seconds: durationMs / 1000, ...done.figures });
    return { value: done.value, durationMs };
  }

  #sayStep(name: string, durationMs: number, lines: readonly string[]): void {
    const [first = '', ...others] = lines;
    const time = `${(durationMs / 1000).toFixed(2)} s`.padStart(timeWidth);
    this.say(`${this.#green(name.padEnd(nameWidth))} ${time}   ${first}`);
    for (const line of others) this.say(`${' '.repeat(nameWidth + 1 + timeWidth)}   ${line}`);
  }

  #showStatus(name: string, progress: (() => string) | undefined): () => void {
    const { terminal, json, verbosity } = this.#printer;
    if (!terminal.canUpdateStatus || json || verbosity === 0) return () => undefined;
    const draw = (): void => terminal.setStatus([`${name.padEnd(nameWidth)} … ${progress?.() ?? ''}`.trimEnd()]);
    draw();
    const timer = setInterval(draw, statusIntervalMs);
    return () => {
      clearInterval(timer);
      terminal.setStatus([]);
    };
  }

  #bold(text: string): string {
    return this.#colors ? styleText('bold', text, { validateStream: false }) : text;
  }

  #green(text: string): string {
    return this.#colors ? styleText(['bold', 'green'], text, { validateStream: false }) : text;
  }
}
