/**
 * The checksum at the end of an RDB file and of a DUMP payload: CRC-64/Jones, polynomial ad93d23594c935a9, bits reflected,
 * start and final xor zero, stored little-endian. Eight bytes at a time, in halves of 32 bits. Pure.
 */

/** The polynomial with its bits reversed. */
const polynomial = 0x95ac9329ac4bc9b5n;

export class Crc64 {
  readonly #low = new Uint32Array(8 * 256);
  readonly #high = new Uint32Array(8 * 256);
  #lowBits = 0;
  #highBits = 0;

  constructor() {
    for (let byte = 0; byte < 256; byte += 1) {
      let crc = BigInt(byte);
      for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ polynomial : crc >> 1n;
      this.#low[byte] = Number(crc & 0xffffffffn);
      this.#high[byte] = Number(crc >> 32n);
    }
    // Row n: what a byte does that has n more bytes behind it.
    for (let at = 256; at < 8 * 256; at += 1) {
      const low = this.#low[at - 256]!;
      const high = this.#high[at - 256]!;
      this.#low[at] = ((low >>> 8) | (high << 24)) ^ this.#low[low & 255]!;
      this.#high[at] = (high >>> 8) ^ this.#high[low & 255]!;
    }
  }

  update(bytes: Uint8Array): void {
    const [tableLow, tableHigh] = [this.#low, this.#high];
    let low = this.#lowBits;
    let high = this.#highBits;
    let at = 0;
    for (const end = bytes.length - 7; at < end; at += 8) {
      low ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      high ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      const a = 0x700 | (low & 255);
      const b = 0x600 | ((low >>> 8) & 255);
      const c = 0x500 | ((low >>> 16) & 255);
      const d = 0x400 | (low >>> 24);
      const e = 0x300 | (high & 255);
      const f = 0x200 | ((high >>> 8) & 255);
      const g = 0x100 | ((high >>> 16) & 255);
      const h = high >>> 24;
      low =
        tableLow[a]! ^
        tableLow[b]! ^
        tableLow[c]! ^
        tableLow[d]! ^
        tableLow[e]! ^
        tableLow[f]! ^
        tableLow[g]! ^
        tableLow[h]!;
      high =
        tableHigh[a]! ^
        tableHigh[b]! ^
        tableHigh[c]! ^
        tableHigh[d]! ^
        tableHigh[e]! ^
        tableHigh[f]! ^
        tableHigh[g]! ^
        tableHigh[h]!;
    }
    for (; at < bytes.length; at += 1) {
      const index = (low ^ bytes[at]!) & 255;
      low = ((low >>> 8) | (high << 24)) ^ tableLow[index]!;
      high = (high >>> 8) ^ tableHigh[index]!;
    }
    this.#lowBits = low;
    this.#highBits = high;
  }

  /** Little-endian, as it is stored. */
  digest(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(this.#lowBits >>> 0, 0);
    bytes.writeUInt32LE(this.#highBits >>> 0, 4);
    return bytes;
  }
}
