/** Steps of something that people wait for, each with the time that it took until then. */
import { formatLocalTime } from './output/local-time.ts';
import { formatDurationMs } from './output/format.ts';
import type { Printer } from './output/printer.ts';

export class StepClock {
  readonly #printer: Printer;
  /** With the time of day, for whoever writes the report of the night. */
  readonly #showsTime: boolean;
  readonly #beganMs: number = performance.now();

  constructor(printer: Printer, { showsTime }: { readonly showsTime: boolean }) {
    this.#printer = printer;
    this.#showsTime = showsTime;
  }

  get elapsedMs(): number {
    return performance.now() - this.#beganMs;
  }

  say(line: string): void {
    const time = this.#showsTime ? `${formatLocalTime(new Date())} ` : '';
    this.#printer.normal(`${time}[${formatDurationMs(this.elapsedMs)}] ${line}`);
    // Lines are gathered; these are watched.
    this.#printer.terminal.flush();
  }
}
