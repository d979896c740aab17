/**
 * CRC-64 with its bits reflected, of any polynomial. JavaScript's bits end at 32, so a value is two halves, and eight bytes
 * are taken at a time. Pure.
 */
export type Crc64Tables = { readonly high: Uint32Array; readonly low: Uint32Array };

const slices = 8;

/** 16 KiB; whoever computes several sums makes them once. @param polynomial with its bits reversed */
export function crc64Tables(polynomial: bigint): Crc64Tables {
  const high = new Uint32Array(slices * 256);
  const low = new Uint32Array(slices * 256);
  const [polynomialHigh, polynomialLow] = [Number(polynomial >> 32n), Number(polynomial & 0xffffffffn)];
  for (let byte = 0; byte < 256; byte += 1) {
    let [h, l] = [0, byte];
    for (let bit = 0; bit < 8; bit += 1) {
      const isOdd = (l & 1) === 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (isOdd) {
        l ^= polynomialLow;
        h ^= polynomialHigh;
      }
    }
    low[byte] = l;
    high[byte] = h;
  }
  // Row n: what a byte does that has n more bytes behind it.
  for (let at = 256; at < slices * 256; at += 1) {
    const [h, l] = [high[at - 256]!, low[at - 256]!];
    low[at] = ((l >>> 8) | (h << 24)) ^ low[l & 255]!;
    high[at] = (h >>> 8) ^ high[l & 255]!;
  }
  return { high, low };
}

export class Crc64Sum {
  readonly #tables: Crc64Tables;
  #high: number;
  #low: number;

  /** @param start of each half: 0, or -1 for all ones */
  constructor(tables: Crc64Tables, start: 0 | -1) {
    this.#tables = tables;
    this.#high = start;
    this.#low = start;
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

  /** Of all bytes so far, 64 bits without a sign. */
  protected value(): bigint {
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0);
  }
}
