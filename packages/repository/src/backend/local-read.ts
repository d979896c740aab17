import { CoffreError } from '../errors.ts';
import { fileName } from './backend.ts';
import type { FileHandle, LoadOptions } from './backend.ts';
import type { LocalFile } from './local-files.ts';
import type { Gate } from './limits/throttle.ts';

/** The whole range, however few bytes the system gives at a time. @throws {CoffreError} BACKEND_SHORT_READ */
export async function readRange(open: LocalFile, file: FileHandle, options: LoadOptions, gate?: Gate): Promise<Buffer> {
  const { offset = 0, signal, into } = options;
  const length = options.length ?? (await open.sizeBytes()) - offset;
  if (length < 0) throw shortRead(file, 0, offset);
  // Not from the shared pool: the buffer belongs to the caller, who may hand it to a worker.
  const fits = into !== undefined && length <= into.byteLength;
  const bytes = fits ? Buffer.from(into, 0, length) : Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    signal?.throwIfAborted();
    const size = Math.min(length - filled, gate?.pieceBytes() ?? length);
    await gate?.take(size, signal);
    const count = await open.read(bytes, filled, size, offset + filled);
    if (count === 0) throw shortRead(file, filled, length);
    filled += count;
  }
  return bytes;
}

function shortRead(file: FileHandle, got: number, wanted: number): CoffreError {
  return new CoffreError('BACKEND_SHORT_READ', `${fileName(file)} ended after ${got} of ${wanted} bytes`, {
    hint: 'Run `coffre check`: the file may be truncated.',
  });
}
