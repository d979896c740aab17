/** The bound on what is under way: so many bytes and so many tasks. One task may always go in, however large. */
export class Admission {
  readonly #bytesMax: number;
  readonly #tasksMax: number;
  #bytes = 0;
  #tasks = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limits: { readonly bytesMax: number; readonly tasksMax: number }) {
    this.#bytesMax = limits.bytesMax;
    this.#tasksMax = limits.tasksMax;
  }

  /** Resolves when there is room for so many bytes more; the caller then owes a `leave`. */
  async enter(sizeBytes: number): Promise<void> {
    while (this.#tasks > 0 && (this.#bytes + sizeBytes > this.#bytesMax || this.#tasks >= this.#tasksMax)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#tasks += 1;
    this.#bytes += sizeBytes;
  }

  leave(sizeBytes: number): void {
    this.#tasks -= 1;
    this.#bytes -= sizeBytes;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
