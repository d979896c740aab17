import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { ArchiveReader, type ArchiveListener } from './archive.ts';
import { Crc64, createCrc64Tables } from './crc64.ts';
import { document, element, sampleArchive, text, type SampleCollection } from './testing/sample-archive.ts';

let made = 0;
/** No two alike. */
const numbered = (count: number, bytes = 0): Buffer[] =>
  Array.from({ length: count }, () => document(text('_id', `${(made += 1)}`), text('x', 'x'.repeat(bytes))));

/** Each of one measurement. */
const buckets = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, at) =>
    document(
      text('_id', `bucket ${at}`),
      element(0x03, 'control', document(element(0x10, 'count', Buffer.of(1, 0, 0, 0)))),
    ),
  );

const collections: SampleCollection[] = [
  { database: 'shop', collection: 'orders', documents: numbered(40) },
  { database: 'shop', collection: 'nothing yet', documents: [] },
  { database: 'shop', collection: 'large', documents: numbered(2, 1000) },
  { database: '$(x)', collection: 'a.b', documents: numbered(7, 10) },
  { database: 'shop', collection: 'seen', documents: [], type: 'view' },
  { database: 'shop', collection: 'times', documents: buckets(3), type: 'timeseries' },
];

function read(bytes: Buffer, pieceBytes: number, listener: ArchiveListener = {}): unknown[] {
  const reader = new ArchiveReader(listener);
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  return reader.end().collections.map((one) => [one.database, one.collection, one.documents, one.sizeBytes]);
}

const isRefusal = (error: unknown): boolean => isCoffreError(error, 'SOURCE_INVALID');

test('the checksum is the one that Go calls ECMA, however it is fed', () => {
  const tables = createCrc64Tables();
  const sumOf = (...parts: Buffer[]): string => {
    const sum = new Crc64(tables);
    for (const part of parts) sum.update(part);
    return BigInt.asUintN(64, sum.digest()).toString(16);
  };
  assert.equal(sumOf(Buffer.from('123456789')), '995dc9bbdf1939fa');
  assert.equal(sumOf(), '0');
  const long = Buffer.from(Array.from({ length: 100 }, (_, at) => (at * 37) & 0xff));
  for (let cut = 0; cut < 100; cut += 1) assert.equal(sumOf(long.subarray(0, cut), long.subarray(cut)), sumOf(long));
});

test('documents are counted by collection, wherever the stream is cut and however blocks are mixed', () => {
  const expected = collections.map(({ database, collection, documents }) => [
    database,
    collection,
    documents.length,
    Buffer.concat(documents).length,
  ]);
  for (const blockDocuments of [Infinity, 1, 3]) {
    const bytes = sampleArchive(collections, blockDocuments);
    for (const pieceBytes of [1, 2, 3, 5, 7, 64, 1000, bytes.length]) {
      assert.deepEqual(read(bytes, pieceBytes), expected);
      const seen: Buffer[] = [];
      read(bytes, pieceBytes, { document: (one) => void seen.push(Buffer.from(one)) });
      const all = collections.flatMap(({ documents }) => documents);
      const sorted = (some: readonly Buffer[]): string[] => some.map((one) => one.toString('hex')).toSorted();
      assert.deepEqual(sorted(seen), sorted(all));
    }
  }
});

test('an archive that is cut is refused, at every byte', () => {
  for (const blockDocuments of [Infinity, 2]) {
    const bytes = sampleArchive(collections, blockDocuments);
    for (let length = 0; length < bytes.length; length += 1) {
      assert.throws(() => read(bytes.subarray(0, length), 997), isRefusal, `cut at ${length}`);
    }
  }
});

test('a byte that was changed in a document is noticed by the checksum', () => {
  const bytes = sampleArchive(collections);
  for (let at = 0; at < bytes.length; at += 1) {
    const copy = Buffer.from(bytes);
    copy[at] = copy[at]! ^ (1 << (at % 8));
    let isRead = true;
    try {
      read(copy, 4096);
    } catch (error) {
      assert.ok(isRefusal(error), `byte ${at}: ${String(error)}`);
      isRead = false;
    }
    // What is not covered are lists and headers, whose meaning the truth holds; no document is among them.
    if (isRead) assert.ok(!isInDocument(bytes, at), `byte ${at} of a document`);
  }
});

function isInDocument(archive: Buffer, at: number): boolean {
  return collections.some(({ documents }) =>
    documents.some((one) => {
      const start = archive.indexOf(one);
      return at >= start && at < start + one.length;
    }),
  );
}

test('blocks that belong nowhere are refused', () => {
  const [orders] = collections;
  const twice = sampleArchive([orders!, orders!]);
  assert.throws(() => read(twice, 100), /lists shop.orders twice/);
  const whole = sampleArchive([orders!]);
  const last = whole.subarray(whole.lastIndexOf('db') - 5);
  assert.throws(() => read(Buffer.concat([whole, last]), 100), /goes on behind its end/);
  assert.throws(() => read(Buffer.concat([whole, Buffer.alloc(4, 0xff)]), 100), isRefusal);
  const other = sampleArchive([{ ...orders!, collection: 'strang' }]);
  assert.throws(() => read(Buffer.concat([whole, other.subarray(other.lastIndexOf('db') - 5)]), 100), /does not list/);
  assert.throws(() => read(Buffer.from('PGDMP not of ours'), 100), /does not begin as one/);
});
