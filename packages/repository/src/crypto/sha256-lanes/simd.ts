/** Shorthands of the SHA-256 kernel: four 32-bit numbers side by side. */
import { get, type Code } from '../../wasm/assembler.ts';
import { i32x4, v128 } from '../../wasm/v128.ts';

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
