/**
 * CRC-64 as mongodump writes it for each namespace: ECMA polynomial, bits reflected, all ones at the start and inverted at
 * the end (Go's hash/crc64). JavaScript's bits end at 32, so a value is two halves, and eight bytes are taken at a time.
 */

const polynomialHigh = 0xc96c5795;
const polynomialLow = 0xd7870f42;
const slices = 8;

export type Crc64Tables = { readonly high: Uint32Array; readonly low: Uint32Array };

/** 16 KiB; whoever computes several sums makes them once. */
export function createCrc64Tables(): Crc64Tables {
  const high = new Uint32Array(slices * 256);
  const low = new Uint32Array(slices * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let [h, l] = [0, byte];
    for (let bit = 0; bit < 8; bit += 1) {
      const isOdd = (l & 1) === 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (isOdd) [h, l] = [h ^ polynomialHigh, l ^ polynomialLow];
    }
    high[byte] = h;
    low[byte] = l;
  }
  for (let index = 256; index < slices * 256; index += 1) {
    const [h, l] = [high[index - 256]!, low[index - 256]!];
    const next = l & 0xff;
    low[index] = ((l >>> 8) | (h << 24)) ^ low[next]!;
    high[index] = (h >>> 8) ^ high[next]!;
  }
  return { high, low };
}

export class Crc64 {
  readonly #tables: Crc64Tables;
  #high = 0xffffffff | 0;
  #low = 0xffffffff | 0;

  constructor(tables: Crc64Tables) {
    this.#tables = tables;
  }

  update(bytes: Uint8Array): void {
    const { high, low } = this.#tables;
    let h = this.#high;
    let l = this.#low;
    const { length } = bytes;
    let at = 0;
    for (const last = length - 8; at <= last; at += 8) {
      l ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      h ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      const a = 1792 + (l & 0xff);
      const b = 1536 + ((l >>> 8) & 0xff);
      const c = 1280 + ((l >>> 16) & 0xff);
      const d = 1024 + (l >>> 24);
      const e = 768 + (h & 0xff);
      const f = 512 + ((h >>> 8) & 0xff);
      const g = 256 + ((h >>> 16) & 0xff);
      const i = h >>> 24;
      l = low[a]! ^ low[b]! ^ low[c]! ^ low[d]! ^ low[e]! ^ low[f]! ^ low[g]! ^ low[i]!;
      h = high[a]! ^ high[b]! ^ high[c]! ^ high[d]! ^ high[e]! ^ high[f]! ^ high[g]! ^ high[i]!;
    }
    for (; at < length; at += 1) {
      const index = (l ^ bytes[at]!) & 0xff;
      l = ((l >>> 8) | (h << 24)) ^ low[index]!;
      h = (h >>> 8) ^ high[index]!;
    }
    this.#high = h;
    this.#low = l;
  }

  /** Of all bytes so far, as the signed number that BSON holds. */
  digest(): bigint {
    const [high, low] = [~this.#high >>> 0, ~this.#low >>> 0];
    return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
  }
}
