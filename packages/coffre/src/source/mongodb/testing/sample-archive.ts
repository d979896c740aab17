/** An archive as mongodump writes it, made by hand. */
import { archiveMagic } from '../archive.ts';
import { Crc64, createCrc64Tables } from '../crc64.ts';

export type SampleCollection = {
  readonly database: string;
  readonly collection: string;
  readonly documents: readonly Buffer[];
  readonly metadata?: string;
  readonly type?: string;
};

const terminator = Buffer.from([0xff, 0xff, 0xff, 0xff]);

/** @param blockDocuments blocks of this many documents, the collections in turn, as several dumps at a time leave them */
export function sampleArchive(collections: readonly SampleCollection[], blockDocuments = Infinity): Buffer {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(archiveMagic);
  const header = document(
    int32('concurrent_collections', 1),
    text('version', '0.1'),
    text('server_version', '7.0.42'),
    text('tool_version', '100.10.0'),
  );
  const listed = collections.map(({ database, collection, metadata = '{"indexes":[]}', type = 'collection' }) =>
    document(
      text('db', database),
      text('collection', collection),
      text('metadata', metadata),
      int32('size', 0),
      text('type', type),
    ),
  );
  return Buffer.concat([magic, header, ...listed, terminator, ...blocksOf(collections, blockDocuments)]);
}

function blocksOf(collections: readonly SampleCollection[], blockDocuments: number): Buffer[] {
  const blocks: Buffer[] = [];
  const most = Math.max(0, ...collections.map(({ documents }) => documents.length));
  for (let at = 0; at < most; at += blockDocuments) {
    for (const one of collections) {
      const documents = one.documents.slice(at, at + blockDocuments);
      if (documents.length > 0) blocks.push(blockHeader(one, false, 0n), ...documents, terminator);
    }
  }
  const tables = createCrc64Tables();
  for (const one of collections) {
    const sum = new Crc64(tables);
    for (const bytes of one.documents) sum.update(bytes);
    blocks.push(blockHeader(one, true, sum.digest()), terminator);
  }
  return blocks;
}

function blockHeader({ database, collection, type }: SampleCollection, isLast: boolean, sum: bigint): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigInt64LE(sum);
  return document(
    text('db', database),
    text('collection', type === 'timeseries' ? `system.buckets.${collection}` : collection),
    element(0x08, 'EOF', Buffer.of(isLast ? 1 : 0)),
    element(0x12, 'CRC', value),
  );
}

export function document(...elements: readonly Buffer[]): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32LE(elements.reduce((sum, { byteLength }) => sum + byteLength, 5));
  return Buffer.concat([length, ...elements, Buffer.of(0)]);
}

export function element(type: number, name: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type), Buffer.from(`${name}\0`), value]);
}

export function text(name: string, value: string): Buffer {
  const content = Buffer.from(`${value}\0`);
  const length = Buffer.alloc(4);
  length.writeInt32LE(content.byteLength);
  return element(0x02, name, Buffer.concat([length, content]));
}

function int32(name: string, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return element(0x10, name, bytes);
}
