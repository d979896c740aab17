/** A set of small numbers, one bit each, that grows. */
export class Bits {
  #words = new Uint32Array(1024);

  has(number: number): boolean {
    const word = this.#words[number >>> 5] ?? 0;
    return (word & (1 << (number & 31))) !== 0;
  }

  /** Whether it was not there yet. */
  add(number: number): boolean {
    const at = number >>> 5;
    if (at >= this.#words.length) this.#grow(at + 1);
    const word = this.#words[at] as number;
    const bit = 1 << (number & 31);
    this.#words[at] = word | bit;
    return (word & bit) === 0;
  }

  #grow(words: number): void {
    const grown = new Uint32Array(Math.max(words, this.#words.length * 2));
    grown.set(this.#words);
    this.#words = grown;
  }
}
