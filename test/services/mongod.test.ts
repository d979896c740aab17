/** A real mongod, saved, proved in a private server and loaded again, with everything that it takes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fillWithEverything, fingerprint } from './mongod-everything.ts';
import { mongodFolder, skipWithoutMongod, startMongod, type MongodServer } from './mongod.ts';
import { toolsPath } from './ferretdb.ts';
import { createMongodbScene, mongodb } from './mongodb-scene.ts';

const skip = skipWithoutMongod();
const everything = { name: 'db', databases: [], excludeDatabases: [], dumpArguments: [] };
const into = { overwrite: false, only: [], settings: undefined };
let server: MongodServer;
let other: MongodServer;

before(async () => {
  if (skip !== false) return;
  [server, other] = await Promise.all([startMongod({ members: 1 }), startMongod()]);
  await fillWithEverything(server.client);
});
after(async () => {
  await server?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
});

test('everything that a server takes is proved in a private one and loaded, byte for byte', { skip }, async () => {
  using scene = await createMongodbScene(`${toolsPath()}:${mongodFolder()}`);
  const settings = { ...everything, url: server.url };
  const { warnings } = await mongodb.preflight(settings, scene.context, undefined);
  assert.deepEqual(warnings, []);
  const saved = await scene.save(settings);
  assert.equal(saved.truth.consistency, 'moment');
  const weather = saved.truth.collections.find(({ collection }) => collection === 'weather');
  assert.equal(weather?.documents, 300, 'measurements are counted, not the buckets they lie in');
  const every = new Set(['archive', 'open', 'schema', 'row_counts'] as const);
  const verified = await mongodb.verify(saved, scene.context, every, settings);
  assert.deepEqual([verified.differences, verified.passed], [[], [...every]]);
  await mongodb.load(saved, { ...into, to: other.url }, scene.context);
  assert.deepEqual(await fingerprint(other.client), await fingerprint(server.client));
  const present = await mongodb.present(settings, scene.context);
  assert.deepEqual(mongodb.differences(saved.truth, present), []);
  assert.deepEqual(scene.warnings, []);
  assert.deepEqual(scene.leftovers(), []);
});

test('a server without an oplog is saved collection by collection', { skip }, async () => {
  using scene = await createMongodbScene();
  await other.client.db('lone').collection('c').insertOne({});
  const { truth } = await scene.save({ ...everything, url: other.url });
  assert.equal(truth.consistency, 'collection');
  assert.equal(truth.oplog, null);
});

test('a load that fails beside what is there takes away all that it brought', { skip }, async () => {
  using scene = await createMongodbScene();
  const saved = await scene.save({ ...everything, url: server.url, databases: ['kinds'] });
  const before = await fingerprint(other.client);
  const lied = saved.truth.collections.map((one) => ({ ...one, documents: one.documents + 1 }));
  const wrong = { ...saved, truth: { ...saved.truth, collections: lied } };
  await other.client
    .db('full')
    .collection('mine')
    .insertOne({ _id: 1 as never });
  const to = other.url.replace('/?', '/full?');
  await assert.rejects(mongodb.load(wrong, { ...into, to }, scene.context), /not what was saved: kinds\./);
  await other.client.db('full').collection('mine').drop();
  await other.client.db('full').dropDatabase();
  assert.deepEqual(await fingerprint(other.client), before);
});
