/** From positions that allow a cut to chunks: the smallest and the largest size decide. */
import type { CutRuns } from './rabin.ts';

export type ChunkLimits = { readonly minBytes: number; readonly maxBytes: number };

/**
 * Where the chunk that begins at `start` ends, or undefined when more bytes are needed (or there are none).
 *
 * @param candidates all positions up to `available` that allow a cut, at least from `start + minBytes` on
 * @param at place of a run in `candidates` (an even number) at or before the wanted one; 0 is always right
 * @param available how many bytes are known
 * @param ended nothing follows them
 */
export function nextCut(
  candidates: CutRuns,
  at: number,
  start: number,
  available: number,
  limits: ChunkLimits,
  ended: boolean,
): number | undefined {
  const [earliest, latest] = [start + limits.minBytes, start + limits.maxBytes];
  const candidate = firstFrom(candidates, at, earliest);
  if (candidate !== undefined && candidate <= Math.min(latest, available)) return candidate;
  if (latest <= available) return latest;
  return ended && start < available ? available : undefined;
}

function firstFrom(candidates: CutRuns, at: number, earliest: number): number | undefined {
  for (let run = at; run < candidates.length; run += 2) {
    const last = candidates[run + 1] as number;
    if (last >= earliest) return Math.max(candidates[run] as number, earliest);
  }
  return undefined;
}

/** Ends of all chunks of `sizeBytes` bytes that are there whole. */
export function cutAll(candidates: CutRuns, sizeBytes: number, limits: ChunkLimits): number[] {
  const ends: number[] = [];
  let run = 0;
  for (let start = 0; ;) {
    while (run < candidates.length && (candidates[run + 1] as number) < start) run += 2;
    const end = nextCut(candidates, run, start, sizeBytes, limits, true);
    if (end === undefined) return ends;
    ends.push(end);
    start = end;
  }
}
