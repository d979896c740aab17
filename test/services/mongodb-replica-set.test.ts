/**
 * What is done for a replica set of mongod, against FerretDB in the disguise of one. It proves our side only; where a real
 * mongod is here, it proves more (`mongod-moment.test.ts`), and the dear ones of these are left out.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startFerretdb, skipWithoutMongodb, type FerretdbServer } from './ferretdb.ts';
import { skipWithoutMongod } from './mongod.ts';
import { startDisguise, type Disguise } from './mongodb-disguise.ts';
import { createMongodbScene, mongodb } from './mongodb-scene.ts';

const skip = skipWithoutMongodb();
const skipDear = skip !== false ? skip : skipWithoutMongod() === false && 'a real mongod proves it';
const everything = { name: 'db', databases: [], excludeDatabases: [], dumpArguments: [] };
const into = { overwrite: false, only: [], settings: undefined };
let server: FerretdbServer;
let disguise: Disguise;

before(async () => {
  if (skip !== false) return;
  server = await startFerretdb();
  disguise = await startDisguise(server.port);
  await server.client.db('local').createCollection('oplog.rs', { capped: true, size: 10_000_000 });
  const orders = server.client.db('shop').collection('orders');
  await orders.insertMany(Array.from({ length: 200 }, (_, number) => ({ number })));
  await orders.createIndex({ number: -1 }, { unique: true, name: 'by number' }, {});
});
after(async () => {
  await disguise?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

test('the whole of a replica set is saved with its oplog, and its span is recorded', { skip }, async () => {
  using scene = await createMongodbScene();
  const { warnings } = await mongodb.preflight({ ...everything, url: disguise.url }, scene.context, undefined);
  assert.deepEqual(warnings, []);
  const { truth } = await scene.save({ ...everything, url: disguise.url });
  assert.deepEqual(truth.server.replicaSet, 'rs0');
  assert.equal(truth.consistency, 'moment');
  assert.ok(truth.oplog !== null && truth.oplog.entries >= 1);
  assert.match(truth.oplog.first ?? '', /^\d+:\d+$/);
  assert.ok(!truth.collections.some(({ collection }) => collection === 'oplog'));
});

test('what programs write during the dump is in the oplog', { skip: skipDear }, async (t) => {
  using scene = await createMongodbScene();
  t.after(async () => await server.client.db('busy').dropDatabase());
  const busy = server.client.db('busy').collection('all');
  const over = new AbortController();
  await busy.insertOne({ number: 0 });
  const writing = (async () => {
    for (let number = 1; !over.signal.aborted; number += 1) await busy.insertOne({ number });
  })();
  const saving = scene.save({ ...everything, url: disguise.url });
  const { truth } = await saving.finally(() => over.abort());
  await writing;
  assert.ok(truth.oplog !== null && truth.oplog.changes > 0, JSON.stringify(truth.oplog));
});

test('mongorestore makes the indexes itself on a server that takes them', { skip }, async (t) => {
  using scene = await createMongodbScene();
  const saved = await scene.save({ ...everything, url: disguise.url });
  const changeless = { ...saved, truth: { ...saved.truth, oplog: null } };
  t.after(async () => await server.client.db('copy').dropDatabase());
  const before = disguise.commands.filter((name) => name === 'createIndexes').length;
  await mongodb.load(changeless, { ...into, to: disguise.url.replace('/?', '/copy?') }, scene.context);
  assert.ok(disguise.commands.filter((name) => name === 'createIndexes').length > before);
  const indexes = await server.client.db('copy').collection('orders').indexes();
  assert.deepEqual(
    indexes.map(({ name, unique }) => [name, unique === true]),
    [
      ['_id_', false],
      ['by number', true],
    ],
  );
  assert.equal(await server.client.db('copy').collection('orders').countDocuments(), 200);
});

test('FerretDB itself applies no oplog, and that is said', { skip }, async () => {
  using scene = await createMongodbScene();
  const saved = await scene.save({ ...everything, url: disguise.url });
  const busy = { ...saved, truth: { ...saved.truth, oplog: { entries: 5, changes: 4, first: null, last: null } } };
  await mongodb.load(busy, { ...into, to: `${server.url}other` }, scene.context);
  await server.client.db('other').dropDatabase();
  assert.match(scene.warnings.join(), /during the dump is not applied/);
});

test(
  'with the oplog all collections are of one moment again, elsewhere under their names',
  { skip: skipDear },
  async (t) => {
    using scene = await createMongodbScene();
    t.after(async () => await server.client.db('ledger').dropDatabase());
    const ledger = server.client.db('ledger');
    type Entry = { _id: number; fill: string };
    const [debit, credit] = ['a debit', 'z credit'].map((name) => ledger.collection<Entry>(name)) as [
      ReturnType<typeof ledger.collection<Entry>>,
      ReturnType<typeof ledger.collection<Entry>>,
    ];
    const fill = 'x'.repeat(2000);
    const first = Array.from({ length: 500 }, (_, _id) => ({ _id, fill }));
    await debit.insertMany(first);
    await credit.insertMany(first);
    const over = new AbortController();
    const writing = (async () => {
      for (let _id = 500; !over.signal.aborted; _id += 1) {
        await debit.insertOne({ _id, fill: '' });
        await credit.insertOne({ _id, fill: '' });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    const saving = scene.save({ ...everything, url: disguise.url });
    const saved = await saving.finally(() => over.abort());
    await writing;
    assert.ok(saved.truth.oplog !== null && saved.truth.oplog.changes > 0);

    await using elsewhere = await startFerretdb();
    await using passing = await startDisguise(elsewhere.port);
    await mongodb.load(saved, { ...into, to: passing.url }, scene.context);
    assert.deepEqual(scene.warnings, []);
    assert.ok(passing.commands.includes('applyOps'));
    const loaded = elsewhere.client.db('ledger');
    const counts = await Promise.all(['a debit', 'z credit'].map((name) => loaded.collection(name).countDocuments()));
    // At any moment there was as much of both, or one more of the first.
    assert.ok([0, 1].includes(counts[0]! - counts[1]!), JSON.stringify([counts, saved.truth.oplog]));
  },
);
