/** Files that people name may be anything, also a device without an end: never more is read than is asked for. */
import { closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * The whole file, or its first `sizeMax + 1` bytes, which tell that it is too large. A pipe that a shell handed over is
 * read for as long as `patienceMs`; one by a name of its own, to which nobody may ever write, is no file.
 *
 * @throws errors with the code EFIFO or ETIMEDOUT, and those of the system
 */
export function readAtMost(path: string, sizeMax: number, patienceMs = 30_000): Uint8Array {
  const kind = statSync(path);
  if (kind.isFIFO() && !handedOver.test(path)) throw failure('EFIFO', `${path} is a FIFO`);
  const isPlain = kind.isFile() || kind.isDirectory();
  const handle = openSync(path, isPlain ? constants.O_RDONLY : constants.O_RDONLY | constants.O_NONBLOCK);
  const untilMs = performance.now() + patienceMs;
  try {
    const parts: Uint8Array[] = [];
    for (let left = sizeMax + 1; left > 0;) {
      const part = Buffer.allocUnsafe(Math.min(left, pieceBytes));
      const length = isPlain ? readSync(handle, part) : readPatiently(handle, part, untilMs);
      if (length === 0) break;
      parts.push(part.subarray(0, length));
      left -= length;
    }
    return Buffer.concat(parts);
  } finally {
    closeSync(handle);
  }
}

/** `<(…)` of a shell, and what stands before a `|`. */
const handedOver = /^\/(dev\/(stdin$|fd\/)|proc\/(self|\d+)\/fd\/)/;
const lookMs = 20;

function readPatiently(handle: number, part: Uint8Array, untilMs: number): number {
  for (;;) {
    try {
      return readSync(handle, part);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
    if (performance.now() > untilMs) throw failure('ETIMEDOUT', 'nothing came for too long');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lookMs);
  }
}

function failure(code: 'EFIFO' | 'ETIMEDOUT', message: string): Error {
  return Object.assign(new Error(message), { code });
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
