/**
 * Reads a git bundle as it passes by: its references, and whether it is whole.
 *
 *   "# v2 git bundle\n" or "# v3 git bundle\n"
 *   @<capability>\n                 only in v3: object-format=sha256
 *   -<id> <text>\n                  what must be there already; a bundle of everything has none
 *   <id> <reference>\n              names are bytes
 *   \n
 *   a pack: "PACK", version and number of objects in 4 bytes each, big-endian, the objects, a hash of all before
 *
 * Pure.
 */
import { createHash, type Hash } from 'node:crypto';
import { CoffreError } from '@coffre/repository';

export type BundleContent = {
  /** Name, as Latin-1 so that every byte is kept, and id; HEAD among them. */
  readonly references: ReadonlyMap<string, string>;
  readonly objects: number;
  readonly objectFormat: 'sha1' | 'sha256';
};

const headBytesMax = 256 * 1024 * 1024;
const packHeadBytes = 12;

export class BundleScan {
  #head: Buffer[] = [];
  #headBytes = 0;
  #references: Map<string, string> | undefined;
  #objectFormat: 'sha1' | 'sha256' = 'sha1';
  #hash: Hash | undefined;
  #objects = 0;
  #packBytes = 0;
  /** May be the hash at the end; not yet in our own. */
  #tail = Buffer.alloc(0);

  /** @throws {CoffreError} SOURCE_INVALID as soon as it cannot be a bundle */
  push(bytes: Uint8Array): void {
    if (this.#references !== undefined) {
      this.#pack(bytes);
      return;
    }
    this.#head.push(Buffer.from(bytes));
    this.#headBytes += bytes.length;
    if (this.#headBytes > headBytesMax) throw invalid('has no end of its list of references');
    // Only where the end can be: lists of many references come in many parts.
    if (!Buffer.from(bytes).includes('\n') && this.#head.length > 1) return;
    const head = Buffer.concat(this.#head);
    this.#head = [head];
    const end = head.indexOf('\n\n');
    if (end < 0) return;
    this.#references = this.#parseHead(head.toString('latin1', 0, end));
    this.#hash = createHash(this.#objectFormat);
    this.#head = [];
    this.#pack(head.subarray(end + 2));
  }

  /** @throws {CoffreError} SOURCE_INVALID when it is not whole */
  end(): BundleContent {
    if (this.#references === undefined || this.#hash === undefined) throw invalid('ends too early');
    if (this.#packBytes < packHeadBytes + this.#tail.length || !this.#hash.copy().digest().equals(this.#tail)) {
      throw invalid('is cut off or damaged: its hash does not fit');
    }
    return { references: this.#references, objects: this.#objects, objectFormat: this.#objectFormat };
  }

  #parseHead(text: string): Map<string, string> {
    const [first = '', ...lines] = text.split('\n');
    if (!/^# v[23] git bundle$/.test(first)) throw invalid('does not begin as one');
    const references = new Map<string, string>();
    for (const line of lines) {
      if (line.startsWith('@')) {
        if (line === '@object-format=sha256') this.#objectFormat = 'sha256';
        continue;
      }
      if (line.startsWith('-')) throw invalid('needs commits that it does not hold');
      const [, id, name] = /^([0-9a-f]{40,64}) (.+)$/s.exec(line) ?? [];
      if (id === undefined || name === undefined) throw invalid('has a line in its list that is none');
      references.set(name, id);
    }
    return references;
  }

  #pack(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#tail, bytes]);
    this.#packBytes += bytes.length;
    const tailBytes = this.#objectFormat === 'sha1' ? 20 : 32;
    if (this.#objects === 0 && this.#packBytes >= packHeadBytes && all.length >= packHeadBytes) {
      if (all.toString('latin1', 0, 4) === 'PACK') this.#objects = all.readUInt32BE(8);
    }
    const summed = Math.max(0, all.length - tailBytes);
    this.#hash?.update(all.subarray(0, summed));
    this.#tail = Buffer.from(all.subarray(summed));
  }
}

function invalid(what: string): CoffreError {
  return new CoffreError('SOURCE_INVALID', `the bundle ${what}`);
}
