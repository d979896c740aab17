/**
 * The archive of mongodump, read as it comes. Pure; in memory is one small document at a time, and the prelude.
 *
 *   archive = magic 6d e2 99 81, prelude, blocks
 *   prelude = document {concurrent_collections, version, server_version, tool_version},
 *             for each collection a document {db, collection, metadata, size, type}, terminator ff ff ff ff
 *   block   = document {db, collection, EOF: false, CRC: 0}, documents of that collection, terminator
 *           | document {db, collection, EOF: true, CRC}, terminator        (once for each collection, its last block)
 *
 * An archive has no end of its own: it is whole when every collection of the prelude has had its last block, and the stream
 * ends behind a terminator. The CRC is of all bytes of a collection's documents. The prelude has none.
 */
import { CoffreError } from '@coffre/repository';
import { booleanIn, documentBytesMax, documentBytesMin, fieldsOf, integerIn, textIn, type BsonField } from './bson.ts';
import { Crc64, createCrc64Tables, type Crc64Tables } from './crc64.ts';
import { measurementsIn, timeFieldOf } from './time-series.ts';

export const archiveMagic = 0x8199e26d;
const terminator = -1;
const lengthBytes = 4;
/** A million collections of a few hundred bytes each; more is damage. */
const preludeBytesMax = 256 * 1024 * 1024;

export type CollectionType = 'collection' | 'view' | 'timeseries';

/** As the prelude has it. */
export type ArchivedCollection = {
  /** Empty for the oplog. */
  readonly database: string;
  readonly collection: string;
  /** Under which its documents come: another for time series. */
  readonly dataCollection: string;
  readonly type: CollectionType;
  /** Options and indexes, extended JSON; empty for what has none. */
  readonly metadata: string;
  /** Of a time series: the name of the time in its measurements. */
  readonly timeField: string | undefined;
  readonly fields: readonly BsonField[];
};

export type Prelude = {
  readonly serverVersion: string;
  readonly toolVersion: string;
  readonly header: Buffer;
  readonly collections: readonly ArchivedCollection[];
};

export type BlockHeader = {
  readonly collection: ArchivedCollection;
  readonly isLast: boolean;
  readonly fields: readonly BsonField[];
};

/** Told in the order of the archive. Bytes are lent: whoever keeps them copies them. */
export type ArchiveListener = {
  prelude?(prelude: Prelude): void;
  block?(header: BlockHeader): void;
  /** A piece of the block's documents, cut anywhere. */
  body?(bytes: Uint8Array): void;
  blockEnd?(): void;
  /** Every document whole, of the collections that are wanted so. */
  document?(bytes: Uint8Array, collection: ArchivedCollection): void;
  /** All when absent. */
  wantsDocuments?(collection: ArchivedCollection): boolean;
};

export type CountedCollection = ArchivedCollection & {
  /** Of a time series, its measurements. */
  readonly documents: number;
  readonly sizeBytes: number;
};

type Progress = {
  readonly collection: ArchivedCollection;
  readonly crc: Crc64;
  documents: number;
  sizeBytes: number;
  isClosed: boolean;
};

export function damagedArchive(why: string): CoffreError {
  return new CoffreError('SOURCE_INVALID', `the archive of mongodump is not whole: ${why.slice(0, 500)}`, {
    hint: 'Nothing may be concluded from it. For a new backup run it again; of a saved one take another snapshot.',
  });
}

type State = 'magic' | 'header' | 'collections' | 'between' | 'body' | 'last';

export class ArchiveReader {
  readonly #listener: ArchiveListener;
  readonly #tables: Crc64Tables = createCrc64Tables();
  readonly #progress = new Map<string, Progress>();
  #state: State = 'magic';
  #prelude: Prelude | undefined;
  #header = Buffer.alloc(0);
  #collections: ArchivedCollection[] = [];
  #preludeBytes = 0;
  #current: Progress | undefined;
  #areDocumentsWanted = false;
  #isListening = false;
  /** Of the document that has begun. */
  #missingBytes = 0;
  #parts: Buffer[] = [];
  /** Up to three bytes of a length that was cut. */
  #cut = Buffer.alloc(0);

  constructor(listener: ArchiveListener = {}) {
    this.#listener = listener;
  }

  /** @throws {CoffreError} SOURCE_INVALID at the first thing that is wrong */
  push(piece: Uint8Array): void {
    const given = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const bytes = this.#cut.byteLength === 0 ? given : Buffer.concat([this.#cut, given]);
    this.#cut = Buffer.alloc(0);
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'body' && !this.#areDocumentsWanted) {
        const end = this.#takeRun(bytes, at);
        const isTerminator = this.#missingBytes === 0 && bytes.length - end >= lengthBytes;
        at = end;
        if (at === bytes.length) return;
        if (!isTerminator) break;
      }
      if (this.#missingBytes > 0) {
        at = this.#takeDocument(bytes, at);
        continue;
      }
      if (bytes.length - at < lengthBytes) break;
      at = this.#begin(bytes, at);
    }
    this.#cut = Buffer.from(bytes.subarray(at));
  }

  /** At the end of the stream. @throws {CoffreError} SOURCE_INVALID */
  end(): { readonly prelude: Prelude; readonly collections: readonly CountedCollection[] } {
    if (this.#prelude === undefined || this.#state !== 'between' || this.#cut.byteLength > 0) {
      throw damagedArchive('it ends in the middle');
    }
    const open = [...this.#progress.values()].find(({ isClosed }) => !isClosed);
    if (open !== undefined) throw damagedArchive(`it ends before ${nameOf(open.collection)} does`);
    const collections = [...this.#progress.values()].map(({ collection, documents, sizeBytes }) => ({
      ...collection,
      documents,
      sizeBytes,
    }));
    return { prelude: this.#prelude, collections };
  }

  #begin(bytes: Buffer, at: number): number {
    if (this.#state === 'magic') {
      if (bytes.readUInt32LE(at) !== archiveMagic) throw damagedArchive('it does not begin as one');
      this.#state = 'header';
    } else {
      const length = bytes.readInt32LE(at);
      if (length === terminator) this.#terminate();
      else return this.#beginDocument(length, at);
    }
    return at + lengthBytes;
  }

  #beginDocument(length: number, at: number): number {
    if (this.#state === 'last') throw damagedArchive('documents follow the end of their collection');
    checkLength(length);
    this.#missingBytes = length;
    this.#parts = [];
    return at;
  }

  /** The whole documents from here on, without looking into them. @returns where a terminator or a cut length begins */
  #takeRun(bytes: Buffer, start: number): number {
    const progress = this.#current!;
    let at = start;
    for (;;) {
      if (this.#missingBytes > 0) {
        const taken = Math.min(this.#missingBytes, bytes.length - at);
        at += taken;
        this.#missingBytes -= taken;
        if (this.#missingBytes > 0) break;
        if (bytes[at - 1] !== 0) throw damagedArchive('a document does not end with a zero');
        progress.documents += 1;
      }
      if (bytes.length - at < lengthBytes) break;
      const length = bytes.readInt32LE(at);
      if (length === terminator) break;
      checkLength(length);
      this.#missingBytes = length;
    }
    this.#takeBody(progress, bytes.subarray(start, at));
    return at;
  }

  #takeBody(progress: Progress, bytes: Buffer): void {
    if (bytes.byteLength === 0) return;
    progress.crc.update(bytes);
    progress.sizeBytes += bytes.byteLength;
    this.#listener.body?.(bytes);
  }

  #takeDocument(bytes: Buffer, at: number): number {
    const part = bytes.subarray(at, at + this.#missingBytes);
    this.#missingBytes -= part.byteLength;
    if (this.#missingBytes > 0) {
      this.#parts.push(Buffer.from(part));
    } else {
      const document = this.#parts.length === 0 ? part : Buffer.concat([...this.#parts, part]);
      this.#parts = [];
      this.#takeWhole(document);
    }
    return at + part.byteLength;
  }

  #takeWhole(document: Buffer): void {
    if (document.at(-1) !== 0) throw damagedArchive('a document does not end with a zero');
    switch (this.#state) {
      case 'header':
        this.#header = Buffer.from(document);
        this.#state = 'collections';
        return;
      case 'collections':
        this.#preludeBytes += document.byteLength;
        if (this.#preludeBytes > preludeBytesMax) throw damagedArchive('its list of collections does not end');
        this.#collections.push(parseCollection(Buffer.from(document)));
        return;
      case 'between':
        return this.#openBlock(document);
      case 'magic':
      case 'last':
        throw damagedArchive('documents come where none can be');
      case 'body': {
        const progress = this.#current!;
        const { timeField } = progress.collection;
        progress.documents += timeField === undefined ? 1 : measurementsIn(document, timeField);
        this.#takeBody(progress, document);
        if (this.#isListening) this.#listener.document?.(document, progress.collection);
        return;
      }
      default:
        return this.#state satisfies never;
    }
  }

  #openBlock(document: Buffer): void {
    const fields = fieldsOf(document);
    const key = keyOf(textIn(fields, 'db') ?? '', textIn(fields, 'collection') ?? '');
    const progress = this.#progress.get(key);
    if (progress === undefined) throw damagedArchive('documents come of a collection that it does not list');
    const name = nameOf(progress.collection);
    if (progress.isClosed) throw damagedArchive(`${name} goes on behind its end`);
    const isLast = booleanIn(fields, 'EOF') === true;
    if (isLast) {
      const sum = integerIn(fields, 'CRC');
      if (sum !== progress.crc.digest()) throw damagedArchive(`the checksum of ${name} is wrong`);
      progress.isClosed = true;
    }
    this.#current = progress;
    this.#isListening =
      this.#listener.document !== undefined && this.#listener.wantsDocuments?.(progress.collection) !== false;
    this.#areDocumentsWanted = this.#isListening || progress.collection.timeField !== undefined;
    this.#state = isLast ? 'last' : 'body';
    this.#listener.block?.({ collection: progress.collection, isLast, fields });
  }

  #terminate(): void {
    switch (this.#state) {
      case 'collections':
        this.#prelude = parsePrelude(this.#header, this.#collections);
        for (const collection of this.#collections) this.#expect(collection);
        this.#listener.prelude?.(this.#prelude);
        break;
      case 'body':
      case 'last':
        this.#current = undefined;
        this.#listener.blockEnd?.();
        break;
      case 'magic':
      case 'header':
      case 'between':
        throw damagedArchive('a block ends that has not begun');
      default:
        return this.#state satisfies never;
    }
    this.#state = 'between';
  }

  #expect(collection: ArchivedCollection): void {
    const key = keyOf(collection.database, collection.dataCollection);
    if (this.#progress.has(key)) throw damagedArchive(`it lists ${nameOf(collection)} twice`);
    const crc = new Crc64(this.#tables);
    this.#progress.set(key, { collection, crc, documents: 0, sizeBytes: 0, isClosed: false });
  }
}

/** As people write it. */
export function nameOf({ database, collection }: Pick<ArchivedCollection, 'database' | 'collection'>): string {
  return database === '' ? collection : `${database}.${collection}`;
}

export function isOplog({ database, collection }: Pick<ArchivedCollection, 'database' | 'collection'>): boolean {
  return database === '' && collection === 'oplog';
}

function keyOf(database: string, collection: string): string {
  return `${database}\0${collection}`;
}

function checkLength(length: number): void {
  if (length < documentBytesMin || length > documentBytesMax) {
    throw damagedArchive(`a document says that it has ${length} bytes`);
  }
}

function parsePrelude(header: Buffer, collections: readonly ArchivedCollection[]): Prelude {
  const fields = fieldsOf(header);
  const version = textIn(fields, 'version');
  if (version !== '0.1') throw damagedArchive(`its format is ${version ?? 'not said'}, and 0.1 is what is known`);
  return {
    serverVersion: textIn(fields, 'server_version') ?? '',
    toolVersion: textIn(fields, 'tool_version') ?? '',
    header,
    collections,
  };
}

const types: Readonly<Record<string, CollectionType>> = {
  '': 'collection',
  collection: 'collection',
  view: 'view',
  timeseries: 'timeseries',
};

function parseCollection(document: Buffer): ArchivedCollection {
  const fields = fieldsOf(document);
  const [database, collection] = [textIn(fields, 'db'), textIn(fields, 'collection')];
  if (database === undefined || collection === undefined || collection === '') {
    throw damagedArchive('it lists a collection without a name');
  }
  const written = textIn(fields, 'type') ?? '';
  const type = Object.hasOwn(types, written) ? types[written] : undefined;
  if (type === undefined) throw damagedArchive(`${database}.${collection} is a ${written}, which is not known`);
  const metadata = textIn(fields, 'metadata') ?? '';
  return {
    database,
    collection,
    dataCollection: type === 'timeseries' ? `system.buckets.${collection}` : collection,
    type,
    metadata,
    timeField: type === 'timeseries' ? timeFieldIn(metadata) : undefined,
    fields,
  };
}

function timeFieldIn(metadata: string): string {
  try {
    return timeFieldOf(metadata);
  } catch {
    throw damagedArchive('the options of a time series cannot be read');
  }
}
