/** Bytes that are the same on every machine: everything is drawn from a seed. */
import { createCipheriv, createHash } from 'node:crypto';

/** Incompressible bytes, several hundred MB a second. */
export class ByteStream {
  readonly #cipher;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  }

  take(size: number): Buffer {
    return this.#cipher.update(Buffer.alloc(size));
  }
}

/** Uniform numbers in [0, 1). */
export type Draw = () => number;

export function drawFrom(seed: string): Draw {
  const stream = new ByteStream(seed);
  let pool = stream.take(4096);
  let used = 0;
  return () => {
    if (used === pool.length) {
      pool = stream.take(4096);
      used = 0;
    }
    used += 4;
    return pool.readUInt32LE(used - 4) / 2 ** 32;
  };
}

/** Text that compresses about as source code does, to be cut into pieces. */
export function wordPool(seed: string, size: number): Buffer {
  const draw = drawFrom(seed);
  const letters = 'etaoinshrdlucmfwypvbgkjqxz';
  const letter = (): string => letters[Math.floor(draw() ** 2 * letters.length)] as string;
  const words = Array.from({ length: 3000 }, () => Array.from({ length: 2 + Math.floor(draw() * 9) }, letter).join(''));
  const parts: string[] = [];
  for (let length = 0; length < size;) {
    const word = words[Math.floor(draw() ** 2 * words.length)] as string;
    const end = draw() < 0.1 ? '\n' : draw() < 0.1 ? `(${Math.floor(draw() * 1000)}) ` : ' ';
    parts.push(word, end);
    length += word.length + end.length;
  }
  return Buffer.from(parts.join('').slice(0, size), 'latin1');
}

/** Sizes of ordinary files: many small, few large. */
export function fileSize(draw: Draw, meanLog: number, spreadLog: number, maxBytes: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  return Math.min(maxBytes, Math.floor(Math.exp(meanLog + spreadLog * normal)));
}
