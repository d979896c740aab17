/**
 * The end of a pack: what lies in it, in the order in which it lies.
 *
 *   blob ‖ blob ‖ … ‖ sealed(header) ‖ u32 length of the sealed header
 *   header = entries without gaps; numbers are little-endian
 *
 *   offset  size  entry of a plain blob     offset  size  entry of a compressed blob
 *   0       1     0 data, 1 tree            0       1     2 data, 3 tree
 *   1       4     sealed length             1       4     sealed length
 *   5       32    id                        5       4     length before compression
 *                                           9       32    id
 */
import { assert, CoffreError } from '../errors.ts';
import { idFromBytes, type BlobId } from '../ids.ts';
import { sealOverheadBytes } from '../crypto/seal.ts';

export type BlobType = 'data' | 'tree';

export type HeaderEntry = {
  type: BlobType;
  id: BlobId;
  /** sealed, so 32 more than what was sealed */
  length: number;
  /** only when compressed */
  uncompressedLength?: number;
};

const plainEntryBytes = 37;
const compressedEntryBytes = 41;

/** The u32 behind the sealed header. */
export const headerLengthBytes = 4;
/** Of the sealed header; restic refuses longer ones. */
export const headerBytesMax: number = 16 * 1024 * 1024;

/** Of one blob in a header. */
export function headerEntryBytes(compressed: boolean): number {
  return compressed ? compressedEntryBytes : plainEntryBytes;
}

/** How long the pack is that holds exactly these blobs. */
export function packSizeOf(entries: Iterable<HeaderEntry>): number {
  let size = sealOverheadBytes + headerLengthBytes;
  for (const entry of entries) size += entry.length + headerEntryBytes(entry.uncompressedLength !== undefined);
  return size;
}

export function encodeHeader(entries: readonly HeaderEntry[]): Buffer {
  const size = entries.reduce((sum, entry) => sum + headerEntryBytes(entry.uncompressedLength !== undefined), 0);
  assert(size + sealOverheadBytes <= headerBytesMax, 'a pack header grew beyond 16 MiB');
  const out = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { type, id, length, uncompressedLength } of entries) {
    at = writeEntry(out, at, { isTree: type === 'tree', length, uncompressedLength });
    at += out.write(id, at, 'hex');
  }
  assert(at === size, 'a pack header holds an id that is not 32 bytes');
  return out;
}

type EntryNumbers = { isTree: boolean; length: number; uncompressedLength: number | undefined };

/** An entry up to its id. @returns where the id goes */
export function writeEntry(out: Buffer, at: number, { isTree, length, uncompressedLength }: EntryNumbers): number {
  const isCompressed = uncompressedLength !== undefined;
  out[at] = (isTree ? 1 : 0) + (isCompressed ? 2 : 0);
  const next = out.writeUInt32LE(length, at + 1);
  return isCompressed ? out.writeUInt32LE(uncompressedLength, next) : next;
}

/** @throws {CoffreError} REPO_PACK_DAMAGED */
export function parseHeader(plain: Uint8Array): HeaderEntry[] {
  const header = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
  const entries: HeaderEntry[] = [];
  for (let at = 0; at < header.length;) {
    const kind = header[at] ?? 0;
    const isCompressed = kind >= 2;
    const size = headerEntryBytes(isCompressed);
    if (kind > 3 || at + size > header.length) {
      throw new CoffreError('REPO_PACK_DAMAGED', `the header of a pack is damaged at byte ${at}`);
    }
    const length = header.readUInt32LE(at + 1);
    if (length < sealOverheadBytes) {
      throw new CoffreError('REPO_PACK_DAMAGED', `the header of a pack names a blob of only ${length} bytes`);
    }
    const id = idFromBytes<BlobId>(header.subarray(at + size - 32, at + size));
    const type = kind % 2 === 1 ? 'tree' : 'data';
    entries.push(
      isCompressed ? { type, id, length, uncompressedLength: header.readUInt32LE(at + 5) } : { type, id, length },
    );
    at += size;
  }
  return entries;
}
