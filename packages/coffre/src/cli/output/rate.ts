import { formatBytes, formatDurationMs, formatPercent, formatSeconds } from './format.ts';

/** Bytes a second over the last half minute, so that the time left follows the disk and not the distant past. */
export class RateEstimator {
  readonly #samples: { atMs: number; bytes: number }[] = [];
  readonly #windowMs: number;

  constructor(windowMs = 30_000) {
    this.#windowMs = windowMs;
  }

  /** @param bytes done so far, not since the last call */
  record(atMs: number, bytes: number): void {
    this.#samples.push({ atMs, bytes });
    while ((this.#samples[0]?.atMs ?? atMs) < atMs - this.#windowMs) this.#samples.shift();
  }

  /** 0 while too little is known. */
  bytesPerSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < 500) return 0;
    return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
  }
}

/** `[#####-----] `: a picture of the share, for terminals. */
export function progressBar(part: number, whole: number, cells = 20): string {
  const filled = whole <= 0 ? 0 : Math.min(cells, Math.floor((part / whole) * cells));
  return `[${'#'.repeat(filled)}${'-'.repeat(cells - filled)}]`;
}

export type WatchedWork = {
  readonly elapsedMs: number;
  readonly noun: string;
  readonly files: { readonly done: number; readonly total: number };
  readonly bytes: { readonly done: number; readonly total: number };
  /** 0 while it is not known. */
  readonly bytesPerSecond: number;
  /** Said before the outlook, such as errors. */
  readonly beside: readonly string[];
};

/** Below this rate a time left would be a guess. */
const rateMin = 1024;

/** The line on a terminal: what matters most comes first, and the picture is drawn where it has room. */
export function watchedLine(work: WatchedWork, columns: number): string {
  const { files, bytes, bytesPerSecond: rate } = work;
  const isSure = rate > rateMin;
  const left = Math.max(0, bytes.total - bytes.done) / rate;
  const rest = [
    `${files.done} / ${files.total} ${work.noun}`,
    `${formatBytes(bytes.done)} / ${formatBytes(bytes.total)}`,
    ...work.beside,
    ...(isSure ? [`${formatBytes(Math.round(rate))}/s`] : []),
    ...(isSure && left > 0 ? [`ETA ${formatSeconds(left)}`] : []),
  ].join(', ');
  const time = `[${formatDurationMs(work.elapsedMs)}]`;
  const line = `${time} ${formatPercent(bytes.done, bytes.total)}  ${rest}`;
  const bar = progressBar(bytes.done, bytes.total);
  return line.length + bar.length + 3 > columns ? line : `${time} ${bar}${line.slice(time.length)}`;
}
