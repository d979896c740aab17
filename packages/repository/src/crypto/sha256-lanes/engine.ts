import { hash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { assert } from '../../errors.ts';
import { compileModule, type WasmModule } from '../../wasm/assembler.ts';
import { assembleCompression, laneCount } from './kernel.ts';
import { Sha256Lanes, type LaneEngine } from './lanes.ts';

/** Below this the copying and the idle lanes eat what is won. */
const gainMin = 1.15;
const trialBytes = 64 * 1024;
/** A single stream this fast runs on SHA instructions, which lanes do not come near. */
const instructionsBytesPerMs = 900_000;

/**
 * The lanes, when this machine gains from them; about 40 ms, once for all threads (a module may be posted).
 * On a Xeon of 2019 without SHA instructions the gain is 2.4.
 */
export function createLaneEngine(nowMs: () => number): LaneEngine | undefined {
  const sample = trialBytesOf();
  const singleMs = fastestMs(nowMs, () => hash('sha256', sample, 'buffer'));
  if (trialBytes / singleMs > instructionsBytesPerMs) return undefined;
  const module = compileOrNothing();
  if (module === undefined) return undefined;
  const lanes = new Sha256Lanes({ module, gain: laneCount });
  const messages = new Array<Uint8Array>(laneCount).fill(sample);
  const gain = (singleMs * laneCount) / fastestMs(nowMs, () => lanes.digestMany(messages));
  return gain < gainMin ? undefined : { module, gain };
}

/** An engine that cannot compile the lanes, or compiles them wrongly, costs speed and nothing else. */
function compileOrNothing(): WasmModule | undefined {
  try {
    return compileLanes();
  } catch {
    return undefined;
  }
}

/**
 * An experimental pass of the engine joins pairs of 128-bit operations to 256 bits; it is asked for while this module is
 * compiled and not otherwise. Without the pass the code is right too, and half as fast. The mask sends the first function
 * of a module straight to the optimizing compiler, so that compiling happens at the first call and the code compared with
 * OpenSSL here is the code used later. Switching the quick compiler off does the same, but ends the process when another
 * module (Node strips types with one) is being optimized at that moment: 8 of 40 starts.
 */
export function compileLanes(): WasmModule {
  setFlagsFromString('--wasm-tier-mask-for-testing=1');
  setFlagsFromString('--experimental-wasm-revectorize');
  try {
    const module = compileModule(assembleCompression());
    const messages = Array.from({ length: laneCount + 1 }, (_, lane) => trialBytesOf().subarray(0, lane * 997 + lane));
    const { digests } = new Sha256Lanes({ module, gain: laneCount }).digestMany(messages);
    const right = messages.every((message, index) => digests[index]?.equals(hash('sha256', message, 'buffer')));
    assert(right, 'SHA-256 in lanes gives a wrong digest on this machine');
    return module;
  } finally {
    setFlagsFromString('--no-experimental-wasm-revectorize');
    setFlagsFromString('--wasm-tier-mask-for-testing=0');
  }
}

function trialBytesOf(): Uint8Array {
  return Uint8Array.from({ length: trialBytes }, (_, index) => (index * 167) >>> (index % 7));
}

function fastestMs(nowMs: () => number, work: () => unknown): number {
  let best = Infinity;
  for (let trial = 0; trial < 4; trial++) {
    const start = nowMs();
    work();
    best = Math.min(best, nowMs() - start);
  }
  return best;
}
