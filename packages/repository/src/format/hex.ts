/** Hexadecimal digits in a buffer of text, read in place. */
import { CoffreError } from '../errors.ts';

/** Value of a lower-case hexadecimal digit by its byte; 255 for anything else. */
const digitOf: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : 255;
});

/** Decodes the 64 digits at `at` into 32 bytes of `target`.
 *  @throws {CoffreError} ID_MALFORMED */
export function decodeHexId(source: Uint8Array, at: number, target: Uint8Array, targetAt: number): void {
  let all = 0;
  for (let i = 0, from = at; i < 32; i += 1, from += 2) {
    const high = digitOf[source[from] as number] as number;
    const low = digitOf[source[from + 1] as number] as number;
    all |= high | low;
    target[targetAt + i] = (high << 4) | low;
  }
  if (all > 15 || at + 64 > source.length) throw new CoffreError('ID_MALFORMED', 'an id is not 64 hexadecimal digits');
}

/** Whether 64 lower-case hexadecimal digits stand at `at`. */
export function isHexId(source: Uint8Array, at: number): boolean {
  if (at + 64 > source.length) return false;
  let all = 0;
  for (let i = at; i < at + 64; i += 1) all |= digitOf[source[i] as number] as number;
  return all <= 15;
}
