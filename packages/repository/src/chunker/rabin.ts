/** Finds the positions at which restic's rolling digest allows a cut. */
import { assert } from '../errors.ts';
import { laneBytesMax, laneCount, windowBytes } from './kernel-memory.ts';
import { Kernel } from './kernel.ts';

/**
 * Ascending positions, kept as runs: at even places the first of a run, after it the last of the same run.
 * Zeros allow a cut after every byte, so a list of single positions would be larger than the data.
 */
export type CutRuns = Uint32Array;

export type CutScanner = {
  /**
   * All e with from < e <= to whose 64 bytes before, all inside `bytes`, satisfy the cut condition.
   * Whether a position does depends on nothing else, so any part of a file may be scanned alone.
   */
  scan(bytes: Uint8Array, from: number, to: number): CutRuns;
  /** The smallest of them; hardly looks further than it must. */
  first(bytes: Uint8Array, from: number, to: number): number | undefined;
};

const cacheLineBytes = 64;

/** The code is made at the first scan: most files are too small for a cut. */
export function createScanner(polynomial: bigint, averageBits: number): CutScanner {
  return new RabinScanner(polynomial, averageBits);
}

class RabinScanner implements CutScanner {
  readonly #polynomial: bigint;
  readonly #averageBits: number;
  readonly #firstLaneBytes: number;
  readonly #zeros = new Uint8Array(windowBytes + laneCount * laneBytesMax);
  #kernel: Kernel | undefined;

  constructor(polynomial: bigint, averageBits: number) {
    this.#polynomial = polynomial;
    this.#averageBits = averageBits;
    this.#firstLaneBytes = lookAheadLaneBytes(averageBits);
  }

  scan(bytes: Uint8Array, from: number, to: number): CutRuns {
    assertInside(bytes, from, to);
    const runs: number[] = [];
    for (const block of blocks(from, to, laneBytesMax)) {
      for (const [first, last] of this.#scanBlock(bytes, block)) {
        if (runs.at(-1) === first - 1) runs[runs.length - 1] = last;
        else runs.push(first, last);
      }
    }
    return Uint32Array.from(runs);
  }

  first(bytes: Uint8Array, from: number, to: number): number | undefined {
    assertInside(bytes, from, to);
    const earliest = Math.max(from + 1, windowBytes);
    if (earliest <= to && this.#isZero(bytes, earliest - windowBytes, earliest)) return earliest;
    for (const block of blocks(from, to, this.#firstLaneBytes)) {
      const [run] = this.#scanBlock(bytes, block);
      if (run !== undefined) return run[0];
    }
    return undefined;
  }

  #scanBlock(bytes: Uint8Array, { begin, end, laneBytes }: Block): Run[] {
    // A block that begins one byte short of a window lacks only the byte that leaves before the first answer.
    const contextBytes = Math.min(begin, windowBytes);
    if (this.#isZero(bytes, begin - contextBytes, end)) return [[begin + 1, end]];
    this.#kernel ??= new Kernel(this.#polynomial, this.#averageBits);
    if (this.#kernel.scan(bytes.subarray(begin - contextBytes, end), contextBytes, laneBytes) === 0) return [];
    const runs: Run[] = [];
    for (const [lane, steps] of this.#kernel.hits().entries()) {
      const laneBegin = begin + lane * laneBytes + 1;
      for (let at = 0; at < steps.length && laneBegin + (steps[at] as number) <= end; at += 2) {
        runs.push([laneBegin + (steps[at] as number), Math.min(end, laneBegin + (steps[at + 1] as number))]);
      }
    }
    return runs;
  }

  #isZero(bytes: Uint8Array, from: number, to: number): boolean {
    return Buffer.compare(bytes.subarray(from, to), this.#zeros.subarray(0, to - from)) === 0;
  }
}

/** First and last position. */
type Run = readonly [number, number];
type Block = { readonly begin: number; readonly end: number; readonly laneBytes: number };

function assertInside(bytes: Uint8Array, from: number, to: number): void {
  assert(from >= 0 && to <= bytes.byteLength, 'a scan for cut points leaves its buffer');
}

/** Full blocks and a rest, which gets shorter lanes. No position before the first whole window is asked for. */
function* blocks(from: number, to: number, laneBytesLimit: number): Generator<Block> {
  for (let begin = Math.max(from, windowBytes - 1); begin < to;) {
    const laneBytes = Math.min(laneBytesLimit, oddLines((to - begin) / laneCount));
    const end = Math.min(to, begin + laneCount * laneBytes);
    yield { begin, end, laneBytes };
    begin = end;
  }
}

/** At least so many bytes, as an odd number of cache lines. */
function oddLines(bytes: number): number {
  return (Math.ceil(bytes / cacheLineBytes) | 1) * cacheLineBytes;
}

/**
 * When only the next cut is wanted, half a block is scanned in vain; and every lane spends about 0.65 of a scan on its
 * 64 bytes of context. Among cuts every 2^averageBits bytes the sum of both is least near this length of a lane.
 */
function lookAheadLaneBytes(averageBits: number): number {
  return Math.min(laneBytesMax, oddLines(Math.sqrt(0.65 * 2 ** averageBits) - cacheLineBytes / 2));
}
