/**
 * A few bytes that are others whenever a database was written, read without opening it. What they are taken from:
 *
 *   the file      offset 24: 4 bytes that count its changes (not in WAL mode); its size and the time it was written, which
 *                 is all that tells of a program that opens it, writes, and leaves no log behind
 *   `-wal`        offset 16: 8 bytes of salt, new with every round; its size and the time it was written
 *   `-shm`        offset 0: 48 bytes, in which a counter and the last frame of the log change with every transaction
 *
 * An empty log says nothing, and neither does the memory that belongs to it: readers make both.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export type ChangeMark = string;

const headerBytes = 100;
const logHeaderBytes = 32;
const sharedHeaderBytes = 48;

/** Undefined when there is no database. */
export function changeMarkOf(path: string): { readonly mark: ChangeMark; readonly sizeBytes: number } | undefined {
  const main = startOf(path, headerBytes);
  if (main === undefined || main.bytes.length < headerBytes) return undefined;
  const counted = `${main.bytes.subarray(24, 28).toString('hex')} ${main.sizeBytes} ${main.writtenNs}`;
  const log = startOf(`${path}-wal`, logHeaderBytes);
  if (log === undefined || log.sizeBytes === 0) return { mark: counted, sizeBytes: main.sizeBytes };
  const shared = startOf(`${path}-shm`, sharedHeaderBytes);
  const salt = log.bytes.subarray(16, 24).toString('hex');
  return {
    mark: `${counted} ${salt} ${log.sizeBytes} ${log.writtenNs} ${shared?.bytes.toString('hex') ?? ''}`,
    sizeBytes: main.sizeBytes + log.sizeBytes,
  };
}

function startOf(
  path: string,
  count: number,
): { readonly bytes: Buffer; readonly sizeBytes: number; readonly writtenNs: bigint } | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const { size, mtimeNs } = fstatSync(file, { bigint: true });
    const bytes = Buffer.alloc(count);
    return {
      bytes: bytes.subarray(0, readSync(file, bytes, 0, count, 0)),
      sizeBytes: Number(size),
      writtenNs: mtimeNs,
    };
  } finally {
    closeSync(file);
  }
}
