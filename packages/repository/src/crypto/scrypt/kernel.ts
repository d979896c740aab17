/**
 * ROMix of scrypt with r = 8 (RFC 7914, section 5), assembled for the engine when it is wanted.
 *
 * One 128-bit vector holds a diagonal of the 4 × 4 words of Salsa20, so that a column round is four steps on whole vectors,
 * and the row round that follows is the same after the vectors are turned. Words lie in memory in that order too: word `i`
 * of 64 bytes is at `i * 5 % 16` outside (`diagonalPlace`), and whoever writes and reads the block does that.
 *
 * | memory            | content                                                               |
 * |-------------------|-----------------------------------------------------------------------|
 * | 0                 | N × 1024 bytes: the block as it came, and after each step of `fill`   |
 * | `resultAt(N)`     | 1024 bytes: what `fill` ended with and `mix` goes on with: the result |
 * | the block behind  | 1024 bytes: between two steps of `mix`                                |
 */
import {
  assembleModule,
  get,
  i32,
  Locals,
  repeatWhile,
  sequence,
  set,
  type Code,
  type FunctionSource,
} from '../../wasm/assembler.ts';
import { i32x4, v128 } from '../../wasm/v128.ts';

/** 128 · r */
export const blockBytes = 1024;
const halfBytes = blockBytes / 2;
const salsaBytes = 64;
const vectorBytes = 16;

export const resultAt = (N: number): number => N * blockBytes;
export const diagonalPlace = (word: number): number => (word * 5) % 16;

export type RomixExports = {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Takes the block at `from` so many steps on, each into the place behind. */
  readonly fill: (from: number, steps: number) => void;
  /** Twice so many steps, from the result into the result. */
  readonly mix: (resultAt: number, stepPairs: number) => void;
};

const rows = [0, 1, 2, 3] as const;
type Vectors = readonly [number, number, number, number];
const vectors = (locals: Locals): Vectors => [
  locals.add('v128'),
  locals.add('v128'),
  locals.add('v128'),
  locals.add('v128'),
];

/** @param N a power of two */
export function assembleRomix(N: number): Uint8Array<ArrayBuffer> {
  return assembleModule([fillOf(), mixOf(N)], Math.ceil((resultAt(N) + 2 * blockBytes) / 65536));
}

const from = 0;
const steps = 1;
const countDown = set(steps, i32.add(get(steps), i32.const(-1)));

function fillOf(): FunctionSource {
  const locals = new Locals(2);
  const to = locals.add('i32');
  const behind = i32.add(get(from), i32.const(blockBytes));
  const { mixBlock } = blockMix(locals, to, undefined);
  const body = repeatWhile(get(steps), set(to, behind), mixBlock, set(from, behind), countDown);
  return { name: 'fill', locals, body };
}

function mixOf(N: number): FunctionSource {
  const locals = new Locals(2);
  const to = locals.add('i32');
  const chosen = locals.add('i32');
  const { mixBlock } = blockMix(locals, to, chosen);
  /** Integerify: the first word of the last 64 bytes says which of the blocks of `fill` is mixed in. */
  const number = i32.and(i32.load(get(from), blockBytes - salsaBytes), i32.const(N - 1));
  const choose = set(chosen, i32.shiftLeft(number, i32.const(Math.log2(blockBytes))));
  const step = (source: number, target: number): Code =>
    sequence(set(from, i32.const(source)), set(to, i32.const(target)), choose, mixBlock);
  const between = resultAt(N) + blockBytes;
  const body = repeatWhile(get(steps), step(resultAt(N), between), step(between, resultAt(N)), countDown);
  return { name: 'mix', locals, body };
}

/** BlockMix from `from` to `to`, of the block itself or xored with another. Moves `to` half a block on. */
function blockMix(locals: Locals, to: number, other: number | undefined): { mixBlock: Code } {
  const state = vectors(locals);
  const before = vectors(locals);
  const sum = locals.add('v128');
  const source = locals.add('i32');
  const second = locals.add('i32');
  const end = locals.add('i32');
  const word = (row: number, at: number): Code => {
    const own = v128.load(get(source), at + row * vectorBytes);
    return other === undefined ? own : v128.xor(own, v128.load(get(second), at + row * vectorBytes));
  };
  const salsa = (at: number, targetAt: number): Code =>
    sequence(
      ...rows.map((row) => set(state[row], v128.xor(get(state[row]), word(row, at)))),
      ...rows.map((row) => set(before[row], get(state[row]))),
      eightRounds(state, sum),
      ...rows.map((row) => set(state[row], i32x4.add(get(state[row]), get(before[row])))),
      ...rows.map((row) => v128.store(get(to), get(state[row]), targetAt + row * vectorBytes)),
    );
  const advance = (local: number, bytes: number): Code => set(local, i32.add(get(local), i32.const(bytes)));
  const mixBlock = sequence(
    set(source, get(from)),
    other === undefined ? '' : set(second, get(other)),
    ...rows.map((row) => set(state[row], word(row, blockBytes - salsaBytes))),
    set(end, i32.add(get(to), i32.const(halfBytes))),
    repeatWhile(
      i32.lessUnsigned(get(to), get(end)),
      // Even ones go to the first half, odd ones to the second.
      salsa(0, 0),
      salsa(salsaBytes, halfBytes),
      advance(to, salsaBytes),
      advance(source, 2 * salsaBytes),
      other === undefined ? '' : advance(second, 2 * salsaBytes),
    ),
  );
  return { mixBlock };
}

function eightRounds(state: Vectors, sum: number): Code {
  const [a, b, c, d] = state;
  const step = (target: number, left: number, right: number, bits: number): Code =>
    sequence(
      set(sum, i32x4.add(get(left), get(right))),
      set(target, v128.xor(get(target), i32x4.shiftLeft(get(sum), bits))),
      set(target, v128.xor(get(target), i32x4.shiftRight(get(sum), 32 - bits))),
    );
  const round = (second: number, fourth: number): Code =>
    sequence(step(second, a, fourth, 7), step(c, second, a, 9), step(fourth, c, second, 13), step(a, fourth, c, 18));
  const doubleRound = sequence(
    round(b, d),
    turned(b, 3),
    turned(c, 2),
    turned(d, 1),
    round(d, b),
    turned(b, 1),
    turned(c, 2),
    turned(d, 3),
  );
  return sequence(doubleRound, doubleRound, doubleRound, doubleRound);
}

/** Its words one place or more to the left, in a circle. */
function turned(vector: number, places: number): Code {
  const bytes = Array.from({ length: vectorBytes }, (_, index) => (index + 4 * places) % vectorBytes);
  return set(vector, v128.shuffle(get(vector), get(vector), bytes));
}
