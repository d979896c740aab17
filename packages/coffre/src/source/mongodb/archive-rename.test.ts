import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { ArchiveReader, type ArchivedCollection } from './archive.ts';
import { renameArchive, type Place } from './archive-rename.ts';
import { document, sampleArchive, text, type SampleCollection } from './testing/sample-archive.ts';

const hostile = ['$x$', '*', '\\', 'a\\*b', '$(id)', '\'"', '-rf', 'two\nlines', 'ünï', 'a.b.c', ' '];
const collections: SampleCollection[] = hostile.map((name, number) => ({
  database: `db${number % 3}`,
  collection: name,
  documents: [document(text('_id', name)), document(text('_id', 'second'))],
  metadata: JSON.stringify({ indexes: [], collectionName: name }),
}));

async function renamed(bytes: Buffer, placeOf: (one: ArchivedCollection) => Place | undefined): Promise<Buffer> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 61) yield bytes.subarray(at, at + 61);
  }
  const parts: Uint8Array[] = [];
  for await (const part of renameArchive(pieces(), placeOf)) parts.push(part);
  return Buffer.concat(parts);
}

test('every collection gets the place it is given, and its documents are the same bytes', async () => {
  const bytes = sampleArchive(collections, 1);
  const places = new Map(hostile.map((name, number) => [name, { database: 'copy', collection: `c${number}` }]));
  const result = await renamed(bytes, ({ collection }) => places.get(collection));
  const expected = sampleArchive(
    collections.map((one, number) => ({
      ...one,
      database: 'copy',
      collection: `c${number}`,
      metadata: JSON.stringify({ indexes: [], collectionName: `c${number}` }),
    })),
    1,
  );
  assert.deepEqual(result, expected);
});

test('what is not wanted is not there, and names that stay leave the archive as it was', async () => {
  const bytes = sampleArchive(collections, 1);
  assert.deepEqual(await renamed(bytes, ({ database, collection }) => ({ database, collection })), bytes);
  const few = await renamed(bytes, (one) => (one.database === 'db1' ? one : undefined));
  assert.deepEqual(
    few,
    sampleArchive(
      collections.filter(({ database }) => database === 'db1'),
      1,
    ),
  );
});

test('a damaged archive never ends well, also where only sound parts of it were wanted', async () => {
  const bytes = sampleArchive(collections, 1);
  for (const cut of [1, 40, 400, bytes.length - 4, bytes.length - 1]) {
    await assert.rejects(
      renamed(bytes.subarray(0, cut), () => undefined),
      (error) => isCoffreError(error, 'SOURCE_INVALID'),
    );
  }
});

test('time series keep the name under which their documents come', async () => {
  const bytes = sampleArchive([{ database: 'a', collection: 't', documents: [document()], type: 'timeseries' }]);
  const reader = new ArchiveReader();
  reader.push(await renamed(bytes, () => ({ database: 'b', collection: 'u' })));
  const [only] = reader.end().collections;
  assert.deepEqual([only?.database, only?.collection, only?.dataCollection], ['b', 'u', 'system.buckets.u']);
});
