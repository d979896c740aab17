/** ROMix of one lane of scrypt, in a memory of its own. */
import { compileModule, startModule, type WasmModule } from '../../wasm/assembler.ts';
import { assembleRomix, blockBytes, diagonalPlace, resultAt, type RomixExports } from './kernel.ts';

/** The engine gives better code to a function that is called often, between two of its calls. */
const stepsPerCall = 512;
const wordBytes = 4;
const words = blockBytes / wordBytes;

/** Compiled for one N; threads may share it. */
export type RomixKernel = { readonly module: WasmModule; readonly N: number };

/** @param N a power of two */
export function compileRomix(N: number): RomixKernel {
  return { module: compileModule(assembleRomix(N)), N };
}

export class Romix {
  readonly #exports: RomixExports;
  readonly #N: number;

  constructor({ module, N }: RomixKernel) {
    this.#exports = startModule<RomixExports>(module);
    this.#N = N;
  }

  /** Changes the block of 1024 bytes. */
  mix(block: Uint8Array): void {
    const memory = new DataView(this.#exports.memory.buffer);
    const outside = new DataView(block.buffer, block.byteOffset, blockBytes);
    for (let word = 0; word < words; word += 1) {
      memory.setUint32(word * wordBytes, outside.getUint32(placeOutside(word), true), true);
    }
    const steps = Math.min(stepsPerCall, this.#N / 2);
    for (let step = 0; step < this.#N; step += steps) this.#exports.fill(step * blockBytes, steps);
    for (let step = 0; step < this.#N; step += 2 * steps) this.#exports.mix(resultAt(this.#N), steps);
    for (let word = 0; word < words; word += 1) {
      outside.setUint32(placeOutside(word), memory.getUint32(resultAt(this.#N) + word * wordBytes, true), true);
    }
  }
}

function placeOutside(word: number): number {
  return (word - (word % 16) + diagonalPlace(word % 16)) * wordBytes;
}
