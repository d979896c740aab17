import type { Gate } from './throttle.ts';

/** The parts one after the other, in pieces that were let through: the body of an upload at an even pace. */
export async function* inPieces(
  parts: readonly Uint8Array[],
  gate: Gate,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    for (let at = 0; at < part.byteLength;) {
      const piece = part.subarray(at, at + gate.pieceBytes());
      await gate.take(piece.byteLength, signal);
      yield piece;
      at += piece.byteLength;
    }
  }
}
