/**
 * BSON, as far as an archive needs it: the fields at the top of a small document, whether a document is sound down to its
 * last value, and a document written again with other texts in it. Pure; the driver is not needed to read a backup.
 *
 *   document = int32 length (all of it), elements, 0x00
 *   element  = type byte, name, 0x00, value
 *
 * @see https://bsonspec.org/spec.html
 */
import { CoffreError } from '@coffre/repository';

/** Documents of people may hold 16 MiB; the server's own, as an entry of the oplog with such a document in it, a bit more. */
export const documentBytesMax = 16 * 1024 * 1024 + 16 * 1024;
export const documentBytesMin = 5;
/** MongoDB itself stops at a hundred. */
const depthMax = 200;

export type BsonField = {
  readonly type: number;
  readonly name: string;
  /** Type byte, name and value, as they stand in the document. */
  readonly whole: Buffer;
  readonly value: Buffer;
};

export function damagedBson(why: string): CoffreError {
  return new CoffreError('SOURCE_INVALID', `a document of the archive is damaged: ${why}`);
}

export const bsonType = {
  text: 0x02,
  document: 0x03,
  list: 0x04,
  boolean: 0x08,
  int32: 0x10,
  timestamp: 0x11,
  int64: 0x12,
} as const;

/** @throws {CoffreError} SOURCE_INVALID */
export function fieldsOf(bytes: Uint8Array): BsonField[] {
  const document = viewOf(bytes);
  const end = contentEnd(document, 0, document.length);
  const fields: BsonField[] = [];
  for (let at = 4; at < end;) {
    const type = document[at]!;
    const nameEnd = endOfName(document, at + 1, end);
    const valueEnd = endOfValue(document, type, nameEnd + 1, end, 0);
    fields.push({
      type,
      name: document.toString('utf8', at + 1, nameEnd),
      whole: document.subarray(at, valueEnd),
      value: document.subarray(nameEnd + 1, valueEnd),
    });
    at = valueEnd;
  }
  return fields;
}

/** Every value of every level. @throws {CoffreError} SOURCE_INVALID */
export function checkDocument(bytes: Uint8Array): void {
  const document = viewOf(bytes);
  checkElements(document, 0, document.length, 0);
}

export function textIn(fields: readonly BsonField[], name: string): string | undefined {
  const value = valueIn(fields, name, bsonType.text);
  return value?.toString('utf8', 4, value.length - 1);
}

export function booleanIn(fields: readonly BsonField[], name: string): boolean | undefined {
  const value = valueIn(fields, name, bsonType.boolean);
  return value === undefined ? undefined : value[0] === 1;
}

/** Whether it was written in four or in eight bytes. */
export function integerIn(fields: readonly BsonField[], name: string): bigint | undefined {
  const wide = valueIn(fields, name, bsonType.int64);
  if (wide !== undefined) return wide.readBigInt64LE();
  const narrow = valueIn(fields, name, bsonType.int32);
  return narrow === undefined ? undefined : BigInt(narrow.readInt32LE());
}

/** Seconds and ordinal, `1700000000:3`. */
export function timestampIn(fields: readonly BsonField[], name: string): string | undefined {
  const value = valueIn(fields, name, bsonType.timestamp);
  return value === undefined ? undefined : `${value.readUInt32LE(4)}:${value.readUInt32LE(0)}`;
}

function valueIn(fields: readonly BsonField[], name: string, type: number): Buffer | undefined {
  return fields.find((field) => field.name === name && field.type === type)?.value;
}

/** The same document with other texts in the fields named. */
export function withTexts(fields: readonly BsonField[], texts: Readonly<Record<string, string>>): Buffer {
  const elements = fields.map((field) => {
    const text = field.type === bsonType.text && Object.hasOwn(texts, field.name) ? texts[field.name] : undefined;
    return text === undefined ? field.whole : textElement(field.name, text);
  });
  return withElements(elements);
}

export function withElements(elements: readonly Buffer[]): Buffer {
  const length = elements.reduce((sum, { byteLength }) => sum + byteLength, 0) + documentBytesMin;
  const head = Buffer.alloc(4);
  head.writeInt32LE(length);
  return Buffer.concat([head, ...elements, Buffer.of(0)]);
}

export function textElement(name: string, text: string): Buffer {
  const content = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeInt32LE(content.byteLength + 1);
  return Buffer.concat([Buffer.of(bsonType.text), Buffer.from(`${name}\0`), length, content, Buffer.of(0)]);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Where the closing zero of the document at `start` is. */
function contentEnd(bytes: Buffer, start: number, limit: number): number {
  if (limit - start < documentBytesMin) throw damagedBson('it is cut off');
  const length = bytes.readInt32LE(start);
  if (length < documentBytesMin || length > limit - start) throw damagedBson(`it says that it has ${length} bytes`);
  const end = start + length - 1;
  if (bytes[end] !== 0) throw damagedBson('it does not end with a zero');
  return end;
}

function checkElements(bytes: Buffer, start: number, limit: number, depth: number): number {
  if (depth > depthMax) throw damagedBson('it is nested too deep');
  const end = contentEnd(bytes, start, limit);
  let at = start + 4;
  while (at < end) at = endOfValue(bytes, bytes[at]!, endOfName(bytes, at + 1, end) + 1, end, depth);
  if (at !== end) throw damagedBson('its values and its length differ');
  return end + 1;
}

function endOfName(bytes: Buffer, start: number, end: number): number {
  const at = bytes.indexOf(0, start);
  if (at === -1 || at >= end) throw damagedBson('a name does not end');
  return at;
}

/** @param end where the closing zero of the document is; no value reaches it */
function endOfValue(bytes: Buffer, type: number, start: number, end: number, depth: number): number {
  const after = valueEndUnchecked(bytes, type, start, end, depth);
  if (after > end) throw damagedBson('a value is longer than its document');
  return after;
}

function valueEndUnchecked(bytes: Buffer, type: number, start: number, end: number, depth: number): number {
  switch (type) {
    case 0x06: // undefined
    case 0x0a: // null
    case 0x7f: // largest key
    case 0xff: // smallest key
      return start;
    case bsonType.boolean:
      if (bytes[start]! > 1) throw damagedBson('a boolean is neither true nor false');
      return start + 1;
    case bsonType.int32:
      return start + 4;
    case 0x01: // double
    case 0x09: // date
    case bsonType.timestamp:
    case bsonType.int64:
      return start + 8;
    case 0x07: // object id
      return start + 12;
    case 0x13: // decimal
      return start + 16;
    case bsonType.text:
    case 0x0d: // program
    case 0x0e: // symbol
      return endOfText(bytes, start, end);
    case 0x0c: // pointer
      return endOfText(bytes, start, end) + 12;
    case 0x05: // bytes, with a subtype
      return start + 5 + lengthAt(bytes, start, end, 0);
    case 0x0b: // expression and its options
      return endOfName(bytes, endOfName(bytes, start, end) + 1, end) + 1;
    case bsonType.document:
    case bsonType.list:
      return checkElements(bytes, start, end, depth + 1);
    case 0x0f: // program with the values of its names
      return endOfScoped(bytes, start, end, depth);
    default:
      throw damagedBson(`there is no type ${type}`);
  }
}

function lengthAt(bytes: Buffer, start: number, end: number, least: number): number {
  if (end - start < 4) throw damagedBson('a length is cut off');
  const length = bytes.readInt32LE(start);
  if (length < least || length > end - start - 4) throw damagedBson(`a value says that it has ${length} bytes`);
  return length;
}

function endOfText(bytes: Buffer, start: number, end: number): number {
  const after = start + 4 + lengthAt(bytes, start, end, 1);
  if (bytes[after - 1] !== 0) throw damagedBson('a text does not end with a zero');
  return after;
}

function endOfScoped(bytes: Buffer, start: number, end: number, depth: number): number {
  if (end - start < 4) throw damagedBson('a length is cut off');
  const after = start + bytes.readInt32LE(start);
  const scope = endOfText(bytes, start + 4, end);
  if (after > end || checkElements(bytes, scope, end, depth + 1) !== after) throw damagedBson('a program has no end');
  return after;
}
