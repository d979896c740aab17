/** Steps of something that people wait for, each with the time that it took until then. */
import { formatLocalTime } from './output/local-time.ts';
import { formatDurationMs } from './output/format.ts';

export class StepClock {
  readonly #print: (line: string) => void;
  /** With the time of day, for whoever writes the report of the night. */
  readonly #showsTime: boolean;
  readonly #beganMs: number = performance.now();

  constructor(print: (line: string) => void, { showsTime }: { readonly showsTime: boolean }) {
    this.#print = print;
    this.#showsTime = showsTime;
  }

  get elapsedMs(): number {
    return performance.now() - this.#beganMs;
  }

  say(line: string): void {
    const time = this.#showsTime ? `${formatLocalTime(new Date())} ` : '';
    this.#print(`${time}[${formatDurationMs(this.elapsedMs)}] ${line}`);
  }
}
