import type { Printer } from './printer.ts';
import { formatBytes, formatDurationMs, formatPercent } from './format.ts';

/** Calls back at an interval and on request (SIGUSR1) until it is stopped. */
export type Ticker = { readonly elapsedMs: () => number; stop(): void };

export type TickerDoors = {
  readonly monotonicMs: () => number;
  /** Registers a wish to report now; returns how to take it back. */
  readonly onReportWanted: (report: () => void) => () => void;
};

/** @param intervalMs 0: only on request */
export function startTicker(doors: TickerDoors, intervalMs: number, report: (elapsedMs: number) => void): Ticker {
  const startedMs = doors.monotonicMs();
  const elapsedMs = (): number => doors.monotonicMs() - startedMs;
  const tick = (): void => report(elapsedMs());
  const timer = intervalMs > 0 ? setInterval(tick, intervalMs) : undefined;
  timer?.unref();
  const forget = doors.onReportWanted(tick);
  return {
    elapsedMs,
    stop: () => {
      clearInterval(timer);
      forget();
    },
  };
}

/**
 * Time between two reports. 0 (none) when nobody watches; `RESTIC_PROGRESS_FPS` (at most 60) decides where it is given,
 * also for output that is not a terminal.
 */
export function progressIntervalMs(
  fpsText: string | undefined,
  watch: { show: boolean; json: boolean; canUpdateStatus: boolean },
): number {
  const fps = Number(fpsText);
  if (fpsText !== undefined && fpsText.trim() !== '' && fps > 0) return 1000 / Math.min(60, fps);
  if (!watch.show || (!watch.json && !watch.canUpdateStatus)) return 0;
  return 100;
}

/** A counted piece of work: `[0:03] 25.00%  1 / 4 packs`, with rate and time left on a terminal. */
export class Counter {
  #done = 0;
  #bytes = 0;
  #total: number;
  readonly #noun: string;
  readonly #printer: Printer;
  readonly #ticker: Ticker | undefined;

  constructor(printer: Printer, noun: string, total: number, ticker: ((report: () => void) => Ticker) | undefined) {
    this.#printer = printer;
    this.#noun = noun;
    this.#total = total;
    this.#ticker = ticker?.(() => this.#printer.terminal.setStatus([this.#line(true)]));
  }

  setTotal(total: number): void {
    this.#total = total;
  }

  add(count: number, sizeBytes = 0): void {
    this.#done += count;
    this.#bytes += sizeBytes;
  }

  /** Replaces what was counted so far. */
  set(done: number, total = this.#total): void {
    this.#done = done;
    this.#total = total;
  }

  /** Prints the last line and stops. Does nothing when nothing is shown. */
  finish(): void {
    if (this.#ticker === undefined) return;
    this.#ticker.stop();
    if (this.#printer.terminal.canUpdateStatus) this.#printer.terminal.setStatus([]);
    this.#printer.terminal.print(this.#line(false));
  }

  [Symbol.dispose](): void {
    this.#ticker?.stop();
    if (this.#ticker !== undefined && this.#printer.terminal.canUpdateStatus) this.#printer.terminal.setStatus([]);
  }

  #line(running: boolean): string {
    const elapsedMs = this.#ticker?.elapsedMs() ?? 0;
    const time = `[${formatDurationMs(elapsedMs)}]`;
    if (this.#total === 0) return `${time}          ${this.#done} ${this.#noun}`;
    const share = formatPercent(this.#done, this.#total);
    const line = `${time} ${share}  ${this.#done} / ${this.#total} ${this.#noun}`;
    return running ? line + this.#outlook(elapsedMs) : line;
  }

  #outlook(elapsedMs: number): string {
    if (elapsedMs < 1000 || this.#done === 0) return '';
    const rate = this.#bytes > 0 ? `, ${formatBytes(Math.round((this.#bytes * 1000) / elapsedMs))}/s` : '';
    const leftMs = ((this.#total - this.#done) * elapsedMs) / this.#done;
    return `${rate}, ETA ${formatDurationMs(leftMs)}`;
  }
}
