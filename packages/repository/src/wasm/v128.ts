/** Instructions on 128 bits at once. */
import { binary, rawBytes, i32, load, store, unary, unsigned, type Code } from './assembler.ts';

const prefixed = (opcode: number): Code => `\xfd${unsigned(opcode)}`;
export const vectorBinary = (opcode: number): ReturnType<typeof binary> => binary(prefixed(opcode));
/** The number of bits is the same for all parts of the vector. */
export const vectorShift =
  (opcode: number) =>
  (value: Code, bits: number): Code =>
    value + i32.const(bits) + prefixed(opcode);

export const v128 = {
  load: load(prefixed(0x00), 4),
  /** The same 32-bit number four times. */
  loadSplat: load(prefixed(0x09), 2),
  store: store(prefixed(0x0b), 4),
  /** `places[i]` below 16 takes that byte of `left`, from 16 on a byte of `right`. */
  shuffle: (left: Code, right: Code, places: readonly number[]): Code =>
    left + right + prefixed(0x0d) + rawBytes(...places),
  not: unary(prefixed(0x4d)),
  and: vectorBinary(0x4e),
  or: vectorBinary(0x50),
  xor: vectorBinary(0x51),
  anyTrue: unary(prefixed(0x53)),
};

export const i32x4 = { add: vectorBinary(0xae), shiftLeft: vectorShift(0xab), shiftRight: vectorShift(0xad) };
export const i64x2 = { shiftLeft: vectorShift(0xcb), shiftRight: vectorShift(0xcd) };
