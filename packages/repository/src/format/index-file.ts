/**
 * An index file: which blobs lie in which packs, and where. Sealed JSON (compressed in version 2), then a line feed.
 *
 *   {"supersedes"?:[ID,…],"packs":[PACK,…],"packs_to_delete"?:[PACK,…]}\n
 *   PACK = {"id":ID,"blobs":[BLOB,…],"time"?:…,"size"?:…}          time, size and packs_to_delete are rustic's
 *   BLOB = {"id":ID,"type":"data"|"tree","offset":n,"length":n,"uncompressed_length"?:n}
 *
 * `length` is the sealed length. One pack may be split over several files, and a blob may lie in several packs.
 * `index-scan.ts` reads the same text without building objects; use that for millions of blobs.
 */
import { CoffreError, messageOf } from '../errors.ts';
import { isId, type AnyId, type BlobId, type IndexId, type PackId } from '../ids.ts';
import { byteStringOf } from './bytestring.ts';
import { jsonString } from './gojson.ts';
import type { HeaderEntry } from './pack-header.ts';
import { shown } from './shape.ts';

/** An entry of a pack header that knows where it lies. */
export type IndexedBlob = HeaderEntry & { offset: number };

export type IndexedPack = {
  id: PackId;
  blobs: readonly IndexedBlob[];
  /** rustic: when the pack was made or marked for deletion (RFC 3339) */
  time?: string;
  /** rustic: bytes, where they are not what the blobs add up to */
  size?: number;
};

export type IndexFile = {
  packs: IndexedPack[];
  /** Old files; neither restic nor we act on it. */
  supersedes?: IndexId[];
  /** rustic's first phase of deleting: still stored, no longer to be used for new snapshots. */
  packsToDelete?: IndexedPack[];
};

const u32Max = 2 ** 32 - 1;

function damaged(what: string): never {
  throw new CoffreError('REPO_FILE_DAMAGED', `an index file ${what}`);
}

type Members = Readonly<Record<string, unknown>>;

function membersOf(value: unknown, what: string): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : damaged(`has no valid ${what}`);
}

function listOf(value: unknown, what: string): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : damaged(`has no valid list of ${what}`);
}

function idOf<T extends AnyId>(value: unknown): T {
  return typeof value === 'string' && isId(value) ? (value as T) : damaged('holds a malformed id');
}

function u32(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= u32Max) return value;
  return damaged(`holds an invalid ${what}`);
}

function blobOf(value: unknown): IndexedBlob {
  const raw = membersOf(value, 'blob');
  const type = raw['type'];
  if (type !== 'data' && type !== 'tree') return damaged(`holds a blob of the unknown type ${shown(type)}`);
  const blob: IndexedBlob = {
    id: idOf<BlobId>(raw['id']),
    type,
    offset: u32(raw['offset'], 'offset'),
    length: u32(raw['length'], 'length'),
  };
  const size = raw['uncompressed_length'] ?? 0;
  if (size !== 0) blob.uncompressedLength = u32(size, 'uncompressed length');
  return blob;
}

function packOf(value: unknown): IndexedPack {
  const raw = membersOf(value, 'pack');
  const pack: IndexedPack = { id: idOf<PackId>(raw['id']), blobs: listOf(raw['blobs'] ?? [], 'blobs').map(blobOf) };
  if (typeof raw['time'] === 'string') pack.time = raw['time'];
  if (raw['size'] != null) pack.size = u32(raw['size'], 'pack size');
  return pack;
}

/** @throws {CoffreError} REPO_FILE_DAMAGED */
export function parseIndexFile(bytes: Uint8Array): IndexFile {
  const raw = membersOf(parsed(bytes), 'content');
  const index: IndexFile = { packs: listOf(raw['packs'] ?? [], 'packs').map(packOf) };
  if (raw['supersedes'] != null) index.supersedes = listOf(raw['supersedes'], 'ids').map((id) => idOf<IndexId>(id));
  if (raw['packs_to_delete'] != null) index.packsToDelete = listOf(raw['packs_to_delete'], 'packs').map(packOf);
  return index;
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(byteStringOf(bytes));
  } catch (error) {
    throw new CoffreError('REPO_FILE_DAMAGED', `an index file is not valid JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function blobText({ id, type, offset, length, uncompressedLength }: IndexedBlob): string {
  const size =
    uncompressedLength === undefined || uncompressedLength === 0 ? '' : `,"uncompressed_length":${uncompressedLength}`;
  return `{"id":"${id}","type":"${type}","offset":${offset},"length":${length}${size}}`;
}

/** The longest text of a blob, with a comma. */
const blobTextBytesMax =
  64 + '{"id":"","type":"data","offset":4294967295,"length":4294967295,"uncompressed_length":4294967295},'.length;
const packTextBytes = 256;
const blobsPerPiece = 256;

/** In pieces that are soon garbage: the text of a whole index as one string would be the peak of a small backup's memory. */
function* packTexts(packs: readonly IndexedPack[]): Generator<string> {
  for (const [i, { id, blobs, time, size }] of packs.entries()) {
    yield `${i === 0 ? '' : ','}{"id":"${id}","blobs":[`;
    for (let from = 0; from < blobs.length; from += blobsPerPiece) {
      const texts = blobs.slice(from, from + blobsPerPiece).map(blobText);
      yield `${from === 0 ? '' : ','}${texts.join(',')}`;
    }
    const timeText = time === undefined ? '' : `,"time":${jsonString(time)}`;
    yield `]${timeText}${size === undefined ? '' : `,"size":${size}`}}`;
  }
}

function* indexTexts({ packs, supersedes = [], packsToDelete = [] }: IndexFile): Generator<string> {
  yield supersedes.length === 0 ? '{"packs":[' : `{"supersedes":["${supersedes.join('","')}"],"packs":[`;
  yield* packTexts(packs);
  if (packsToDelete.length > 0) {
    yield '],"packs_to_delete":[';
    yield* packTexts(packsToDelete);
  }
  yield ']}\n';
}

export function encodeIndexFile(index: IndexFile): Buffer {
  const packs = [...index.packs, ...(index.packsToDelete ?? [])];
  const blobs = packs.reduce((sum, pack) => sum + pack.blobs.length, 0);
  let bytes = Buffer.allocUnsafeSlow(blobs * blobTextBytesMax + (packs.length + 1) * packTextBytes);
  let used = 0;
  for (const text of indexTexts(index)) {
    const needed = used + Buffer.byteLength(text);
    if (needed > bytes.byteLength) bytes = Buffer.concat([bytes.subarray(0, used)], 2 * needed);
    used += bytes.write(text, used);
  }
  return bytes.subarray(0, used);
}
