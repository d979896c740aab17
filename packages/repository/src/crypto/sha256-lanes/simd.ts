/** The vector instructions of the SHA-256 kernel: four 32-bit numbers side by side. */
import { get, unsigned, type Code } from '../../wasm/assembler.ts';

const vectorPrefix = 0xfd;
const instruction = (opcode: number): Code => [vectorPrefix, ...unsigned(opcode)];
const binary =
  (opcode: number) =>
  (left: Code, right: Code): Code => [...left, ...right, ...instruction(opcode)];
const shift =
  (opcode: number) =>
  (value: Code, bits: number): Code => [...value, 0x41, bits, ...instruction(opcode)];

export const v128 = {
  load: (address: Code, offset = 0): Code => [...address, ...instruction(0x00), 4, ...unsigned(offset)],
  /** The same 32-bit number four times. */
  loadSplat: (address: Code, offset = 0): Code => [...address, ...instruction(0x09), 2, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...instruction(0x0b),
    4,
    ...unsigned(offset),
  ],
  /** `bytes[i]` below 16 takes that byte of `left`, from 16 on a byte of `right`. */
  shuffle: (left: Code, right: Code, bytes: readonly number[]): Code => [
    ...left,
    ...right,
    ...instruction(0x0d),
    ...bytes,
  ],
  and: binary(0x4e),
  xor: binary(0x51),
};

export const i32x4 = { add: binary(0xae), shiftLeft: shift(0xab), shiftRight: shift(0xad) };

export function sum(first: Code, ...others: readonly Code[]): Code {
  return others.reduce((total, other) => i32x4.add(total, other), first);
}

export function xored(first: Code, ...others: readonly Code[]): Code {
  return others.reduce((total, other) => v128.xor(total, other), first);
}

/** XOR of a local rotated right by each of `rotations` and, with `shifted`, shifted right by that. */
export function mixed(local: number, rotations: readonly number[], shifted?: number): Code {
  const parts = rotations.flatMap((bits) => [
    i32x4.shiftRight(get(local), bits),
    i32x4.shiftLeft(get(local), 32 - bits),
  ]);
  if (shifted !== undefined) parts.push(i32x4.shiftRight(get(local), shifted));
  const [first, ...others] = parts;
  return xored(first as Code, ...others);
}
