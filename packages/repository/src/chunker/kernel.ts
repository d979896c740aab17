/**
 * The inner loop of the chunker, assembled for the engine when a scanner is made.
 *
 * | memory            | content                                                                     |
 * |-------------------|-----------------------------------------------------------------------------|
 * | `leavingAt`       | 256 × i64: what a byte still weighs when it has just left the window        |
 * | `reducingAt`      | 256 × i64: what clears the eight bits above the degree, and their remainder |
 * | `cursorsAt`       | one i32 per lane: where its next hit is written                             |
 * | `hitsAt`          | the hits, `laneBytes` × i32 per lane                                        |
 * | `inputAt`         | 64 bytes of context, then `blockBytes` to scan                              |
 *
 * A digest is reduced after every byte: d(e) = x⁸·d(e−1) + byte(e) + x⁵¹²·byte(e−64) mod P.
 * One digest waits for its own last table look-up; `lanes` of them, a fixed distance apart, wait together.
 */
import { assembleModule, get, i32, i64, Locals, repeatWhile, set, when, type Code } from '../wasm/assembler.ts';

export const windowBytes = 64;

export type KernelLayout = {
  readonly lanes: number;
  readonly laneBytes: number;
  readonly blockBytes: number;
  readonly leavingAt: number;
  readonly reducingAt: number;
  readonly cursorsAt: number;
  readonly hitsAt: number;
  readonly inputAt: number;
  readonly memoryPages: number;
};

export function layoutOf(lanes: number, laneBytes: number): KernelLayout {
  const blockBytes = lanes * laneBytes;
  const hitsAt = 8192;
  const inputAt = hitsAt + 4 * blockBytes;
  return {
    lanes,
    laneBytes,
    blockBytes,
    leavingAt: 0,
    reducingAt: 2048,
    cursorsAt: 4096,
    hitsAt,
    inputAt,
    memoryPages: Math.ceil((inputAt + windowBytes + blockBytes) / 65536),
  };
}

/**
 * `scan()`: rolls over the whole block. A hit is the number of bytes of the block before the cut.
 * `mask` are the bits of the digest that a cut has clear.
 */
export function assembleKernel(layout: KernelLayout, degree: number, mask: bigint): Uint8Array<ArrayBuffer> {
  const locals = new Locals(0);
  const at = locals.add('i32');
  const cursor = locals.add('i32');
  const digests = Array.from({ length: layout.lanes }, () => locals.add('i64'));

  const entry = (table: number, index: Code): Code => i64.load(i32.shiftLeft(index, i32.const(3)), table);
  const rolled = (digest: number, lane: number): Code => {
    const byteAt = layout.inputAt + lane * layout.laneBytes;
    const top = i32.wrap(i64.shiftRight(get(digest), i64.const(BigInt(degree - 8))));
    const shifted = i64.or(i64.shiftLeft(get(digest), i64.const(8n)), i64.load8(get(at), byteAt + windowBytes));
    const left = entry(layout.leavingAt, i32.load8(get(at), byteAt));
    return i64.xor(i64.xor(shifted, left), entry(layout.reducingAt, top));
  };
  const entered = (digest: number, lane: number): Code => {
    const byteAt = layout.inputAt + lane * layout.laneBytes;
    const top = i32.wrap(i64.shiftRight(get(digest), i64.const(BigInt(degree - 8))));
    const shifted = i64.or(i64.shiftLeft(get(digest), i64.const(8n)), i64.load8(get(at), byteAt));
    return i64.xor(shifted, entry(layout.reducingAt, top));
  };
  const noteHit = (digest: number, lane: number): Code => {
    const cursorAt = layout.cursorsAt + 4 * lane;
    return when(
      i64.isZero(i64.and(get(digest), i64.const(mask))),
      set(cursor, i32.load(i32.const(cursorAt))),
      i32.store(get(cursor), i32.add(get(at), i32.const(lane * layout.laneBytes + 1))),
      i32.store(i32.const(cursorAt), i32.add(get(cursor), i32.const(4))),
    );
  };
  const advance = set(at, i32.add(get(at), i32.const(1)));

  const body = [
    repeatWhile(
      i32.lessUnsigned(get(at), i32.const(windowBytes)),
      ...digests.map((digest, lane) => set(digest, entered(digest, lane))),
      advance,
    ),
    set(at, i32.const(0)),
    repeatWhile(
      i32.lessUnsigned(get(at), i32.const(layout.laneBytes)),
      ...digests.map((digest, lane) => set(digest, rolled(digest, lane))),
      ...digests.map((digest, lane) => noteHit(digest, lane)),
      advance,
    ),
  ].flat();
  return assembleModule([{ name: 'scan', locals, body }], layout.memoryPages);
}
