/** How much all repositories of the server hold, and how much they may. */
export class Quota {
  readonly limitBytes: number;
  #usedBytes: number;

  /** @param usedBytes what was counted when the server started */
  constructor({ limitBytes = Infinity, usedBytes = 0 }: { limitBytes?: number | undefined; usedBytes?: number } = {}) {
    this.limitBytes = limitBytes;
    this.#usedBytes = usedBytes;
  }

  /** With what running uploads were promised. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** False, and nothing is taken, when it would be too much. */
  reserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.limitBytes) return false;
    this.#usedBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#usedBytes = Math.max(0, this.#usedBytes - bytes);
  }
}
