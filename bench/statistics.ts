/** What one measured command cost. */
export type Sample = {
  readonly wallMs: number;
  /** User and system time of all processes. */
  readonly cpuMs: number;
  /** Resident memory of the whole process tree at its peak. */
  readonly peakBytes: number;
};

export type Spread = { readonly min: number; readonly median: number; readonly max: number };

export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] as number;
  const middle = (sorted.length - 1) / 2;
  return { min: at(0), median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, max: at(sorted.length - 1) };
}

/** Median of what each pair says: a machine that is slow for a while is slow for both of a pair. */
export function pairedRatio(peer: readonly number[], ours: readonly number[]): number {
  const pairs = Math.min(peer.length, ours.length);
  const ratios = Array.from({ length: pairs }, (_, pair) => (peer[pair] as number) / (ours[pair] as number));
  return spreadOf(ratios).median;
}
