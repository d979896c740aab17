import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { compareCollections, schemaOf, type CollectionTruth } from './mongodb-truth.ts';

const both = { schema: true, counts: true };

function collection(change: Partial<CollectionTruth> = {}): CollectionTruth {
  return { database: 's', collection: 'a', type: 'collection', documents: 3, options: {}, indexes: [], ...change };
}

test('options and indexes are compared by what they mean, not by how a server writes them', () => {
  const written = schemaOf(
    '{"options":{"capped":true,"size":{"$numberLong":"100"}},"indexes":[{"v":{"$numberInt":"2"},' +
      '"key":{"b":{"$numberInt":"1"},"a":{"$numberDouble":"-1.0"}},"name":"x","ns":"s.a"},{"key":{"_id":1},"name":"_id_"}]}',
  );
  const answered = schemaOf(
    '{"options":{"size":100,"capped":true},"indexes":[{"name":"_id_","key":{"_id":1},"v":2},' +
      '{"name":"x","key":{"b":1,"a":-1},"v":1,"background":true}]}',
  );
  assert.deepEqual(compareCollections([collection(written)], [collection(answered)], both), []);
});

test('the order of the keys of an index is a difference', () => {
  const [one, other] = ['{"a":1,"b":1}', '{"b":1,"a":1}'].map((key) =>
    collection(schemaOf(`{"indexes":[{"name":"x","key":${key}}]}`)),
  );
  assert.deepEqual(compareCollections([one!], [other!], both), ['s.a has other indexes']);
});

test('counts, kinds, missing and new collections are told', () => {
  const compare = (later: CollectionTruth[]): string[] => compareCollections([collection()], later, both);
  assert.deepEqual(compare([]), ['s.a is missing']);
  assert.deepEqual(compare([collection({ documents: 2 })]), ['s.a has 2 documents instead of 3']);
  assert.deepEqual(compare([collection({ type: 'view' })]), ['s.a is a view instead of a collection']);
  assert.deepEqual(compare([collection(), collection({ collection: 'b' })]), ['s.b is new']);
  assert.deepEqual(compare([collection(), collection({ database: 'local' })]), []);
});

test('metadata that is none is a damaged archive', () => {
  assert.deepEqual(schemaOf(''), { options: {}, indexes: [] });
  assert.deepEqual(schemaOf('{"indexes":null}'), { options: {}, indexes: [] });
  for (const text of ['{', 'null', '[]', '{"indexes":1}']) {
    assert.throws(
      () => schemaOf(text),
      (error) => isCoffreError(error, 'SOURCE_INVALID'),
    );
  }
});
