/** Everything that can be wrong with the bytes of one pack, compared with what the index says. */
import { decompressBlob } from '../compress/zstd.ts';
import type { ChunkDigests } from '../crypto/chunk-digests.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { release } from '../crypto/release.ts';
import { sealOverheadBytes, type Sealer } from '../crypto/seal.ts';
import { messageOf } from '../errors.ts';
import { headerEntryBytes, headerLengthBytes, parseHeader, type HeaderEntry } from '../format/pack-header.ts';
import { shortId, type BlobId, type PackId } from '../ids.ts';

export type ExpectedBlob = HeaderEntry & { readonly offset: number };

export type PackTools = { readonly sealer: Sealer; readonly digests: ChunkDigests };

/** Plaintext held at a time: lanes need many blobs at once, of which some are large, to be evenly filled. */
const batchBytes = 24 * 1024 * 1024;

/** One sentence for each problem. `expected` is what the index says, ordered by offset. */
export function checkPackBytes(
  tools: PackTools,
  pack: { readonly id: PackId; readonly bytes: Buffer },
  expected: readonly ExpectedBlob[],
): string[] {
  if (expected.length === 0) return ['pack is empty or not indexed'];
  const problems: string[] = [];
  if (hasGaps(expected)) problems.push('index for pack contains gaps / overlapping blobs');
  problems.push(...checkBlobs(tools, pack.bytes, expected));
  const actual = sha256Hex(pack.bytes);
  // What a damaged file says about itself is not worth reading.
  if (actual !== pack.id) return [...problems, `unexpected pack id ${actual}`];
  return [...problems, ...checkHeader(tools.sealer, pack.bytes, expected)];
}

function hasGaps(expected: readonly ExpectedBlob[]): boolean {
  let end = 0;
  for (const { offset, length } of expected) {
    if (offset !== end) return true;
    end = offset + length;
  }
  return false;
}

function checkBlobs({ sealer, digests }: PackTools, bytes: Buffer, expected: readonly ExpectedBlob[]): string[] {
  const problems: string[] = [];
  let plains: Buffer[] = [];
  let ids: BlobId[] = [];
  let held = 0;
  const compare = (): void => {
    for (const [index, digest] of digests.of(plains).entries()) {
      const id = ids[index] as BlobId;
      if (digest.toString('hex') !== id) problems.push(`blob ${id}: its contents do not match its id`);
    }
    for (const plain of plains) release(plain);
    plains = [];
    ids = [];
    held = 0;
  };
  for (const blob of expected) {
    try {
      const plain = openAt(sealer, bytes, blob);
      plains.push(plain);
      ids.push(blob.id);
      held += plain.byteLength;
    } catch (error) {
      problems.push(`blob ${blob.id}: ${messageOf(error)}`);
    }
    if (held >= batchBytes) compare();
  }
  compare();
  return problems;
}

function openAt(sealer: Sealer, bytes: Buffer, { offset, length, uncompressedLength }: ExpectedBlob): Buffer {
  if (offset + length > bytes.byteLength) throw new RangeError('it lies beyond the end of the file');
  const body = sealer.open(bytes.subarray(offset, offset + length));
  if (uncompressedLength === undefined) return body;
  const plain = decompressBlob(body, uncompressedLength);
  release(body);
  return plain;
}

function checkHeader(sealer: Sealer, bytes: Buffer, expected: readonly ExpectedBlob[]): string[] {
  let entries: HeaderEntry[];
  let sealedLength: number;
  try {
    sealedLength = bytes.readUInt32LE(bytes.byteLength - headerLengthBytes);
    const end = bytes.byteLength - headerLengthBytes;
    entries = parseHeader(sealer.open(bytes.subarray(Math.max(0, end - sealedLength), end)));
  } catch (error) {
    return [`the header cannot be read: ${messageOf(error)}`];
  }
  const problems: string[] = [];
  const wanted = expected.reduce((sum, entry) => sum + headerEntryBytes(entry.uncompressedLength !== undefined), 0);
  if (sealedLength !== wanted + sealOverheadBytes) {
    problems.push(`pack header size does not match, want ${wanted + sealOverheadBytes}, got ${sealedLength}`);
  }
  const byOffset = new Map(expected.map((blob) => [blob.offset, blob]));
  let offset = 0;
  for (const entry of entries) {
    if (!isSameEntry(entry, byOffset.get(offset))) {
      problems.push(`blob ${shortId(entry.id)} is not contained in index or position is incorrect`);
    }
    offset += entry.length;
  }
  return problems;
}

function isSameEntry(entry: HeaderEntry, indexed: ExpectedBlob | undefined): boolean {
  return (
    indexed !== undefined &&
    entry.id === indexed.id &&
    entry.type === indexed.type &&
    entry.length === indexed.length &&
    entry.uncompressedLength === indexed.uncompressedLength
  );
}
