import { sealOverheadBytes, type Sealer } from '../crypto/seal.ts';
import { sha256 } from '../crypto/hash.ts';
import { decompressBlob } from '../compress/zstd.ts';
import { parseHeader, type HeaderEntry } from '../format/pack-header.ts';
import { CoffreError, isCoffreError } from '../errors.ts';
import { shortId, type BlobId, type PackId } from '../ids.ts';
import type { Backend } from '../backend/backend.ts';

/** One header is at most 16 MiB: more is not ours to believe. */
const headerBytesMax = 16 * 1024 * 1024;
/** Most headers are shorter than this, so one read is enough. */
const eagerTailBytes = 15 * 41 + sealOverheadBytes + 4;

export type PackEntry = HeaderEntry & { readonly offset: number };

/** Entries of one pack, in file order, from its own header. @throws {CoffreError} REPO_PACK_DAMAGED */
export async function readPackHeader(
  backend: Backend,
  sealer: Sealer,
  id: PackId,
  sizeBytes: number,
): Promise<PackEntry[]> {
  const damaged = (why: string, cause?: unknown): CoffreError =>
    new CoffreError('REPO_PACK_DAMAGED', `pack ${shortId(id)}: ${why}`, {
      hint: 'Run `coffre check --read-data`; a copy of the repository may still hold this pack.',
      cause,
    });
  const tailBytes = Math.min(sizeBytes, eagerTailBytes);
  if (sizeBytes < sealOverheadBytes + 4) throw damaged('the file is too short to be a pack');
  const file = { kind: 'data', name: id } as const;
  let tail = await backend.load(file, { offset: sizeBytes - tailBytes, length: tailBytes });
  const sealedLength = tail.readUInt32LE(tail.byteLength - 4);
  if (sealedLength < sealOverheadBytes || sealedLength + 4 > sizeBytes || sealedLength > headerBytesMax) {
    throw damaged('the header length is impossible');
  }
  if (sealedLength + 4 > tail.byteLength) {
    tail = await backend.load(file, { offset: sizeBytes - sealedLength - 4, length: sealedLength + 4 });
  }
  const end = tail.byteLength - 4;
  try {
    return withOffsets(
      parseHeader(sealer.open(tail.subarray(end - sealedLength, end))),
      sizeBytes - sealedLength - 4,
      damaged,
    );
  } catch (error) {
    if (isCoffreError(error, 'REPO_PACK_DAMAGED')) throw error;
    throw damaged('the header cannot be opened', error);
  }
}

function withOffsets(entries: readonly HeaderEntry[], bodyBytes: number, damaged: (why: string) => CoffreError) {
  let offset = 0;
  const placed = entries.map((entry) => {
    const at = { ...entry, offset };
    offset += entry.length;
    return at;
  });
  if (offset !== bodyBytes) throw damaged('the blobs do not fill the file up to the header');
  return placed;
}

export type SealedBlob = {
  readonly id: BlobId;
  /** 0 or absent: stored raw. */
  readonly uncompressedLength?: number;
};

/** Opens, decompresses and checks one blob. @throws {CoffreError} REPO_BLOB_DAMAGED */
export function openBlob(sealer: Sealer, blob: SealedBlob, sealed: Uint8Array): Buffer {
  let plain: Buffer;
  try {
    const body = sealer.open(sealed);
    plain = blob.uncompressedLength ? decompressBlob(body, blob.uncompressedLength) : body;
  } catch (error) {
    throw new CoffreError('REPO_BLOB_DAMAGED', `blob ${shortId(blob.id)} cannot be opened`, { cause: error });
  }
  if (sha256(plain).toString('hex') !== blob.id) {
    throw new CoffreError('REPO_BLOB_DAMAGED', `blob ${shortId(blob.id)} does not match its id`);
  }
  return plain;
}
