/** From bytes in lanes to bit planes: a transposition of bits, 16 steps of all 128 lanes a turn. */
import { get, i32, sequence, Locals, repeatWhile, set, type Code, type FunctionSource } from '../wasm/assembler.ts';
import { i64x2, v128 } from '../wasm/v128.ts';
import { halfwayAt, inputAt, laneCount, planeBytes, planesAt, stepBytes, swapMasksAt } from './kernel-memory.ts';

const stepsPerTurn = 16;

/** Which bits of a byte change places with those of the byte in the vector `distance` further on. */
export const swapMasks = [
  { distance: 4, mask: 0x0f },
  { distance: 2, mask: 0x33 },
  { distance: 1, mask: 0x55 },
] as const;

const lowerHalves = [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23];
const upperHalves = lowerHalves.map((byte) => byte + 8);

export function assembleBitPlanes(): FunctionSource {
  const [laneBytes, end] = [0, 1];
  const locals = new Locals(2);
  const [input, lane, planes] = [locals.add('i32'), locals.add('i32'), locals.add('i32')];
  const masks = swapMasks.map(() => locals.add('v128'));
  const swapped = locals.add('v128');
  const rows = Array.from({ length: 16 }, () => locals.add('v128'));
  const others = Array.from({ length: 16 }, () => locals.add('v128'));
  const halfway = (bit: number, group: number): number => halfwayAt + (bit * 16 + group) * 16;
  const advance = (local: number, bytes: Code): Code => set(local, i32.add(get(local), bytes));

  /** 8 lanes in: vector i holds lane i. 8 bits out: vector b holds bit b of all 8 lanes in each byte. */
  const groupToBits = (group: number): Code[] => [
    ...rows.slice(0, 8).flatMap((row) => [set(row, v128.load(get(lane))), advance(lane, get(laneBytes))]),
    ...swapMasks.flatMap(({ distance }, index) =>
      [0, 1, 2, 3, 4, 5, 6, 7]
        .filter((row) => (row & distance) === 0)
        .flatMap((row) =>
          swapBits(rows[row] as number, rows[row + distance] as number, distance, masks[index] as number, swapped),
        ),
    ),
    ...rows.slice(0, 8).map((row, bit) => v128.store(i32.const(halfway(bit, group)), get(row))),
  ];
  /** 16 groups in, 16 steps a vector; 16 planes out. */
  const bitToPlanes = (bit: number): Code[] => [
    ...rows.map((row, group) => set(row, v128.load(i32.const(halfway(bit, group))))),
    ...interleaved(rows, others),
    ...interleaved(others, rows),
    ...interleaved(rows, others),
    ...interleaved(others, rows),
    ...rows.map((row, step) => v128.store(get(planes), get(row), step * stepBytes + (7 - bit) * planeBytes)),
  ];

  const body = sequence(
    ...masks.map((mask, index) => set(mask, v128.load(i32.const(swapMasksAt + 16 * index)))),
    set(input, i32.const(inputAt)),
    set(planes, i32.const(planesAt)),
    repeatWhile(
      i32.lessUnsigned(get(planes), get(end)),
      set(lane, get(input)),
      ...Array.from({ length: laneCount / 8 }, (_, group) => groupToBits(group)).flat(),
      ...Array.from({ length: 8 }, (_, bit) => bitToPlanes(bit)).flat(),
      advance(input, i32.const(stepsPerTurn)),
      advance(planes, i32.const(stepsPerTurn * stepBytes)),
    ),
  );
  return { name: 'bitPlanes', locals, body };
}

/** Changes the bits of `upper` under the mask with those of `lower` that lie `distance` higher. */
function swapBits(lower: number, upper: number, distance: number, mask: number, swapped: number): Code[] {
  const shifted = i64x2.shiftRight(get(lower), distance);
  return [
    set(swapped, v128.and(v128.xor(shifted, get(upper)), get(mask))),
    set(upper, v128.xor(get(upper), get(swapped))),
    set(lower, v128.xor(get(lower), i64x2.shiftLeft(get(swapped), distance))),
  ];
}

/** Done four times, byte j of vector i has come to byte i of vector j. */
function interleaved(from: readonly number[], to: readonly number[]): Code[] {
  return to.map((target, index) => {
    const pair = [from[index >> 1], from[(index >> 1) + 8]].map((local) => get(local as number)) as [Code, Code];
    return set(target, v128.shuffle(...pair, index % 2 === 0 ? lowerHalves : upperHalves));
  });
}
