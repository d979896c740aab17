/**
 * A zip archive that is written from front to back: sizes and checksum of a file follow its content.
 *
 *   local header    50 4b 03 04 · version u16 · flags u16 · method u16 · DOS time u16, date u16 · checksum, packed size,
 *                   size u32 · name length, extra length u16 · name · extra
 *   data            deflated or stored
 *   descriptor      50 4b 07 08 · checksum u32 · packed size, size (u32; u64 where the local header has a zip64 field)
 *   central header  50 4b 01 02 · made by u16 · as the local header · comment length, disk, internal u16 · external u32
 *                   (st_mode in its upper half) · offset of the local header u32 · name · extra
 *   end             zip64 end and locator when a number is too large, then 50 4b 05 06 · counts, size and offset of the
 *                   central directory
 *
 * Extra fields: 0x5455 the time in seconds UTC, 0x0001 zip64 numbers.
 */
import { crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';
import { isUtf8 } from 'node:buffer';
import { bytesOf, type ByteString } from '../format/bytestring.ts';

export type ZipEntry = {
  /** Inside the archive; folders end in a slash. */
  readonly name: ByteString;
  readonly stMode: number;
  /** Seconds since 1970. */
  readonly modifiedSec: number;
  /** Of the content, as far as known beforehand. */
  readonly sizeBytes: number;
  readonly isPacked: boolean;
};

type Output = (bytes: Uint8Array) => Promise<void>;

const deflated = 8;
const stored = 0;
const sizesFollow = 1 << 3;
const nameIsUtf8 = 1 << 11;
const max32 = 0xffff_ffff;
const max16 = 0xffff;
const versionPlain = 20;
const versionZip64 = 45;
const madeOnUnix = 3 << 8;
/** Deflate may grow what it cannot pack, a little. */
const zip64FromBytes = 0xff00_0000;
const wholeBytesMax = 256 * 1024;

type Finished = {
  entry: ZipEntry;
  crc: number;
  packedBytes: number;
  sizeBytes: number;
  offset: number;
  isZip64: boolean;
};

export class ZipWriter {
  readonly #output: Output;
  readonly #central: Buffer[] = [];
  #offset = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.#offset += bytes.length;
    await this.#output(bytes);
  }

  async add(entry: ZipEntry, content: AsyncIterable<Buffer>): Promise<void> {
    const offset = this.#offset;
    const isZip64 = entry.sizeBytes >= zip64FromBytes;
    await this.#write(localHeader(entry, isZip64));
    const start = this.#offset;
    const sums = { crc: 0, sizeBytes: 0 };
    const counted = countBytes(content, sums);
    if (entry.isPacked) await this.#deflate(counted, entry.sizeBytes);
    else for await (const bytes of counted) await this.#write(bytes);
    const packedBytes = this.#offset - start;
    await this.#write(descriptor(sums, packedBytes, isZip64));
    this.#central.push(centralHeader({ entry, ...sums, packedBytes, offset, isZip64 }));
  }

  async #deflate(content: AsyncIterable<Buffer>, sizeBytes: number): Promise<void> {
    if (sizeBytes <= wholeBytesMax) {
      const whole: Buffer[] = [];
      for await (const bytes of content) whole.push(bytes);
      await this.#write(deflateRawSync(Buffer.concat(whole)));
      return;
    }
    const deflate = createDeflateRaw();
    const fed = feed(deflate, content);
    for await (const packed of deflate) await this.#write(packed as Buffer);
    await fed;
  }

  /** Writes the directory of the archive. */
  async end(): Promise<void> {
    const start = this.#offset;
    for (const header of this.#central) await this.#write(header);
    await this.#write(endRecords(this.#central.length, this.#offset - start, start));
  }
}

async function* countBytes(content: AsyncIterable<Buffer>, sums: { crc: number; sizeBytes: number }) {
  for await (const bytes of content) {
    sums.crc = crc32(bytes, sums.crc);
    sums.sizeBytes += bytes.length;
    yield bytes;
  }
}

/** The stream's own errors come out on its reading side. */
async function feed(deflate: ReturnType<typeof createDeflateRaw>, content: AsyncIterable<Buffer>): Promise<void> {
  try {
    for await (const bytes of content) {
      if (!deflate.write(bytes)) await new Promise((resolve) => deflate.once('drain', resolve));
    }
    deflate.end();
  } catch (error) {
    deflate.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function localHeader(entry: ZipEntry, isZip64: boolean): Buffer {
  const name = bytesOf(entry.name);
  // Sizes are not known yet, but their field must be there for the descriptor to be wide.
  const extra = Buffer.concat([timeField(entry.modifiedSec), isZip64 ? zip64Field([0, 0]) : Buffer.alloc(0)]);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(isZip64 ? versionZip64 : versionPlain, 4);
  writeCommon(header, 6, entry);
  if (isZip64) header.fill(0xff, 18, 26);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function writeCommon(header: Buffer, at: number, entry: ZipEntry): void {
  header.writeUInt16LE(sizesFollow | (isUtf8(bytesOf(entry.name)) ? nameIsUtf8 : 0), at);
  header.writeUInt16LE(entry.isPacked ? deflated : stored, at + 2);
  const { time, date } = dosTime(entry.modifiedSec);
  header.writeUInt16LE(time, at + 4);
  header.writeUInt16LE(date, at + 6);
}

function descriptor(
  { crc, sizeBytes }: { crc: number; sizeBytes: number },
  packedBytes: number,
  isZip64: boolean,
): Buffer {
  const bytes = Buffer.alloc(isZip64 ? 24 : 16);
  bytes.writeUInt32LE(0x08074b50, 0);
  bytes.writeUInt32LE(crc, 4);
  if (isZip64) {
    bytes.writeBigUInt64LE(BigInt(packedBytes), 8);
    bytes.writeBigUInt64LE(BigInt(sizeBytes), 16);
  } else {
    bytes.writeUInt32LE(packedBytes, 8);
    bytes.writeUInt32LE(sizeBytes, 12);
  }
  return bytes;
}

function centralHeader({ entry, crc, packedBytes, sizeBytes, offset, isZip64 }: Finished): Buffer {
  const name = bytesOf(entry.name);
  const large: number[] = [];
  if (isZip64) large.push(sizeBytes, packedBytes);
  if (offset >= max32) large.push(offset);
  const extra = Buffer.concat([timeField(entry.modifiedSec), large.length === 0 ? Buffer.alloc(0) : zip64Field(large)]);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(madeOnUnix | versionZip64, 4);
  header.writeUInt16LE(large.length === 0 ? versionPlain : versionZip64, 6);
  writeCommon(header, 8, entry);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(isZip64 ? max32 : packedBytes, 20);
  header.writeUInt32LE(isZip64 ? max32 : sizeBytes, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  // Bit 4 of the lower half is how DOS says folder.
  header.writeUInt32LE(((entry.stMode << 16) | (entry.name.endsWith('/') ? 0x10 : 0)) >>> 0, 38);
  header.writeUInt32LE(Math.min(offset, max32), 42);
  return Buffer.concat([header, name, extra]);
}

function timeField(modifiedSec: number): Buffer {
  const field = Buffer.alloc(9);
  field.writeUInt16LE(0x5455, 0);
  field.writeUInt16LE(5, 2);
  field.writeUInt8(1, 4);
  field.writeInt32LE(Math.max(-0x8000_0000, Math.min(0x7fff_ffff, modifiedSec)), 5);
  return field;
}

function zip64Field(numbers: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + numbers.length * 8);
  field.writeUInt16LE(0x0001, 0);
  field.writeUInt16LE(numbers.length * 8, 2);
  for (const [i, number] of numbers.entries()) field.writeBigUInt64LE(BigInt(number), 4 + i * 8);
  return field;
}

/** Two-second steps from 1980 to 2107, in UTC: the exact time is in the extra field. */
function dosTime(sec: number): { time: number; date: number } {
  const moment = new Date(Math.max(Date.UTC(1980, 0, 1), Math.min(sec * 1000, Date.UTC(2107, 11, 31))));
  const time = (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1);
  const date = ((moment.getUTCFullYear() - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate();
  return { time, date };
}

function endRecords(count: number, sizeBytes: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(count, max16), 8);
  end.writeUInt16LE(Math.min(count, max16), 10);
  end.writeUInt32LE(Math.min(sizeBytes, max32), 12);
  end.writeUInt32LE(Math.min(offset, max32), 16);
  if (count < max16 && sizeBytes < max32 && offset < max32) return end;
  const large = Buffer.alloc(76);
  large.writeUInt32LE(0x06064b50, 0);
  large.writeBigUInt64LE(44n, 4);
  large.writeUInt16LE(madeOnUnix | versionZip64, 12);
  large.writeUInt16LE(versionZip64, 14);
  large.writeBigUInt64LE(BigInt(count), 24);
  large.writeBigUInt64LE(BigInt(count), 32);
  large.writeBigUInt64LE(BigInt(sizeBytes), 40);
  large.writeBigUInt64LE(BigInt(offset), 48);
  large.writeUInt32LE(0x07064b50, 56);
  large.writeBigUInt64LE(BigInt(offset + sizeBytes), 64);
  large.writeUInt32LE(1, 72);
  return Buffer.concat([large, end]);
}
