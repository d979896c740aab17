/**
 * The inner loop of the chunker, assembled for one polynomial when a scanner first needs it.
 *
 * 128 lanes, stretches of the data a fixed distance apart, are rolled over together. The data is first turned into bit
 * planes: a plane is a vector of 128 bits, one per lane, all of the same bit of the same byte. A table look-up per lane
 * then becomes a few XORs of planes for all lanes, and which planes is known when the code is made.
 */
import { assembleModule, instantiate, type WasmMemory } from '../wasm/assembler.ts';
import { assembleBitPlanes, swapMasks } from './bit-planes.ts';
import {
  hitCountAt,
  hitsAt,
  hitStepsAt,
  inputAt,
  laneCount,
  memoryBytes,
  planeBytes,
  planesAt,
  stepBytes,
  swapMasksAt,
  windowBytes,
} from './kernel-memory.ts';
import { assembleRolling } from './rolling.ts';

type KernelExports = {
  readonly memory: WasmMemory;
  /** Takes a lane every `laneBytes` of input; fills the planes up to the address `end`. */
  bitPlanes(laneBytes: number, end: number): void;
  /** From zero digests; both are distances in bytes from the first plane. */
  enter(step: number, end: number): void;
  roll(step: number, end: number): void;
};

export class Kernel {
  readonly #exports: KernelExports;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;

  constructor(polynomial: bigint, averageBits: number) {
    const functions = [assembleBitPlanes(), ...assembleRolling(polynomial, averageBits)];
    this.#exports = instantiate<KernelExports>(assembleModule(functions, Math.ceil(memoryBytes / 65536)));
    const { buffer } = this.#exports.memory;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    swapMasks.forEach(({ mask }, index) =>
      this.#bytes.fill(mask, swapMasksAt + 16 * index, swapMasksAt + 16 * (index + 1)),
    );
  }

  /**
   * @param data up to `128 × laneBytes` bytes, after up to 64 bytes of context
   * @returns how many steps have hits; see {@link hits}
   */
  scan(data: Uint8Array, contextBytes: number, laneBytes: number): number {
    this.#bytes.set(data, inputAt + windowBytes - contextBytes);
    this.#words[hitCountAt / 4] = 0;
    this.#exports.bitPlanes(laneBytes, planesAt + (windowBytes + laneBytes) * stepBytes);
    this.#exports.enter(0, windowBytes * stepBytes);
    this.#exports.roll(0, laneBytes * stepBytes);
    return this.#words[hitCountAt / 4] as number;
  }

  /**
   * The hits of the last scan, for every lane the first and last step of each run of hits.
   * Behind the end of the data they mean nothing.
   */
  hits(): number[][] {
    const lanes = Array.from({ length: laneCount }, (): number[] => []);
    const count = this.#words[hitCountAt / 4] as number;
    const wordCount = planeBytes / 4;
    const running = new Uint32Array(wordCount);
    let next = 0;
    /** Only what changes between two steps costs more than a look: in a page of zeros all lanes hit all the time. */
    const turnTo = (step: number, at: number | undefined): void => {
      for (let word = 0; word < wordCount; word++) {
        const now = at === undefined ? 0 : (this.#words[at + word] as number);
        const was = running[word] as number;
        forEachBit(was & ~now, (bit) => lanes[32 * word + bit]?.push(step - 1));
        forEachBit(now & ~was, (bit) => lanes[32 * word + bit]?.push(step));
        running[word] = now;
      }
      next = step + 1;
    };
    for (let hit = 0; hit < count; hit++) {
      const step = (this.#words[hitStepsAt / 4 + hit] as number) / stepBytes;
      if (step !== next) turnTo(next, undefined);
      turnTo(step, (hitsAt + hit * planeBytes) / 4);
    }
    turnTo(next, undefined);
    return lanes;
  }
}

function forEachBit(word: number, visit: (bit: number) => void): void {
  for (let rest = word; rest !== 0; rest &= rest - 1) visit(31 - Math.clz32(rest & -rest));
}
