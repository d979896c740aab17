/** MongoDB saved and loaded by the official tools, against FerretDB over the real wire protocol. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { after, before, test } from 'node:test';
import { MongoClient } from 'mongodb';
import { startFerretdb, skipWithoutMongodb, toolsPath, type FerretdbServer } from './ferretdb.ts';
import { createMongodbScene, mongodb } from './mongodb-scene.ts';
import { findService } from './programs.ts';

const skip = skipWithoutMongodb();
const everything = { databases: [], excludeDatabases: [], dumpArguments: [] };
let server: FerretdbServer;

before(async () => {
  if (skip !== false) return;
  server = await startFerretdb();
  const shop = server.client.db('shop');
  await shop
    .collection('orders')
    .insertMany(
      Array.from({ length: 500 }, (_, number) => ({ number, customer: `c${number}`, lines: [1, { a: number / 3 }] })),
    );
  await shop.collection('orders').createIndex({ number: -1 }, { unique: true }, {});
  await shop.collection('orders').createIndex({ customer: 1, number: 1 }, { name: 'both ways' }, {});
  await shop.createCollection('nothing yet');
  await shop.createCollection('log', { capped: true, size: 100_000, max: 50 });
});
after(async () => await server?.[Symbol.asyncDispose]());

test('a server is saved, its archive proved, and loaded under another name', { skip }, async () => {
  using scene = await createMongodbScene();
  const saved = await scene.save({ name: 'db', url: server.url, ...everything });
  const { truth } = saved;
  assert.equal(truth.consistency, 'collection');
  assert.deepEqual(
    truth.collections.map(({ collection, documents, indexes }) => [collection, documents, indexes.length]),
    [
      ['log', 0, 1],
      ['nothing yet', 0, 1],
      ['orders', 500, 3],
    ],
  );
  const verified = await mongodb.verify(saved, scene.context, new Set(['archive', 'open']));
  assert.deepEqual(verified.passed, ['archive', 'open']);
  assert.deepEqual(verified.differences, []);
  const target = { overwrite: false, only: [], settings: undefined };
  await mongodb.load(saved, { ...target, to: `${server.url}copy` }, scene.context);
  const documents = async (database: string): Promise<unknown[]> =>
    await server.client.db(database).collection('orders').find({}).sort({ _id: 1 }).toArray();
  assert.deepEqual(await documents('copy'), await documents('shop'));
  const present = await mongodb.present(
    { name: 'db', url: server.url, ...everything, databases: ['copy'] },
    scene.context,
  );
  assert.deepEqual(
    present.collections.map((one) => ({ ...one, database: 'shop' })),
    truth.collections,
  );
  assert.deepEqual(scene.leftovers(), []);
});

test('a private server loads it on trial, and nothing of it stays', { skip }, async () => {
  using scene = await createMongodbScene(`${toolsPath()}:${dirname(findService('ferretdb')!)}`);
  const saved = await scene.save({ name: 'db', url: server.url, ...everything, databases: ['shop'] });
  const every = new Set(['archive', 'open', 'schema', 'row_counts'] as const);
  const verified = await mongodb.verify(saved, scene.context, every);
  assert.deepEqual(verified.differences, []);
  assert.deepEqual(verified.passed, [...every]);
  assert.deepEqual(scene.leftovers(), []);
  await using scratch = await mongodb.scratch(saved, scene.context);
  const client = new MongoClient(scratch.place);
  assert.equal(await client.db('shop').collection('orders').countDocuments(), 500);
  await client.close();
});
