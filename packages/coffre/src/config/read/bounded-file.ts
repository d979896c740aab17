/** Files that people name may be anything, also a device without an end: never more is read than is asked for. */
import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';

/** The whole file, or its first `sizeMax + 1` bytes, which tell that it is too large. */
export function readAtMost(path: string, sizeMax: number): Uint8Array {
  const handle = openSync(path, 'r');
  try {
    const parts: Uint8Array[] = [];
    for (let left = sizeMax + 1; left > 0;) {
      const part = Buffer.allocUnsafe(Math.min(left, pieceBytes));
      const length = readSync(handle, part);
      if (length === 0) break;
      parts.push(part.subarray(0, length));
      left -= length;
    }
    return Buffer.concat(parts);
  } finally {
    closeSync(handle);
  }
}

/** The same, while others go on. */
export async function loadAtMost(path: string, sizeMax: number): Promise<Uint8Array> {
  await using handle = await open(path, 'r');
  const parts: Uint8Array[] = [];
  for (let left = sizeMax + 1; left > 0;) {
    const part = Buffer.allocUnsafe(Math.min(left, pieceBytes));
    const { bytesRead } = await handle.read(part);
    if (bytesRead === 0) break;
    parts.push(part.subarray(0, bytesRead));
    left -= bytesRead;
  }
  return Buffer.concat(parts);
}

const pieceBytes = 64 * 1024;
