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
