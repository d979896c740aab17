/** Everything that can be wrong with the bytes of one pack, compared with what the index says. */
import { decompressBlob } from '../compress/zstd.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { KnownDigests } from '../crypto/known-digests.ts';
import { release } from '../crypto/release.ts';
import { createSealer, sealOverheadBytes, type MasterKey, type Sealer } from '../crypto/seal.ts';
import type { LaneEngine } from '../crypto/sha256-lanes/lanes.ts';
import { messageOf } from '../errors.ts';
import { headerEntryBytes, headerLengthBytes, parseHeader, type HeaderEntry } from '../format/pack-header.ts';
import { shortId, type PackId } from '../ids.ts';
import { BlobOpener } from '../pack/blob-opener.ts';
import { asBuffer } from '../pack/sealed-places.ts';
import {
  expectedOf,
  headerOf,
  plainBytesOf,
  type ExpectedBlob,
  type ExpectedHeader,
  type PackPayload,
} from './check-payload.ts';
import { PackNames } from './pack-names.ts';

/** Fewer packs leave more lanes idle than hashing their names in them is worth. */
export const packsTogetherMin = 3;
/** In a thread that has lanes. More would not be faster. */
export const packsTogetherMax = 4;
/** Of blobs: the packs' own lanes make batches even. */
const batchBytes = 6 * 1024 * 1024;

/** For one thread, which checks many packs. */
export class PackChecker implements Disposable {
  readonly #sealer: Sealer;
  readonly #names: PackNames;
  readonly #opener: BlobOpener;

  constructor(key: MasterKey, lanes: LaneEngine | undefined) {
    this.#sealer = createSealer(key);
    this.#names = new PackNames(new KnownDigests(lanes));
    this.#opener = new BlobOpener(key, this.#names, { batchBytes });
  }

  /** One sentence for each problem of each pack. */
  check(packs: readonly PackPayload[]): string[][] {
    const sound = this.#names.inLanes && packs.length >= packsTogetherMin ? this.#together(packs) : undefined;
    return packs.map((pack, i) => {
      if (sound === undefined ? this.#isSound(pack) : sound[i] === true) return [];
      const problems = describe(this.#sealer, pack.packId, pack.bytes, expectedOf(pack));
      // Two ways to the same answer disagree: the memory, the processor or we are at fault.
      return problems.length > 0 ? problems : ['it was wrong at the first look and right at the second'];
    });
  }

  /** The quick way, for nearly all packs. */
  #isSound(pack: PackPayload): boolean {
    return sha256Hex(pack.bytes) === pack.packId && this.#holdsWhatIsExpected(pack);
  }

  #together(packs: readonly PackPayload[]): boolean[] {
    const blobBytes = packs.reduce((sum, pack) => sum + plainBytesOf(pack), 0);
    this.#names.begin(
      packs.map(({ bytes }) => bytes),
      blobBytes,
    );
    const sound = packs.map((pack) => this.#holdsWhatIsExpected(pack));
    const names = this.#names.end();
    return packs.map(({ packId }, i) => names[i] === packId && sound[i] === true);
  }

  #holdsWhatIsExpected(pack: PackPayload): boolean {
    const header = headerOf(pack);
    if (header === undefined || !this.#holdsHeader(asBuffer(pack.bytes), header)) return false;
    let isSound = true;
    this.#opener.openEach(pack.bytes, pack, (_, plain) => {
      if (plain === undefined) isSound = false;
    });
    return isSound;
  }

  #holdsHeader(bytes: Buffer, header: ExpectedHeader): boolean {
    const { start, plain } = header;
    const end = start + plain.byteLength + sealOverheadBytes;
    if (bytes.byteLength !== end + headerLengthBytes || bytes.readUInt32LE(end) !== end - start) return false;
    try {
      return this.#sealer.open(bytes.subarray(start, end)).equals(plain);
    } catch {
      return false;
    }
  }

  [Symbol.dispose](): void {
    this.#opener[Symbol.dispose]();
  }
}

/** `expected` is what the index says, ordered by offset. */
function describe(sealer: Sealer, id: PackId, given: Uint8Array, expected: readonly ExpectedBlob[]): string[] {
  if (expected.length === 0) return ['pack is empty or not indexed'];
  const bytes = asBuffer(given);
  const problems: string[] = [];
  if (hasGaps(expected)) problems.push('index for pack contains gaps / overlapping blobs');
  for (const blob of expected) {
    const problem = problemOf(sealer, bytes, blob);
    if (problem !== undefined) problems.push(`blob ${blob.id}: ${problem}`);
  }
  const actual = sha256Hex(bytes);
  // What a damaged file says about itself is not worth reading.
  if (actual !== id) return [...problems, `unexpected pack id ${actual}`];
  return [...problems, ...checkHeader(sealer, bytes, expected)];
}

function hasGaps(expected: readonly ExpectedBlob[]): boolean {
  let end = 0;
  for (const { offset, length } of expected) {
    if (offset !== end) return true;
    end = offset + length;
  }
  return false;
}

function problemOf(sealer: Sealer, bytes: Buffer, blob: ExpectedBlob): string | undefined {
  try {
    const plain = openAt(sealer, bytes, blob);
    const isRight = sha256Hex(plain) === blob.id;
    release(plain);
    return isRight ? undefined : 'its contents do not match its id';
  } catch (error) {
    return messageOf(error);
  }
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
