/**
 * The plaintext of index, snapshot and lock files.
 *
 *   repository version 1   JSON
 *   repository version 2   02 ‖ zstd frame; or plain JSON, known by its first byte `{` or `[`
 */
import { compressFrame, decompressBounded } from '../compress/zstd.ts';
import { CoffreError } from '../errors.ts';

const compressedMark = 0x02;
const brace = 0x7b;
const bracket = 0x5b;

export function encodeUnpacked(version: 1 | 2, json: Buffer): Buffer {
  return version === 1 ? json : Buffer.concat([Buffer.of(compressedMark), compressFrame(json, 'auto')]);
}

/** @param sizeBytesMax what may come out at most; the frames declare no size
 *  @throws {CoffreError} REPO_FILE_DAMAGED */
export function decodeUnpacked(version: 1 | 2, plain: Uint8Array, sizeBytesMax: number): Buffer {
  const first = plain[0];
  if (version === 2 && first === compressedMark) return decompressBounded(plain.subarray(1), sizeBytesMax);
  if (version === 2 && first !== brace && first !== bracket) {
    throw new CoffreError('REPO_FILE_DAMAGED', `a file begins with the unknown mark ${first ?? 'nothing'}`);
  }
  if (plain.length > sizeBytesMax) {
    throw new CoffreError(
      'REPO_FILE_DAMAGED',
      `a file of ${plain.length} bytes is larger than the ${sizeBytesMax} allowed`,
    );
  }
  return Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength);
}
