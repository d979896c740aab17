/** A real replica set that is written to, steps down and renames while it is dumped: one moment, or no snapshot. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import type { Collection, MongoClient } from 'mongodb';
import { chooseMember } from '../../packages/coffre/src/source/mongodb/dumped-member.ts';
import { connectionOf } from '../../packages/coffre/src/source/mongodb/mongodb-address.ts';
import { openServer } from '../../packages/coffre/src/source/mongodb/mongodb-server.ts';
import { toolsPath } from './ferretdb.ts';
import { mongodFolder, skipWithoutMongod, startMongod, type MongodServer } from './mongod.ts';
import { createMongodbScene, mongodb, type MongodbScene } from './mongodb-scene.ts';
import { metDump } from './mongodump-process.ts';

const skip = skipWithoutMongod();
const everything = { name: 'db', databases: [], excludeDatabases: [], dumpArguments: [] };
const into = { overwrite: false, only: [], settings: undefined };
const accounts = 50;
type Account = { _id: number; balance: number };
type Entry = { _id: number; fill?: string };
let turns = 0;
let set: MongodServer;
let lone: MongodServer;
/** With the rights that the guide names, and no more. */
let reader: string;
let loader: string;

before(async () => {
  if (skip !== false) return;
  [set, lone] = await Promise.all([startMongod({ members: 3, hasUsers: true }), startMongod({ hasUsers: true })]);
  const ann = { createUser: 'ann', pwd: 'p@ss/w:rd', roles: ['backup', 'clusterMonitor'] };
  await set.client.db('admin').command({ ...ann, writeConcern: { w: 3 } });
  reader = set.url.replace('root:root', 'ann:p%40ss%2Fw%3Ard');
  const bob = { createUser: 'bob', pwd: 'bob', roles: ['restore', 'readWriteAnyDatabase'] };
  await lone.client.db('admin').command(bob);
  loader = `${lone.url.replace('root:root', 'bob:bob')}authSource=admin`;
  const { a, z } = bank(set.client);
  const first = Array.from({ length: accounts }, (_, _id) => ({ _id, balance: 100 }));
  await a.insertMany(first);
  await z.insertMany(first);
  const fill = 'x'.repeat(8000);
  await bulk(set.client).insertMany(Array.from({ length: 1500 }, (_, _id) => ({ _id, fill })));
});
after(async () => {
  await set?.[Symbol.asyncDispose]();
  await lone?.[Symbol.asyncDispose]();
});

function bank(client: MongoClient, database = 'bank'): { a: Collection<Account>; z: Collection<Account> } {
  return { a: client.db(database).collection('a'), z: client.db(database).collection('z') };
}

function bulk(client: MongoClient): Collection<Entry> {
  return client.db('bank').collection('m');
}

/** Money moves between two collections in transactions, and collections and indexes come and go. */
async function live(client: MongoClient, over: AbortSignal): Promise<void> {
  const { a, z } = bank(client);
  const database = client.db('bank');
  const first = turns;
  while (!over.aborted) {
    const turn = (turns += 1);
    const _id = turn % accounts;
    await client.withSession(async (session) => {
      await session.withTransaction(async () => {
        await a.updateOne({ _id }, { $inc: { balance: -1 } }, { session });
        await z.updateOne({ _id }, { $inc: { balance: 1 } }, { session });
      });
    });
    await database.collection<Entry>('passing').insertOne({ _id: turn });
    if (turn % 10 === 5) await database.collection('passing').drop();
    if (turn === first + 3) await database.collection<Entry>('fresh').insertOne({ _id: turn });
    if (turn === first + 4) await z.createIndex({ balance: 1 }, {}, {});
    if (turn % 20 === 0 && turn < 400) await database.collection<Entry>(`made ${turn}`).insertOne({ _id: turn });
    if (turn % 7 === 0) await bulk(client).deleteOne({ _id: turn });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function savedWhileLiving(scene: MongodbScene, url: string): ReturnType<MongodbScene['save']> {
  const over = new AbortController();
  const living = live(set.client, over.signal);
  const saving = scene.save({ ...everything, url });
  try {
    return await saving.finally(() => over.abort());
  } finally {
    await living;
  }
}

/** Collections that were made one after the other: those of a moment are the first ones. */
async function madeIn(client: MongoClient, database: string): Promise<number[]> {
  const listed = await client.db(database).listCollections({}, { nameOnly: true }).toArray();
  const numbers = listed.flatMap(({ name }) => (name.startsWith('made ') ? [Number(name.slice(5))] : []));
  return numbers.toSorted((a, b) => a - b);
}

async function assertOneMoment(client: MongoClient, database: string): Promise<void> {
  const { a, z } = bank(client, database);
  const [one, other] = await Promise.all([a, z].map(async (half) => await half.find({}).sort({ _id: 1 }).toArray()));
  assert.equal(one?.length, accounts);
  const sums = one?.map(({ balance }, at) => balance + (other?.[at]?.balance ?? 0));
  assert.deepEqual(new Set(sums), new Set([200]));
}

test(
  'what is written meanwhile is applied: one moment, in a private server and under other names',
  { skip },
  async () => {
    using scene = await createMongodbScene(`${toolsPath()}:${mongodFolder()}`);
    const { warnings } = await mongodb.preflight({ ...everything, url: reader }, scene.context, undefined);
    assert.deepEqual(warnings, []);
    const saved = await savedWhileLiving(scene, reader);
    assert.equal(saved.truth.consistency, 'moment');
    assert.ok((saved.truth.oplog?.changes ?? 0) > 10, JSON.stringify(saved.truth.oplog));
    const every = new Set(['archive', 'open', 'schema', 'row_counts'] as const);
    const verified = await mongodb.verify(saved, scene.context, every);
    assert.deepEqual([verified.differences, verified.passed], [[], [...every]]);
    await mongodb.load(saved, { ...into, to: loader.replace('/?', '/copy?') }, scene.context);
    await assertOneMoment(lone.client, 'copy');
    const made = await madeIn(lone.client, 'copy');
    assert.deepEqual(made, (await madeIn(set.client, 'bank')).slice(0, made.length));
    const listed = saved.truth.collections.filter(({ collection }) => collection.startsWith('made '));
    assert.ok(made.length >= listed.length, `${made.length} of ${listed.length}`);
    assert.deepEqual(scene.warnings, []);
    assert.deepEqual(scene.leftovers(), []);
    const left = await lone.client.db('copy').listCollections().toArray();
    assert.deepEqual(
      left.filter(({ name }) => name.startsWith('coffre_')),
      [],
    );
  },
);

test('in the place of what is there too, and the rest of the database stays', { skip }, async () => {
  using scene = await createMongodbScene();
  const saved = await savedWhileLiving(scene, set.url);
  await set.client.db('bank').collection<Entry>('later').insertOne({ _id: 1 });
  await bank(set.client).a.updateMany({}, { $set: { balance: -7 } });
  await mongodb.load(saved, { ...into, to: set.url, overwrite: true }, scene.context);
  await assertOneMoment(set.client, 'bank');
  assert.equal(await set.client.db('bank').collection('later').countDocuments(), 1);
  const names = (await set.client.db('bank').listCollections().toArray()).map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => name.startsWith('coffre_')),
    [],
  );
  await mongodb.load(saved, { ...into, to: loader.replace('/?', '/few?'), only: ['a'] }, scene.context);
  assert.deepEqual(
    (await lone.client.db('few').listCollections().toArray()).map(({ name }) => name),
    ['a'],
  );
});

test('one member is dumped, and a secondary when that is asked for', { skip }, async () => {
  using scene = await createMongodbScene();
  const hello = async (url: string): Promise<Record<string, unknown>> => {
    const { connection } = await chooseMember(connectionOf({ url }), scene.context);
    assert.equal(connection.namesOneServer, true);
    await using server = await openServer(connection, scene.context.signal);
    return await server.client.db('admin').command({ hello: 1 });
  };
  assert.equal((await hello(reader))['isWritablePrimary'], true);
  assert.equal((await hello(`${reader}&readPreference=secondary`))['secondary'], true);
  const saved = await savedWhileLiving(scene, `${reader}&readPreference=secondary`);
  await mongodb.load(saved, { ...into, to: loader.replace('/?', '/second?') }, scene.context);
  await assertOneMoment(lone.client, 'second');
});

test('a collection that is renamed while it is dumped leaves no snapshot', { skip }, async () => {
  using scene = await createMongodbScene();
  const over = new AbortController();
  const saving = scene.save({ ...everything, url: reader });
  const renaming = (async () => {
    const database = set.client.db('bank');
    await database.collection<Entry>('there').insertOne({ _id: 1 });
    while (!over.signal.aborted) {
      await database.collection('there').rename('back');
      await database.collection('back').rename('there');
    }
  })();
  await assert.rejects(
    saving.finally(() => over.abort()),
    /renames occur|bank\.(there|back)/,
  );
  await renaming;
  // The next dump begins with the newest entry of the oplog, which is to be no rename.
  await set.client.db('bank').collection('there').insertOne({});
  assert.equal(await scene.snapshotCount(), 0);
  assert.deepEqual(scene.leftovers(), []);
});

test('an election while it is dumped leaves no snapshot, and the next one is whole', { skip }, async () => {
  using scene = await createMongodbScene();
  const saving = scene.save({ ...everything, url: reader });
  const pid = await metDump(scene);
  process.kill(pid, 'SIGSTOP');
  await set.client.db('admin').command({ replSetStepDown: 5, secondaryCatchUpPeriodSecs: 2, force: true });
  await set.client.db('admin').collection('any').insertOne({});
  process.kill(pid, 'SIGCONT');
  await assert.rejects(saving, (error) => isCoffreError(error, 'SOURCE_COMMAND_FAILED') && error.retryable);
  assert.equal(await scene.snapshotCount(), 0);
  const saved = await savedWhileLiving(scene, reader);
  assert.equal(saved.truth.consistency, 'moment');
});
