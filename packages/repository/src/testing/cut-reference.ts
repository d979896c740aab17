/** The cut condition in its plainest words, for tests: one position at a time, one bit at a time. */
import { polynomialDegree } from '../chunker/polynomial.ts';

const windowBytes = 64;

/** Digest of the 64 bytes before `position`. */
export function digestBefore(bytes: Uint8Array, position: number, polynomial: bigint): bigint {
  let digest = 0n;
  for (const byte of bytes.subarray(position - windowBytes, position)) digest = addByte(digest, byte, polynomial);
  return digest;
}

function addByte(digest: bigint, byte: number, polynomial: bigint): bigint {
  let rest = digest;
  for (let bit = 7; bit >= 0; bit--) {
    rest = (rest << 1n) | BigInt((byte >> bit) & 1);
    if (rest >> BigInt(polynomialDegree) === 1n) rest ^= polynomial;
  }
  return rest;
}

/** All e with from < e <= to before which the lowest bits of the digest are clear, found in one pass from the start. */
export function cutPositions(
  bytes: Uint8Array,
  from: number,
  to: number,
  polynomial: bigint,
  averageBits: number,
): number[] {
  const mask = (1n << BigInt(averageBits)) - 1n;
  const oldest = Array.from({ length: 256 }, (_, byte) => digestBefore(windowOf(byte), windowBytes, polynomial));
  const positions: number[] = [];
  let digest = 0n;
  for (let position = 1; position <= to; position++) {
    if (position > windowBytes) digest ^= oldest[bytes[position - windowBytes - 1] as number] as bigint;
    digest = addByte(digest, bytes[position - 1] as number, polynomial);
    if (position > from && position >= windowBytes && (digest & mask) === 0n) positions.push(position);
  }
  return positions;
}

function windowOf(oldestByte: number): Uint8Array {
  return Uint8Array.from({ length: windowBytes }, (_, index) => (index === 0 ? oldestByte : 0));
}
