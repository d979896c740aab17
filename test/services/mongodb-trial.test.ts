/** Proof on a server that the settings name, and users with their saved credentials. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { skipWithoutMongodb, startFerretdb, toolsPath, type FerretdbServer } from './ferretdb.ts';
import { startDisguise } from './mongodb-disguise.ts';
import { createMongodbScene, mongodb } from './mongodb-scene.ts';

const skip = skipWithoutMongodb();
const everything = { name: 'db', databases: [], excludeDatabases: [], dumpArguments: [] };
const steps = new Set(['archive', 'open', 'schema', 'row_counts'] as const);
let server: FerretdbServer;

before(async () => {
  if (skip !== false) return;
  server = await startFerretdb();
  for (const name of ['shop', 'crm']) {
    const orders = server.client.db(name).collection('orders');
    await orders.insertMany(Array.from({ length: 20 }, (_, number) => ({ number })));
    await orders.createIndex({ number: -1 }, { name: 'by number' }, {});
  }
});
after(async () => await server?.[Symbol.asyncDispose]());

async function trials(): Promise<string[]> {
  const { databases } = await server.client.db('admin').admin().listDatabases();
  return databases.map(({ name }) => name).filter((name) => name.startsWith('coffre_'));
}

test('all four steps pass without a server program, and the databases of the trial are gone', { skip }, async () => {
  using scene = await createMongodbScene();
  const settings = { ...everything, url: server.url, databases: ['shop', 'crm'], scratch: { url: server.url } };
  const saved = await scene.save(settings);
  await server.client.db('shop').collection('orders').insertOne({ number: 'since' });
  const found = await mongodb.verify(saved, scene.context, steps, settings);
  assert.deepEqual([found.passed, found.differences], [[...steps], []]);
  assert.match(
    found.proved.join(),
    /loaded into ferretdb at mongodb:\/\/127\.0\.0\.1:\d+, indexes and counts as saved/,
  );
  assert.deepEqual(await trials(), []);
  assert.equal(await server.client.db('shop').collection('orders').countDocuments({}), 21);
  await server.client.db('shop').collection('orders').deleteOne({ number: 'since' });
});

test('what cannot be proved there leaves nothing behind, and what a killed proof left goes', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-tool-'));
  try {
    writeFileSync(join(folder, 'mongorestore'), '#!/bin/sh\ncat >/dev/null; exit 0\n');
    chmodSync(join(folder, 'mongorestore'), 0o755);
    using scene = await createMongodbScene(`${folder}:${toolsPath()}`);
    const settings = { ...everything, url: server.url, databases: ['shop'], scratch: { url: server.url } };
    const saved = await scene.save(settings);
    const mark = { host: hostname(), pid: 4_194_304 };
    await server.client.db('coffre_trial_dead_0').collection('coffre_trial').insertOne(mark);
    await server.client
      .db('coffre_trial_alive_0')
      .collection('coffre_trial')
      .insertOne({ ...mark, pid: process.pid });
    await server.client
      .db('coffre_trial_far_0')
      .collection('coffre_trial')
      .insertOne({ ...mark, host: 'elsewhere' });
    await server.client.db('coffre_trial').collection('own').insertOne({});
    const found = await mongodb.verify(saved, scene.context, steps, settings);
    assert.match(found.differences.join(), /: shop\.orders has 0 documents instead of 20/);
    const left = await trials();
    assert.deepEqual(left.toSorted(), ['coffre_trial', 'coffre_trial_alive_0', 'coffre_trial_far_0']);
    for (const name of left) await server.client.db(name).dropDatabase();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('users and roles come back as they were saved, and nobody who is there is changed', { skip }, async () => {
  await using other = await startFerretdb();
  await using disguise = await startDisguise(server.port);
  await using target = await startDisguise(other.port);
  const credentials = { 'SCRAM-SHA-256': { iterationCount: 15_000, salt: 'c2FsdA==', storedKey: 'a', serverKey: 'b' } };
  type Account = { _id: string; user: string; db: string; credentials: object; roles: object[] };
  const users = server.client.db('admin').collection<Account>('system.users');
  for (const user of ['ann', 'bob']) {
    await users.insertOne({
      _id: `shop.${user}`,
      user,
      db: 'shop',
      credentials,
      roles: [{ role: 'read', db: 'shop' }],
    });
  }
  await server.client
    .db('admin')
    .collection<{ _id: string; role: string; db: string }>('system.roles')
    .insertOne({ _id: 'shop.seller', role: 'seller', db: 'shop' });
  await other.client
    .db('admin')
    .collection<Account>('system.users')
    .insertOne({ _id: 'shop.bob', user: 'bob', db: 'shop', credentials: {}, roles: [] });
  using scene = await createMongodbScene();
  const saved = await scene.save({ ...everything, url: disguise.url });
  const into = { overwrite: true, only: [], settings: undefined, to: target.url };
  await mongodb.load({ ...saved, truth: { ...saved.truth, oplog: null } }, into, scene.context);
  assert.ok(!target.commands.includes('_mergeAuthzCollections'));
  const place = await mongodb.load(
    { ...saved, truth: { ...saved.truth, oplog: null } },
    { ...into, createsOwners: true },
    scene.context,
  );
  assert.match(place, /with 1 users and 1 roles$/);
  const merged = other.client.db('admin').collection<Account>('merged');
  const found = await merged.find({}).sort({ _id: 1 }).toArray();
  assert.deepEqual(
    found.map(({ _id }) => _id),
    ['shop.ann', 'shop.seller'],
  );
  assert.deepEqual(found[0]?.credentials, credentials);
  const left = await other.client.db('admin').listCollections({}, { nameOnly: true }).toArray();
  assert.ok(!left.some(({ name }) => name.startsWith('temp')));
});
