import type { Random } from '../host/host.ts';

export type SeededRandom = Random & {
  readonly seed: number;
  /** At least 0, less than `below`. */
  integer(below: number): number;
  chance(probability: number): boolean;
  pick<T>(choices: readonly T[]): T;
};

/** The same seed gives the same run (mulberry32). Print the seed when a test fails. */
export function createSeededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  return {
    seed,
    bytes(size) {
      const bytes = Buffer.allocUnsafeSlow(size);
      const words = size >>> 2;
      for (let i = 0; i < words; i += 1) bytes.writeUInt32LE(next(), i * 4);
      for (let i = words * 4; i < size; i += 1) bytes[i] = next();
      return bytes;
    },
    integer: (below) => Math.floor((next() / 2 ** 32) * below),
    chance: (probability) => next() / 2 ** 32 < probability,
    pick<T>(choices: readonly T[]): T {
      const choice = choices[Math.floor((next() / 2 ** 32) * choices.length)];
      if (choice === undefined) throw new RangeError('nothing to pick from');
      return choice;
    },
  };
}
