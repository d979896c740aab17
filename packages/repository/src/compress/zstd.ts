/** Zstandard frames with content size and without checksum, as restic reads and writes them. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { CoffreError, messageOf } from '../errors.ts';

export type CompressionLevel = 'off' | 'fastest' | 'auto' | 'better' | 'max';

/**
 * Matched to the levels of the same name in restic. `auto` is 2: about half the time of 3, and what it stores was 0 to 2.2 %
 * more than restic's own `auto` (bench/RESULTS.md, stored MB).
 */
export const zstdLevels: Readonly<Record<Exclude<CompressionLevel, 'off'>, number>> = {
  fastest: 1,
  auto: 2,
  better: 6,
  max: 12,
};

const outputSlackBytes = 1024;
/** What a damaged size can make us set aside; larger output grows in steps of this. */
const outputStepBytes = 16 * 1024 * 1024;

/** A header entry of a compressed blob is this much longer. */
const entryGrowthBytes = 4;

/** One frame that holds all of `plain`. */
export function compressFrame(plain: Uint8Array, level: Exclude<CompressionLevel, 'off'>): Buffer {
  return zstdCompressSync(plain, {
    chunkSize: plain.length + (plain.length >>> 7) + outputSlackBytes,
    params: { [constants.ZSTD_c_compressionLevel]: zstdLevels[level] },
  });
}

/** Undefined when storing the blob as it is takes no more room. */
export function compressBlob(plain: Uint8Array, level: CompressionLevel): Buffer | undefined {
  if (level === 'off' || plain.length === 0) return undefined;
  const packed = compressFrame(plain, level);
  return packed.length + entryGrowthBytes < plain.length ? packed : undefined;
}

/** @throws {CoffreError} REPO_BLOB_DAMAGED when it is not a frame of exactly `sizeBytes` */
export function decompressBlob(packed: Uint8Array, sizeBytes: number): Buffer {
  const plain = inflate(packed, sizeBytes, 'REPO_BLOB_DAMAGED', sizeBytes);
  if (plain.length !== sizeBytes) {
    throw new CoffreError('REPO_BLOB_DAMAGED', `a compressed blob holds ${plain.length} bytes and not ${sizeBytes}`);
  }
  return plain;
}

/** For files that do not say how large they become.
 *  @throws {CoffreError} REPO_FILE_DAMAGED when it is no frame or would give more than `sizeBytesMax` */
export function decompressBounded(packed: Uint8Array, sizeBytesMax: number): Buffer {
  return inflate(
    packed,
    sizeBytesMax,
    'REPO_FILE_DAMAGED',
    Math.min(sizeBytesMax, Math.max(4 * packed.length, 64 * 1024)),
  );
}

/** `expectedBytes` sizes the first output buffer. */
function inflate(
  packed: Uint8Array,
  sizeBytesMax: number,
  code: 'REPO_BLOB_DAMAGED' | 'REPO_FILE_DAMAGED',
  expectedBytes: number,
): Buffer {
  try {
    return zstdDecompressSync(packed, {
      maxOutputLength: Math.max(sizeBytesMax, 1),
      // a buffer that is filled to the last byte makes zlib ask for another one
      chunkSize: Math.min(expectedBytes, outputStepBytes) + 64,
    });
  } catch (error) {
    throw new CoffreError(code, `compressed data cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
