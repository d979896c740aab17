import { hash } from 'node:crypto';
import { startModule, type WasmMemory, type WasmModule } from '../../wasm/assembler.ts';
import { assert } from '../../errors.ts';
import { blockBytes, constantsAt, cursorsAt, inputAt, laneBytes, laneCount, statesAt } from './kernel.ts';
import { scheduleLanes } from './schedule.ts';

/** What a thread needs to hash in lanes: the code, compiled once, and how much faster it measured than one stream. */
export type LaneEngine = { readonly module: WasmModule; readonly gain: number };

/** A digest over bytes that come in parts. Made by `beginDigest`, moved on by `digestMany`. */
export type RunningDigest = { readonly state: Uint32Array; hashedBytes: number };

/** More of a message: all of it that can be hashed now (whole blocks), or its end. */
export type Continuation = { readonly running: RunningDigest; readonly bytes: Uint8Array; readonly last: boolean };

type Job = {
  readonly bytes: Uint8Array;
  readonly running: RunningDigest;
  readonly last: boolean;
  readonly done: (digest: Buffer) => void;
};
type Lane = { readonly job: Job; readonly endBytes: number; nextByte: number; blocksReady: number };

const digestBytes = 32;
/** The message is followed by one bit, zeros and its length in bits as a 64-bit number. */
const paddingBytesMin = 9;

/** Digests of many messages at once, for one thread. Each message may have any length. */
export class Sha256Lanes {
  readonly #gain: number;
  readonly #memory: Uint8Array;
  readonly #words: Uint32Array;
  readonly #view: DataView;
  readonly #compress: (blocks: number) => void;

  constructor({ module, gain }: LaneEngine) {
    const { memory, compress } = startModule<{ memory: WasmMemory; compress: (blocks: number) => void }>(module);
    this.#gain = gain;
    this.#memory = new Uint8Array(memory.buffer);
    this.#words = new Uint32Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
    this.#compress = compress;
    this.#words.set(roundConstants, constantsAt / 4);
  }

  /**
   * The digests in the order of the messages. `continued` run in the same lanes: a few long messages that grow
   * (packs) fill them better together with many short ones (blobs) than alone.
   * @returns `ended` holds the digests of the continuations that were the last of their message, in their order
   */
  digestMany(
    messages: readonly Uint8Array[],
    continued: readonly Continuation[] = [],
  ): { digests: Buffer[]; ended: Buffer[] } {
    const sizes = messages.map((message) => message.byteLength);
    const busyBytes = continued.map(({ bytes }) => bytes.byteLength);
    const { together, alone } = scheduleLanes(sizes, busyBytes, { gain: this.#gain, lanes: laneCount });
    const digests = new Array<Buffer>(messages.length);
    const ended: Buffer[] = [];
    for (const index of alone) digests[index] = hash('sha256', messages[index] as Uint8Array, 'buffer');
    const jobs = together.map((index): Job => {
      const done = (digest: Buffer): void => void (digests[index] = digest);
      return { bytes: messages[index] as Uint8Array, running: beginDigest(), last: true, done };
    });
    const lasts = continued.filter(({ last }) => last);
    for (const part of continued) {
      assert(part.last || part.bytes.byteLength % blockBytes === 0, 'a digest can only pause between two blocks');
      jobs.push({ ...part, done: (digest) => void (ended[lasts.indexOf(part)] = digest) });
    }
    this.#run(jobs.toSorted((a, b) => b.bytes.byteLength - a.bytes.byteLength));
    return { digests, ended };
  }

  #run(jobs: readonly Job[]): void {
    const lanes: (Lane | undefined)[] = [];
    let next = 0;
    for (;;) {
      let blocks = Infinity;
      for (let number = 0; number < laneCount; number++) {
        if (lanes[number] === undefined && next < jobs.length) lanes[number] = this.#begin(jobs[next++] as Job, number);
        const lane = lanes[number];
        // An idle lane computes too; what it reads does not matter.
        if (lane === undefined) this.#words[cursorsAt / 4 + number] = inputAt + number * laneBytes;
        else blocks = Math.min(blocks, lane.blocksReady || this.#fill(lane, number));
      }
      if (blocks === Infinity) return;
      if (blocks > 0) this.#compress(blocks);
      for (let number = 0; number < laneCount; number++) {
        const lane = lanes[number];
        if (lane === undefined) continue;
        lane.blocksReady -= blocks;
        if (lane.blocksReady > 0 || lane.nextByte < lane.endBytes) continue;
        this.#end(lane.job, number);
        lanes[number] = undefined;
      }
    }
  }

  #begin(job: Job, number: number): Lane {
    for (let word = 0; word < 8; word++) this.#words[stateAt(word, number)] = job.running.state[word] as number;
    const endBytes = job.last ? paddedBytes(job.bytes.byteLength) : job.bytes.byteLength;
    return { job, endBytes, nextByte: 0, blocksReady: 0 };
  }

  #end({ running, bytes, last, done }: Job, number: number): void {
    for (let word = 0; word < 8; word++) running.state[word] = this.#words[stateAt(word, number)] as number;
    running.hashedBytes += bytes.byteLength;
    if (last) done(digestOf(running));
  }

  /** Copies the next part of the message, and its padding behind its end. */
  #fill(lane: Lane, number: number): number {
    const { job, nextByte, endBytes } = lane;
    const sizeBytes = job.bytes.byteLength;
    const at = inputAt + number * laneBytes;
    const end = Math.min(endBytes, nextByte + laneBytes);
    if (nextByte < sizeBytes) this.#memory.set(job.bytes.subarray(nextByte, Math.min(sizeBytes, end)), at);
    if (end > sizeBytes) {
      this.#memory.fill(0, at + Math.max(0, sizeBytes - nextByte), at + end - nextByte);
      if (sizeBytes >= nextByte) this.#memory[at + sizeBytes - nextByte] = 0x80;
      const bits = BigInt(job.running.hashedBytes + sizeBytes) * 8n;
      if (end === endBytes) this.#view.setBigUint64(at + end - nextByte - 8, bits);
    }
    lane.nextByte = end;
    lane.blocksReady = (end - nextByte) / blockBytes;
    this.#words[cursorsAt / 4 + number] = at;
    return lane.blocksReady;
  }
}

const stateAt = (word: number, lane: number): number => statesAt / 4 + word * laneCount + lane;

export function beginDigest(): RunningDigest {
  return { state: Uint32Array.from(initialState), hashedBytes: 0 };
}

function digestOf({ state }: RunningDigest): Buffer {
  const digest = Buffer.allocUnsafeSlow(digestBytes);
  state.forEach((word, index) => digest.writeUInt32BE(word, 4 * index));
  return digest;
}

function paddedBytes(sizeBytes: number): number {
  return Math.ceil((sizeBytes + paddingBytesMin) / blockBytes) * blockBytes;
}

const primes = firstPrimes(64);
/** FIPS 180-4, 5.3.3: the first 32 bits of the fractional parts of the square roots of the first eight primes. */
const initialState = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
/** FIPS 180-4, 4.2.2: of the cube roots of the first 64 primes. */
const roundConstants = primes.map((prime) => fraction(Math.cbrt(prime)));

function firstPrimes(count: number): number[] {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate++) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate);
  }
  return found;
}

/** A double holds 48 bits of it. Lanes that begin with a wrong constant fail their first comparison with OpenSSL. */
function fraction(root: number): number {
  return Math.floor((root % 1) * 2 ** 32);
}
