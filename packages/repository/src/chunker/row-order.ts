/**
 * In which order the rows of the digest get their sums, so that most sums are one XOR away from an earlier one.
 *
 * A pattern has a bit for each of eight planes that go into a row's sum. Planes are added in pairs of neighbours, for
 * which all three sums are at hand (`termCount`); a running sum, the chain, goes from one pattern to the next nearest.
 */

/** Two chains are worked on in turn: each XOR would otherwise wait for the one before. */
export const chainCount = 2;
export const termCount = 12;

export type RowStep = {
  readonly row: number;
  /** Undefined when nothing is added to the row. */
  readonly chain: number | undefined;
  /** Terms that take the chain's sum to this row's pattern. Term 3·k + n − 1 is the sum n of the planes 2·k, 2·k + 1. */
  readonly added: readonly number[];
  /** The chain has no sum yet. */
  readonly starts: boolean;
};

export function orderRows(patterns: readonly number[]): RowStep[] {
  const plain = patterns.flatMap((pattern, row) => (pattern === 0 ? [row] : []));
  const steps: RowStep[] = plain.map((row) => ({ row, chain: undefined, added: [], starts: false }));
  const waiting = new Set(patterns.keys());
  for (const row of plain) waiting.delete(row);
  const costs = Array.from({ length: 256 }, (_, pattern) => termsOf(pattern).length);
  const sums = new Array<number>(chainCount).fill(0);
  for (let turn = 0; waiting.size > 0; turn++) {
    const chain = turn % chainCount;
    const sum = sums[chain] as number;
    const row = nearest(patterns, waiting, sum, costs);
    const pattern = patterns[row] as number;
    steps.push({ row, chain, added: termsOf(sum ^ pattern), starts: turn < chainCount });
    sums[chain] = pattern;
    waiting.delete(row);
  }
  return steps;
}

function nearest(
  patterns: readonly number[],
  waiting: ReadonlySet<number>,
  sum: number,
  costs: readonly number[],
): number {
  let [best, bestCost] = [-1, Infinity];
  for (const row of waiting) {
    const cost = costs[(patterns[row] as number) ^ sum] as number;
    if (cost < bestCost) [best, bestCost] = [row, cost];
  }
  return best;
}

function termsOf(pattern: number): number[] {
  return [0, 1, 2, 3].flatMap((pair) => {
    const sum = (pattern >> (2 * pair)) & 3;
    return sum === 0 ? [] : [3 * pair + sum - 1];
  });
}
