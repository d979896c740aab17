/**
 * LZF, as Redis compresses strings. A control byte below 32 is followed by that many bytes plus one, as they are. Otherwise
 * its upper three bits are a length less two (7: a byte more follows), its lower five and the next byte are how far back
 * less one the bytes to repeat begin. Pure.
 */
import { CoffreError } from '@coffre/repository';

/** @throws {CoffreError} SOURCE_INVALID when it does not become exactly `sizeBytes` */
export function expandLzf(packed: Uint8Array, sizeBytes: number): Buffer {
  const plain = Buffer.alloc(sizeBytes);
  let from = 0;
  let to = 0;
  while (from < packed.length) {
    const control = packed[from]!;
    from += 1;
    if (control < 32) {
      const count = control + 1;
      if (from + count > packed.length || to + count > sizeBytes) throw broken();
      plain.set(packed.subarray(from, from + count), to);
      from += count;
      to += count;
      continue;
    }
    let count = control >> 5;
    if (count === 7) {
      count += packed[from] ?? Number.NaN;
      from += 1;
    }
    const start = to - ((control & 31) << 8) - (packed[from] ?? Number.NaN) - 1;
    from += 1;
    count += 2;
    if (!(start >= 0) || !(to + count <= sizeBytes)) throw broken();
    // They may overlap: what was just written is repeated.
    for (let at = 0; at < count; at += 1) plain[to + at] = plain[start + at]!;
    to += count;
  }
  if (to !== sizeBytes) throw broken();
  return plain;
}

function broken(): CoffreError {
  return new CoffreError('SOURCE_INVALID', 'a compressed string of the RDB file cannot be expanded');
}
