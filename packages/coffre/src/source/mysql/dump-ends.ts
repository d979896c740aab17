/** How a dump begins and ends. Pure. */

const heads = [
  /^\/\*M?!999999\\- enable the sandbox mode \*\/ ?\r?\n-- (?:MariaDB|MySQL) dump /,
  /^-- (?:MariaDB|MySQL) dump /,
];

export const headBytes = 128;
export const tailBytes = 64;

export function isHead(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, headBytes);
  return heads.some((head) => head.test(text));
}

/** The line that a dump program writes last, when everything went well. */
export function isTail(bytes: Buffer): boolean {
  return /\n-- Dump completed(?: on [\d :-]+)?\r?\n$/.test(
    bytes.toString('latin1', Math.max(0, bytes.byteLength - tailBytes)),
  );
}

/** Keeps the last bytes of what passes. */
export class Tail {
  #bytes: Buffer = Buffer.alloc(0);

  add(part: Uint8Array): void {
    const joined =
      part.byteLength >= tailBytes ? Buffer.from(part.slice(-tailBytes)) : Buffer.concat([this.#bytes, part]);
    this.#bytes = joined.subarray(-tailBytes);
  }

  get isComplete(): boolean {
    return isTail(this.#bytes);
  }
}
