/**
 * The archive of pg_dump (formats custom and directory), as far as it must be understood: its head, its table of contents
 * and where its blocks of data begin and end. Pure.
 *
 *   "PGDMP"  version (3 bytes)  size of int, size of offset, format (1 byte each)
 *   compression: 1 byte since 1.15, an int before     time of creation: 7 ints
 *   database, server version, pg_dump version: texts   number of entries: int
 *   entries: id, hasData: int; table oid, oid, tag, kind: text; section: int; definition, drop, copy, schema,
 *            tablespace, access method: text; relkind: int since 1.16; owner, WITH OIDS: text; dependencies: texts up to
 *            an absent one; custom: 1 byte and an offset, directory: file name as text
 *   custom only, up to the end, a block for each entry that has data:
 *            1 byte (1 data, 3 large objects), id: int, then pieces: length: int and bytes, up to length 0;
 *            large objects: oid: int and pieces for each, up to oid 0
 *
 * An int is a sign byte and its bytes from the lowest; a text is an int (-1: absent) and its bytes.
 */
import { CoffreError } from '@coffre/repository';

export type ArchiveEntry = {
  readonly id: number;
  readonly hasData: boolean;
  /** `TABLE`, `TABLE DATA`, `INDEX`, `ACL`, … */
  readonly kind: string;
  readonly schema: string | undefined;
  readonly tag: string;
  readonly owner: string | undefined;
  /** SQL that makes it. */
  readonly definition: string | undefined;
  readonly dependencies: readonly number[];
  /** Of a directory: where its data is. */
  readonly file: string | undefined;
};

export type ArchiveHead = {
  readonly format: 'custom' | 'directory';
  readonly database: string;
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly entries: readonly ArchiveEntry[];
  readonly lengthBytes: number;
  readonly intBytes: number;
};

/** 1.12 (PostgreSQL 9.0) to 1.16 (17 and 18). */
const minorMin = 12;
const minorMax = 16;
/** A directory's table of contents says that it is a tar: its entries have names of files as those of a tar do. */
const formats: Readonly<Record<number, ArchiveHead['format']>> = { 1: 'custom', 3: 'directory' };
const fixedBytes = 11;

class NeedsMore extends Error {}

class Cursor {
  at = 0;
  intBytes = 4;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    if (this.at >= this.#bytes.length) throw new NeedsMore();
    return this.#bytes[this.at++]!;
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.#bytes.length) throw new NeedsMore();
  }

  int(): number {
    const sign = this.byte();
    let value = 0;
    for (let at = 0; at < this.intBytes; at += 1) value += this.byte() * 2 ** (8 * at);
    return sign === 0 ? value : -value;
  }

  text(): string | undefined {
    const length = this.int();
    if (length < 0) return undefined;
    const begin = this.at;
    this.skip(length);
    return this.#bytes.toString('utf8', begin, this.at);
  }
}

/**
 * @returns undefined when more bytes are needed, or when the archive is of a version that is not known here
 * @throws {CoffreError} SOURCE_INVALID
 */
export function readHead(bytes: Buffer): ArchiveHead | undefined {
  const cursor = new Cursor(bytes);
  try {
    return parse(cursor, bytes);
  } catch (error) {
    if (error instanceof NeedsMore) return undefined;
    throw error;
  }
}

/** Whether it can be read here at all. @throws {CoffreError} SOURCE_INVALID when it is no archive */
export function isKnownVersion(bytes: Buffer): boolean {
  if (bytes.length < fixedBytes || bytes.toString('latin1', 0, 5) !== 'PGDMP') {
    throw new CoffreError('SOURCE_INVALID', 'the dump does not begin as an archive of pg_dump');
  }
  return bytes[5] === 1 && bytes[6]! >= minorMin && bytes[6]! <= minorMax && formats[bytes[10]!] !== undefined;
}

function parse(cursor: Cursor, bytes: Buffer): ArchiveHead | undefined {
  if (bytes.length < fixedBytes || !isKnownVersion(bytes)) return undefined;
  const minor = bytes[6]!;
  const offsetBytes = bytes[9]!;
  const format = formats[bytes[10]!]!;
  cursor.intBytes = bytes[8]!;
  cursor.at = createdAt(bytes);
  for (let at = 0; at < 7; at += 1) cursor.int();
  const [database = '', serverVersion = '', toolVersion = ''] = [cursor.text(), cursor.text(), cursor.text()];
  const count = cursor.int();
  const entries: ArchiveEntry[] = [];
  for (let at = 0; at < count; at += 1) {
    const entry = readEntry(cursor, minor);
    if (format === 'custom') cursor.skip(1 + offsetBytes);
    entries.push({ ...entry, file: format === 'directory' ? cursor.text() : undefined });
  }
  const { at: lengthBytes, intBytes } = cursor;
  return { format, database, serverVersion, toolVersion, entries, lengthBytes, intBytes };
}

function readEntry(cursor: Cursor, minor: number): Omit<ArchiveEntry, 'file'> {
  const id = cursor.int();
  const hasData = cursor.int() !== 0;
  cursor.text(); // oid of its catalogue
  cursor.text(); // its oid
  const tag = cursor.text() ?? '';
  const kind = cursor.text() ?? '';
  cursor.int(); // section
  const definition = cursor.text();
  cursor.text(); // drop
  cursor.text(); // copy
  const schema = cursor.text();
  cursor.text(); // tablespace
  if (minor >= 14) cursor.text(); // access method
  if (minor >= 16) cursor.int(); // kind of relation
  const owner = cursor.text();
  cursor.text(); // with oids
  const dependencies: number[] = [];
  for (let text = cursor.text(); text !== undefined; text = cursor.text()) dependencies.push(Number(text));
  return { id, hasData, kind, schema: schema || undefined, tag, owner: owner || undefined, definition, dependencies };
}

function createdAt(bytes: Buffer): number {
  return fixedBytes + (bytes[6]! >= 15 ? 1 : 1 + bytes[8]!);
}

/**
 * The only bytes that differ between two dumps of an unchanged database say when they were made, which the snapshot knows
 * anyway. 1 January 2000 is written there instead, in place.
 */
export function settleTime(bytes: Buffer): void {
  if (!isKnownVersion(bytes)) return;
  const intBytes = bytes[8]!;
  const begin = createdAt(bytes);
  for (const [index, value] of [0, 0, 0, 1, 0, 100, 0].entries()) {
    const at = begin + index * (1 + intBytes);
    bytes.fill(0, at, at + 1 + intBytes);
    bytes[at + 1] = value;
  }
}

/** Bytes that hold the time in every version. */
export const timeEndsBefore = 128;

const emptyPath = Buffer.from("SELECT pg_catalog.set_config('search_path', '', false)");
const searchPathKind = Buffer.from('SEARCHPATH');

/**
 * Gives the session that loads it back its own search path, where the archive says that it be empty, in as many bytes. They
 * are changed in place.
 */
export function freeSearchPath(bytes: Buffer): void {
  const entry = bytes.indexOf(searchPathKind);
  const at = entry === -1 ? -1 : bytes.indexOf(emptyPath, entry);
  // Tag, kind, section and the length of the definition stand between.
  if (at === -1 || at - entry > 64) return;
  bytes.fill(' ', at, at + emptyPath.length);
  bytes.write('RESET search_path', at);
}
