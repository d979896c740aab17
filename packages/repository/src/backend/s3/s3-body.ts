/** Bodies of uploads: parts as they are, in a stream, without one big copy. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { sizeOf } from '../counting.ts';
import { inPieces } from '../limits/pieces.ts';
import type { Gate } from '../limits/throttle.ts';
import type { Watched } from './stuck-watch.ts';

/** Up to here one buffer is cheaper than a stream, and the SDK can send it again. */
const gatheredMaxBytes = 256 * 1024;
/** So much at a time goes to the socket: each piece taken is a sign of life. */
const pieceMaxBytes = 256 * 1024;
const smallPartBytes = 32 * 1024;

/** @param up bandwidth limit: what passes at once has passed when the body is there, the rest passes as it is read */
export async function bodyOf(
  parts: readonly Uint8Array[],
  { progress, signal }: Watched,
  up?: Gate,
): Promise<Buffer | Readable> {
  const sizeBytes = sizeOf(parts);
  const gathered = sizeBytes <= Math.min(gatheredMaxBytes, up?.pieceBytes() ?? gatheredMaxBytes);
  if (gathered) {
    await up?.take(sizeBytes, signal);
    return Buffer.concat(parts);
  }
  const body = up === undefined ? pieces(parts, progress) : paced(parts, up, { progress, signal });
  const stream = Readable.from(body, { objectMode: false, highWaterMark: pieceMaxBytes });
  // It breaks off only when the signal does, which the request hears too; nobody else listens to the stream.
  return stream.on('error', () => undefined);
}

async function* paced(
  parts: readonly Uint8Array[],
  up: Gate,
  { progress, signal }: Watched,
): AsyncGenerator<Uint8Array> {
  for await (const piece of inPieces([...pieces(parts, progress)], up, signal)) {
    progress();
    yield piece;
  }
}

/** Large parts in views; small ones gathered, because every piece is a write to the socket. */
function* pieces(parts: readonly Uint8Array[], progress: () => void): Generator<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  for (const part of parts) {
    const small = part.byteLength < smallPartBytes;
    if (gatheredBytes > 0 && (!small || gatheredBytes + part.byteLength > pieceMaxBytes)) {
      progress();
      yield Buffer.concat(gathered);
      [gathered, gatheredBytes] = [[], 0];
    }
    if (small) {
      gathered.push(part);
      gatheredBytes += part.byteLength;
      continue;
    }
    for (let start = 0; start < part.byteLength; start += pieceMaxBytes) {
      progress();
      yield part.subarray(start, start + pieceMaxBytes);
    }
  }
  if (gatheredBytes > 0) yield Buffer.concat(gathered);
}

/** The bytes from `start` to `end` of what the parts make together, as views. */
export function sliceParts(parts: readonly Uint8Array[], start: number, end: number): Uint8Array[] {
  const slices: Uint8Array[] = [];
  let offset = 0;
  for (const part of parts) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, part.byteLength);
    if (from < to) slices.push(part.subarray(from, to));
    offset += part.byteLength;
  }
  return slices;
}

export function sha256Of(parts: readonly Uint8Array[]): string {
  return digest('sha256', parts).toString('hex');
}

export function md5Base64Of(parts: readonly Uint8Array[]): string {
  return digest('md5', parts).toString('base64');
}

function digest(algorithm: string, parts: readonly Uint8Array[]): Buffer {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}
