/** Instructions on 128 bits at once. */
import { binary, i32, joined, load, store, unary, unsigned, type Code } from './assembler.ts';

const prefixed = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
export const vectorBinary = (opcode: number): ReturnType<typeof binary> => binary(...prefixed(opcode));
/** The number of bits is the same for all parts of the vector. */
export const vectorShift =
  (opcode: number) =>
  (value: Code, bits: number): Code =>
    joined([value, i32.const(bits), prefixed(opcode)]);

export const v128 = {
  load: load(4, ...prefixed(0x00)),
  /** The same 32-bit number four times. */
  loadSplat: load(2, ...prefixed(0x09)),
  store: store(4, ...prefixed(0x0b)),
  /** `bytes[i]` below 16 takes that byte of `left`, from 16 on a byte of `right`. */
  shuffle: (left: Code, right: Code, bytes: readonly number[]): Code => joined([left, right, prefixed(0x0d), bytes]),
  not: unary(...prefixed(0x4d)),
  and: vectorBinary(0x4e),
  or: vectorBinary(0x50),
  xor: vectorBinary(0x51),
  anyTrue: unary(...prefixed(0x53)),
};

export const i32x4 = { add: vectorBinary(0xae), shiftLeft: vectorShift(0xab), shiftRight: vectorShift(0xad) };
export const i64x2 = { shiftLeft: vectorShift(0xcb), shiftRight: vectorShift(0xcd) };
