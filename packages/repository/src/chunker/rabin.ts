/** Finds the positions at which restic's rolling digest allows a cut. */
import { instantiate, type WasmMemory } from '../wasm/assembler.ts';
import { assembleKernel, layoutOf, windowBytes, type KernelLayout } from './kernel.ts';
import { polynomialDegree, remainder } from './polynomial.ts';

export { windowBytes };

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
  /** The smallest of them. */
  first(bytes: Uint8Array, from: number, to: number): number | undefined;
};

const lanes = 4;
const laneBytes = 32 * 1024;

type Kernel = { readonly layout: KernelLayout; readonly memory: Uint8Array; readonly words: Uint32Array; scan(): void };

function createKernel(polynomial: bigint, averageBits: number, layout: KernelLayout): Kernel {
  const code = assembleKernel(layout, polynomialDegree, (1n << BigInt(averageBits)) - 1n);
  const { memory, scan } = instantiate<{ memory: WasmMemory; scan: () => void }>(code);
  const tables = new BigUint64Array(memory.buffer, 0, 512);
  const [leaving, reducing] = [layout.leavingAt / 8, layout.reducingAt / 8];
  for (let bit = 0; bit < 8; bit++) {
    const overflow = 1n << BigInt(polynomialDegree + bit);
    const left = remainder(1n << BigInt(8 * windowBytes + bit), polynomial);
    const reduced = overflow ^ remainder(overflow, polynomial);
    // Both are linear: a byte with this highest bit is the bit and a smaller byte.
    for (let byte = 1 << bit, smaller = 0; smaller < 1 << bit; byte++, smaller++) {
      tables[leaving + byte] = left ^ (tables[leaving + smaller] as bigint);
      tables[reducing + byte] = reduced ^ (tables[reducing + smaller] as bigint);
    }
  }
  return { layout, memory: new Uint8Array(memory.buffer), words: new Uint32Array(memory.buffer), scan };
}

export function createScanner(polynomial: bigint, averageBits: number): CutScanner {
  const layout = layoutOf(lanes, laneBytes);
  const kernel = createKernel(polynomial, averageBits, layout);

  /** Calls `note` with every hit in from < e <= to, `to` at most one block after `from`. */
  const scanBlock = (bytes: Uint8Array, from: number, to: number, note: (position: number) => void): void => {
    // A block that begins one byte short of a window lacks only the byte that leaves before the first answer.
    const context = Math.min(from, windowBytes);
    kernel.memory.set(bytes.subarray(from - context, to), layout.inputAt + windowBytes - context);
    const cursors = layout.cursorsAt / 4;
    for (let lane = 0; lane < layout.lanes; lane++) {
      kernel.words[cursors + lane] = layout.hitsAt + 4 * lane * layout.laneBytes;
    }
    kernel.scan();
    for (let lane = 0; lane < layout.lanes; lane++) {
      const end = (kernel.words[cursors + lane] as number) / 4;
      for (let at = layout.hitsAt / 4 + lane * layout.laneBytes; at < end; at++) {
        const position = from + (kernel.words[at] as number);
        if (position <= to) note(position);
      }
    }
  };

  const scan = (bytes: Uint8Array, from: number, to: number): CutRuns => {
    const runs: number[] = [];
    const note = (position: number): void => {
      if (runs.at(-1) === position - 1) runs[runs.length - 1] = position;
      else runs.push(position, position);
    };
    for (let at = Math.max(from, windowBytes - 1); at < to; at += layout.blockBytes) {
      scanBlock(bytes, at, Math.min(to, at + layout.blockBytes), note);
    }
    return Uint32Array.from(runs);
  };

  const first = (bytes: Uint8Array, from: number, to: number): number | undefined => scan(bytes, from, to)[0];
  return { scan, first };
}
