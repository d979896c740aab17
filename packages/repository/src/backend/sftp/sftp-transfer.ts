import { CoffreError } from '../../errors.ts';
import { inParallel } from '../../parallel.ts';
import { fileName } from '../backend.ts';
import type { FileHandle, LoadOptions } from '../backend.ts';
import { inPieces } from '../limits/pieces.ts';
import type { Gate } from '../limits/throttle.ts';
import { readAt, statHandle, writeAt } from './sftp-calls.ts';
import type { SftpSession } from './sftp-session.ts';

/** Bytes of one file on their way at once: the window of an SSH channel. */
const bytesAtOnce = 2 * 1024 * 1024;

type Piece = { readonly offset: number; readonly length: number };

type WriteOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Bandwidth limit. */
  readonly gate?: Gate | undefined;
};

/** Writes the parts one after the other from the start of the file. */
export async function writeParts(
  session: SftpSession,
  handle: Buffer,
  parts: readonly Uint8Array[],
  { signal, gate }: WriteOptions,
): Promise<void> {
  if (gate !== undefined) {
    const pace = atMost(gate, session.pieceBytes.write);
    return overlapping(
      placed(inPieces(parts, pace, signal)),
      atOnce(session.pieceBytes.write),
      async ({ offset, piece }) => writeAt(session, handle, offset, piece.byteLength, (into) => into.set(piece)),
    );
  }
  const sizeBytes = bytesOf(parts);
  const cursor = createCursor(parts);
  await inParallel(
    piecesOf(sizeBytes, () => session.pieceBytes.write),
    atOnce(session.pieceBytes.write),
    async ({ offset, length }) => {
      signal?.throwIfAborted();
      await writeAt(session, handle, offset, length, cursor);
    },
  );
}

export function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}

/** The whole range of an open file, however few bytes the server gives at a time. @throws {CoffreError} BACKEND_SHORT_READ */
export async function readRange(
  session: SftpSession,
  handle: Buffer,
  file: FileHandle,
  options: LoadOptions,
  gate?: Gate,
): Promise<Buffer> {
  const { offset = 0, signal } = options;
  const length = options.length ?? (await sizeOf(session, handle)) - offset;
  if (length < 0) throw shortRead(file, 0, offset);
  // Not from the shared pool: the buffer belongs to the caller, who may hand it to a worker.
  const bytes = Buffer.allocUnsafeSlow(length);
  const readPiece = async (piece: Piece): Promise<void> => {
    let filled = 0;
    while (filled < piece.length) {
      signal?.throwIfAborted();
      const at = piece.offset + filled;
      const got = await readAt(session, handle, offset + at, piece.length - filled);
      if (got === undefined) throw shortRead(file, at, length);
      bytes.set(got, at);
      filled += got.byteLength;
    }
  };
  const { read: pieceBytes } = session.pieceBytes;
  if (gate === undefined)
    await inParallel(
      piecesOf(length, () => pieceBytes),
      atOnce(pieceBytes),
      readPiece,
    );
  else await overlapping(admitted(length, atMost(gate, pieceBytes), signal), atOnce(pieceBytes), readPiece);
  return bytes;
}

async function sizeOf(session: SftpSession, handle: Buffer): Promise<number> {
  const { sizeBytes } = await statHandle(session, handle);
  if (sizeBytes === undefined) throw new CoffreError('BACKEND_IO', 'the server does not tell the size of a file');
  return sizeBytes;
}

function shortRead(file: FileHandle, got: number, wanted: number): CoffreError {
  return new CoffreError('BACKEND_SHORT_READ', `${fileName(file)} ended after ${got} of ${wanted} bytes`, {
    hint: 'Run `coffre check`: the file may be truncated.',
  });
}

function* piecesOf(sizeBytes: number, pieceBytes: () => number): Generator<Piece> {
  for (let offset = 0; offset < sizeBytes;) {
    const length = Math.min(pieceBytes(), sizeBytes - offset);
    yield { offset, length };
    offset += length;
  }
}

function atMost(gate: Gate, pieceBytes: number): Gate {
  return { ...gate, pieceBytes: () => Math.min(gate.pieceBytes(), pieceBytes) };
}

async function* admitted(sizeBytes: number, gate: Gate, signal?: AbortSignal): AsyncGenerator<Piece> {
  for (const piece of piecesOf(sizeBytes, () => gate.pieceBytes())) {
    await gate.take(piece.length, signal);
    yield piece;
  }
}

async function* placed(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<{ offset: number; piece: Uint8Array }> {
  let offset = 0;
  for await (const piece of pieces) {
    yield { offset, piece };
    offset += piece.byteLength;
  }
}

/** One after the other is let through, and none waits for the answer to the one before; after an error none begins. */
async function overlapping<T>(
  items: AsyncGenerator<T>,
  itemsAtOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const lane = async (): Promise<void> => {
    for await (const item of items) await work(item);
  };
  await Promise.all(Array.from({ length: itemsAtOnce }, lane));
}

function atOnce(pieceBytes: number): number {
  return Math.max(1, Math.floor(bytesAtOnce / pieceBytes));
}

/** Fills buffers with the bytes of the parts, in order. */
function createCursor(parts: readonly Uint8Array[]): (into: Buffer) => void {
  let index = 0;
  let within = 0;
  return (into) => {
    let filled = 0;
    while (filled < into.byteLength) {
      const part = parts[index];
      if (part === undefined) throw new RangeError('there are fewer bytes than were counted');
      const taken = part.subarray(within, within + into.byteLength - filled);
      into.set(taken, filled);
      filled += taken.byteLength;
      within += taken.byteLength;
      if (within < part.byteLength) continue;
      index += 1;
      within = 0;
    }
  };
}
