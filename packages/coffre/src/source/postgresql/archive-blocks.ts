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
  #carry: number[] = [];
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
      this.#carry.push(bytes[at]!);
      at += 1;
      if (this.#expected === 'kind') this.#takeKind(this.#carry.pop()!);
      else if (this.#carry.length === 1 + this.#intBytes) this.#takeInt(this.#readInt());
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

  #readInt(): number {
    const [sign = 0, ...bytes] = this.#carry;
    this.#carry = [];
    const value = bytes.reduce((sum, byte, index) => sum + byte * 2 ** (8 * index), 0);
    return sign === 0 ? value : -value;
  }
}
