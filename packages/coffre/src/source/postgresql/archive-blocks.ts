/** Follows an archive in the custom format to its last byte: a cut anywhere is seen, with no server and no tool. Pure. */
import type { ArchiveHead } from './archive.ts';

type Expected = 'kind' | 'id' | 'object' | 'length';

const dataBlock = 1;
const objectsBlock = 3;

export class ArchiveBlocks {
  readonly #missing: Set<number>;
  readonly #intBytes: number;
  #expected: Expected = 'kind';
  #holdsObjects = false;
  #skipBytes = 0;
  /** Of the int that is being read: bytes seen, sign, value. */
  #seen = 0;
  #isNegative = false;
  #value = 0;
  #fault: string | undefined;

  constructor({ entries, intBytes }: ArchiveHead) {
    this.#missing = new Set(entries.filter(({ hasData }) => hasData).map(({ id }) => id));
    this.#intBytes = intBytes;
  }

  /** @param bytes what follows the head, in any pieces */
  add(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && this.#fault === undefined) {
      if (this.#skipBytes > 0) {
        const step = Math.min(this.#skipBytes, bytes.length - at);
        this.#skipBytes -= step;
        at += step;
        continue;
      }
      const byte = bytes[at]!;
      at += 1;
      if (this.#expected === 'kind') this.#takeKind(byte);
      else this.#takeByte(byte);
    }
  }

  /** What is wrong with it when nothing more comes; undefined when it is whole. */
  fault(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#expected !== 'kind' || this.#skipBytes > 0) return 'the dump ends in the middle of data';
    return this.#missing.size === 0 ? undefined : `the dump ends before the data of ${this.#missing.size} entries`;
  }

  #takeKind(kind: number): void {
    if (kind !== dataBlock && kind !== objectsBlock) this.#fault = 'the dump has a block of an unknown kind';
    this.#holdsObjects = kind === objectsBlock;
    this.#expected = 'id';
  }

  #takeInt(value: number): void {
    switch (this.#expected) {
      case 'id':
        if (!this.#missing.delete(value)) this.#fault = 'the dump has data that its table of contents does not name';
        this.#expected = this.#holdsObjects ? 'object' : 'length';
        return;
      case 'object':
        this.#expected = value === 0 ? 'kind' : 'length';
        return;
      case 'length':
        if (value < 0) this.#fault = 'the dump has a piece of a negative length';
        else if (value > 0) this.#skipBytes = value;
        else this.#expected = this.#holdsObjects ? 'object' : 'kind';
        return;
      case 'kind':
        return;
      default:
        this.#expected satisfies never;
    }
  }

  /** There is an int before every row, so nothing is made on the way. */
  #takeByte(byte: number): void {
    if (this.#seen === 0) this.#isNegative = byte !== 0;
    else this.#value += byte * 2 ** (8 * (this.#seen - 1));
    this.#seen += 1;
    if (this.#seen <= this.#intBytes) return;
    const value = this.#isNegative ? -this.#value : this.#value;
    this.#seen = 0;
    this.#value = 0;
    this.#takeInt(value);
  }
}
