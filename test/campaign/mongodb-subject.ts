/** Archives of mongodump, changed: what is read of them are the documents that were written. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { ArchiveReader, type ArchivedCollection } from '../../packages/coffre/src/source/mongodb/archive.ts';
import { checkDocument } from '../../packages/coffre/src/source/mongodb/bson.ts';
import { everyType } from '../../packages/coffre/src/source/mongodb/testing/every-type.ts';
import { document, sampleArchive, text } from '../../packages/coffre/src/source/mongodb/testing/sample-archive.ts';
import type { FuzzSubject } from './fuzz-subjects.ts';

const documents = Array.from({ length: 20 }, (_, number) => document(text('_id', `${number}`)));
const collections = [
  { database: 'shop', collection: 'orders', documents },
  { database: 'shop', collection: 'types', documents: [everyType()] },
  { database: 'shop', collection: 'empty', documents: [] },
];
const samples = [sampleArchive(collections), sampleArchive(collections, 3)];

/** Of the documents of each collection, in their order. */
function contentOf(bytes: Buffer, pieceBytes: number): Map<string, string> {
  const hashes = new Map<ArchivedCollection, ReturnType<typeof createHash>>();
  const reader = new ArchiveReader({
    document(one, collection) {
      checkDocument(one);
      let hash = hashes.get(collection);
      if (hash === undefined) hashes.set(collection, (hash = createHash('sha256')));
      hash.update(one);
    },
  });
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  reader.end();
  return new Map(
    [...hashes].map(([{ database, collection }, hash]) => [`${database}.${collection}`, hash.digest('hex')]),
  );
}

const written = new Set(contentOf(samples[0]!, 100).values());

export const mongodbArchive: FuzzSubject = {
  name: 'archive of mongodump',
  kind: 'binary',
  samples,
  codes: ['SOURCE_INVALID'],
  read(bytes, random) {
    const found = contentOf(bytes, random.pick([1, 3, 17, 256, 100_000]));
    for (const [name, hash] of found) assert.ok(written.has(hash), `${name} holds what nobody wrote`);
    assert.deepEqual(contentOf(bytes, 100_000), found);
  },
};
