/**
 * SHA-256 of eight messages side by side (FIPS 180-4, section 6.2.2), assembled for the engine when it is wanted.
 *
 * One 128-bit vector holds the same word of four messages, so every step is written twice, for the lower and the upper
 * four lanes, at neighbouring addresses. An engine that may join such pairs (V8 does on x64 with AVX2) then works on
 * all eight in one 256-bit instruction.
 *
 * | memory        | content                                                        |
 * |---------------|----------------------------------------------------------------|
 * | `constantsAt` | 64 × u32: the round constants                                  |
 * | `statesAt`    | 8 words × 8 lanes × u32: the chaining values                   |
 * | `cursorsAt`   | 8 × u32: where each lane reads its next block of 64 bytes      |
 * | `scheduleAt`  | 64 words × 8 lanes × u32: message words of the block at work   |
 * | `inputAt`     | `laneBytes` of message per lane                                |
 */
import {
  assembleModule,
  rawBytes,
  get,
  i32,
  sequence,
  Locals,
  repeatWhile,
  set,
  type Code,
} from '../../wasm/assembler.ts';
import { i32x4, v128 } from '../../wasm/v128.ts';
import { mixed, sum, xored } from './simd.ts';

export const laneCount = 8;
export const blockBytes = 64;
/** Message bytes a lane holds at a time; all lanes together stay inside the second-level cache. */
export const laneBytes = 32 * 1024;

export const constantsAt = 0;
export const statesAt = 256;
export const cursorsAt = 512;
export const scheduleAt = 1024;
export const inputAt = 4096;
const memoryPages = Math.ceil((inputAt + laneCount * laneBytes) / 65536);

const wordBytes = 4 * laneCount;
const halves = [0, 1] as const;
const halfBytes = 16;

type Half = (typeof halves)[number];
/** The same variable for the lower and the upper four lanes. */
type Pair = readonly [number, number];

const constant = (value: number): Code => i32.const(value);

/** `compress(blocks)`: takes so many blocks of every lane into its state and moves the cursors on. */
export function assembleCompression(): Uint8Array<ArrayBuffer> {
  const locals = new Locals(1);
  const blocks = 0;
  const pair = (): Pair => [locals.add('v128'), locals.add('v128')];
  const cursor = locals.add('i32');
  const schedule = locals.add('i32');
  const round = locals.add('i32');
  const state = Array.from({ length: 8 }, pair);
  const [term, word, odd, even] = [pair(), pair(), pair(), pair()];
  const rows = Array.from({ length: 4 }, () => locals.add('v128'));
  const both = (code: (half: Half) => Code): Code => sequence(...halves.map((half) => code(half)));

  const transposeIn = (half: Half): Code =>
    sequence(
      ...[0, 16, 32, 48].flatMap((column) => [
        ...rows.flatMap((row, lane) => [
          set(cursor, i32.load(constant(0), cursorsAt + 4 * (4 * half + lane))),
          set(row, bigEndian(v128.load(get(cursor), column))),
        ]),
        storeTransposed(rows, scheduleAt + (column / 4) * wordBytes + half * halfBytes),
      ]),
    );

  /** Words 16 and later, each from four before it; `schedule` points 16 words back. */
  const extend = (index: number): Code => {
    const earlier = (half: Half, back: number): Code =>
      v128.load(get(schedule), (index + 16 - back) * wordBytes + half * halfBytes);
    return sequence(
      both((half) => set(term[half], earlier(half, 15))),
      both((half) => set(word[half], sum(earlier(half, 16), mixed(term[half], [7, 18], 3), earlier(half, 7)))),
      both((half) => set(term[half], earlier(half, 2))),
      both((half) => set(word[half], sum(get(word[half]), mixed(term[half], [17, 19], 10)))),
      both((half) => v128.store(get(schedule), get(word[half]), (index + 16) * wordBytes + half * halfBytes)),
    );
  };

  /** One round. The eight variables change their roles instead of their places. */
  const step = (index: number, message: (half: Half) => Code): Code => {
    const [a, b, c, d, e, f, g, h] = Array.from({ length: 8 }, (_, role) => state[(role - index + 8) % 8] as Pair);
    if (!a || !b || !c || !d || !e || !f || !g || !h) return '';
    // Majority(a, b, c) = b ^ ((a ^ b) & (b ^ c)); the first difference is the second one of the next round.
    const difference = index % 2 === 0 ? even : odd;
    return sequence(
      both((half) =>
        set(
          term[half],
          sum(
            v128.loadSplat(get(round), constantsAt + 4 * index),
            message(half),
            get(h[half]),
            v128.xor(get(g[half]), v128.and(get(e[half]), v128.xor(get(f[half]), get(g[half])))),
            mixed(e[half], [6, 11, 25]),
          ),
        ),
      ),
      both((half) => set(d[half], i32x4.add(get(d[half]), get(term[half])))),
      both((half) => set(difference[half], v128.xor(get(a[half]), get(b[half])))),
      both((half) =>
        set(
          h[half],
          sum(
            mixed(a[half], [2, 13, 22]),
            xored(get(b[half]), v128.and(get(odd[half]), get(even[half]))),
            get(term[half]),
          ),
        ),
      ),
    );
  };

  const eight = (body: (index: number) => Code): Code =>
    sequence(...Array.from({ length: 8 }, (_, index) => body(index)));
  const rounds = (end: number, body: (index: number) => Code): Code =>
    repeatWhile(
      i32.lessUnsigned(get(round), constant(4 * end)),
      eight(body),
      set(round, i32.add(get(round), constant(4 * 8))),
      set(schedule, i32.add(get(schedule), constant(8 * wordBytes))),
    );
  const stateAt = (index: number, half: Half): number => statesAt + index * wordBytes + half * halfBytes;

  const body = sequence(
    ...state.map((variable, index) =>
      both((half) => set(variable[half], v128.load(constant(0), stateAt(index, half)))),
    ),
    repeatWhile(
      get(blocks),
      transposeIn(0),
      transposeIn(1),
      both((half) => set(odd[half], xored(get(state[1]?.[half] ?? 0), get(state[2]?.[half] ?? 0)))),
      set(round, constant(0)),
      set(schedule, constant(scheduleAt)),
      rounds(16, (index) => step(index, (half) => v128.load(get(schedule), index * wordBytes + half * halfBytes))),
      set(schedule, constant(scheduleAt)),
      rounds(64, (index) => extend(index) + step(index, (half) => get(word[half]))),
      ...state.flatMap((variable, index) => [
        both((half) =>
          set(variable[half], i32x4.add(get(variable[half]), v128.load(constant(0), stateAt(index, half)))),
        ),
        both((half) => v128.store(constant(0), get(variable[half]), stateAt(index, half))),
      ]),
      ...Array.from({ length: laneCount }, (_, lane) => {
        const at = cursorsAt + 4 * lane;
        return i32.store(constant(0), i32.add(i32.load(constant(0), at), constant(blockBytes)), at);
      }),
      set(blocks, i32.add(get(blocks), constant(-1))),
    ),
  );
  return assembleModule([{ name: 'compress', locals, body }], memoryPages);
}

const byteSwap = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];

function bigEndian(vector: Code): Code {
  // The second operand is only there because the instruction has two.
  return v128.shuffle(vector, rawBytes(0xfd, 0x0c, ...new Array<number>(16).fill(0)), byteSwap);
}

/** Four words of four lanes come in as one row per lane and are stored as one row per word. */
function storeTransposed(rows: readonly number[], at: number): Code {
  const columns = [0, 1, 2, 3].map((column) => column * 4);
  const wordOf = (column: number, from: number): number[] => [0, 1, 2, 3].map((byte) => from + column + byte);
  const [a, b, c, d] = rows.map((row) => get(row)) as [Code, Code, Code, Code];
  const stores = columns.map((column) => {
    const lower = v128.shuffle(a, b, [...wordOf(column, 0), ...wordOf(column, 16), ...wordOf(0, 0), ...wordOf(0, 0)]);
    const upper = v128.shuffle(c, d, [...wordOf(column, 0), ...wordOf(column, 16), ...wordOf(0, 0), ...wordOf(0, 0)]);
    const joined = v128.shuffle(lower, upper, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]);
    return v128.store(constant(0), joined, at + (column / 4) * wordBytes);
  });
  return sequence(...stores);
}
