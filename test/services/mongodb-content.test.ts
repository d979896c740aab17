/** Whatever is in a MongoDB server comes back as it was: names, types, sizes, and beside programs that write. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Binary, Double, Int32, Long, ObjectId, Timestamp, type MongoClient } from 'mongodb';
import { startFerretdb, skipWithoutMongodb, type FerretdbServer } from './ferretdb.ts';
import { createMongodbScene, mongodb } from './mongodb-scene.ts';

const skip = skipWithoutMongodb();
const everything = { name: 'db', databases: [], excludeDatabases: [], dumpArguments: [] };
const target = { overwrite: false, only: [], settings: undefined };
let server: FerretdbServer;

before(async () => {
  if (skip === false) server = await startFerretdb();
});
after(async () => await server?.[Symbol.asyncDispose]());

/** Of every document as its bytes, in an order of their own. */
async function documentsOf(client: MongoClient, database: string, collection: string): Promise<string[]> {
  const documents: string[] = [];
  for await (const one of client.db(database).collection(collection).find({}, { raw: true })) {
    documents.push(
      createHash('sha256')
        .update(one as unknown as Uint8Array)
        .digest('hex'),
    );
  }
  return documents.toSorted();
}

async function collectionsOf(client: MongoClient, database: string): Promise<string[]> {
  const listed = await client.db(database).listCollections({}, { nameOnly: true }).toArray();
  return listed.map(({ name }) => name).toSorted();
}

/** FerretDB 1 refuses `$` and quotes in names, and databases with other than letters, digits, `-` and `_`. */
const names = [
  'with space',
  '-rf',
  '--drop',
  'a.b.c',
  'ünï \u{1f512}',
  'a*b',
  '*',
  'a\\b',
  'a/b',
  'new\nline',
  '%s',
  '`id`',
  ';',
];

test('names that mean something to others are only names here', { skip }, async () => {
  using scene = await createMongodbScene();
  for (const database of ['-rf', '--drop', '_x-1']) {
    for (const [number, name] of names.entries()) {
      await server.client.db(database).collection(name).insertOne({ number, name });
    }
  }
  const saved = await scene.save({ ...everything, url: server.url, databases: ['-rf', '--drop', '_x-1'] });
  assert.equal(saved.truth.archives.length, 3);
  await mongodb.load(saved, { ...target, to: `${server.url}copy_of_*` }, scene.context);
  for (const database of ['-rf', '--drop', '_x-1']) {
    assert.deepEqual(await collectionsOf(server.client, `copy_of_${database}`), names.toSorted());
    for (const name of names) {
      const [before, behind] = [database, `copy_of_${database}`].map((one) => documentsOf(server.client, one, name));
      assert.deepEqual(await behind, await before);
    }
  }
});

test('every type of value, long documents and empty collections are the same bytes again', { skip }, async () => {
  using scene = await createMongodbScene();
  const source = server.client.db('types');
  // FerretDB 1 knows no decimals, programs, lists in lists, and largest or smallest keys.
  await source.collection<{ _id: unknown; v: unknown }>('values').insertMany([
    { _id: 'double', v: [new Double(1e308), new Double(5e-324)] },
    { _id: 'text', v: 'säule "x" \\ \u{1f512}' },
    { _id: { a: 1, b: { c: [] } }, v: { '': 1, deep: [{ a: [] }] } },
    { _id: new Binary(Buffer.from([0, 255])), v: new Binary(Buffer.alloc(16, 3), 4) },
    { _id: new ObjectId('65a000000000000000000001'), v: [true, false, null] },
    { _id: new Date(-62_135_596_800_000), v: new Date(253_402_300_799_999) },
    { _id: new Int32(7), v: new Int32(-2_147_483_648) },
    { _id: Long.MAX_VALUE, v: Long.MIN_VALUE },
    { _id: new Timestamp({ t: 4_294_967_295, i: 1 }), v: /^a.*\//im },
  ]);
  await source.collection('large').insertOne({ bytes: Buffer.alloc(16 * 1024 * 1024 - 100, 'x') });
  await source.createCollection('empty');
  await source.createCollection('capped', { capped: true, size: 1_000_000, max: 10 });
  await source.collection('capped').insertMany([{ a: 1 }, { a: 2 }]);
  await source.collection('indexed').insertOne({ a: 1, b: { c: 2 } });
  await source.collection('indexed').createIndex({ a: 1, 'b.c': -1 }, { unique: true, name: 'one & other' }, {});
  const saved = await scene.save({ ...everything, url: server.url, databases: ['types'] });
  const verified = await mongodb.verify(saved, scene.context, new Set(['archive', 'open']));
  assert.deepEqual(verified.differences, []);
  await mongodb.load(saved, { ...target, to: `${server.url}types2` }, scene.context);
  for (const name of ['values', 'large', 'empty', 'capped', 'indexed']) {
    const before = await documentsOf(server.client, 'types', name);
    assert.deepEqual(await documentsOf(server.client, 'types2', name), before, name);
  }
  const settings = { ...everything, url: server.url };
  const [one, other] = await Promise.all(
    ['types', 'types2'].map((name) => mongodb.present({ ...settings, databases: [name] }, scene.context)),
  );
  const renamed = other!.collections.map((collection) => ({ ...collection, database: 'types' }));
  assert.deepEqual(mongodb.differences(one!, { ...other!, collections: renamed }), []);
  const capped = one!.collections.find(({ collection }) => collection === 'capped');
  assert.deepEqual(capped?.options, { capped: true, size: 1_000_000, max: 10 });
});

test(
  'beside programs that write, what nobody touched is in it once, and what is in it was there',
  { skip },
  async () => {
    using scene = await createMongodbScene();
    const busy = server.client.db('busy').collection<{ _id: string; step: number; fill: string }>('all');
    const fill = 'x'.repeat(500);
    await busy.insertMany(Array.from({ length: 4000 }, (_, number) => ({ _id: `still${number}`, step: 0, fill })));
    const still = await documentsOf(server.client, 'busy', 'all');
    let step = 0;
    const over = new AbortController();
    const writing = (async () => {
      while (!over.signal.aborted) {
        step += 1;
        await busy.insertOne({ _id: `new${step}`, step, fill });
        if (step % 3 === 0) await busy.deleteOne({ _id: `new${step - 1}` });
        await busy.updateOne({ _id: `new${step}` }, { $set: { step: step + 1 } });
      }
    })();
    let saved;
    try {
      saved = await scene.save({ ...everything, url: server.url, databases: ['busy'] });
    } finally {
      over.abort();
      await writing;
    }
    assert.ok(step > 0);
    await mongodb.load(saved, { ...target, to: `${server.url}busy2` }, scene.context);
    const loaded = await documentsOf(server.client, 'busy2', 'all');
    assert.equal(loaded.length, saved.truth.collections[0]?.documents);
    const found = new Set(loaded);
    assert.equal(found.size, loaded.length);
    assert.ok(still.every((one) => found.has(one)));
    const later = await server.client
      .db('busy2')
      .collection('all')
      .find({ _id: /^new/ } as object)
      .toArray();
    assert.ok(later.every((one) => one['step'] >= 1 && one['step'] <= step + 1));
  },
);
