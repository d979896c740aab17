/** A load into MongoDB is whole or not at all, and says what it would replace. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { CoffreError, isCoffreError } from '@coffre/repository';
import type { MongodbTruth } from '../../packages/coffre/src/source/mongodb/mongodb.ts';
import type { SavedSource } from '../../packages/coffre/src/source/source.ts';
import { startFerretdb, skipWithoutMongodb, toolsPath, type FerretdbServer } from './ferretdb.ts';
import { createMongodbScene, mongodb, withBytes, type MongodbScene } from './mongodb-scene.ts';
import { findService } from './programs.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const skip = skipWithoutMongodb();
const everything = { name: 'db', databases: [], excludeDatabases: [], dumpArguments: [] };
const into = { overwrite: false, only: [], settings: undefined };
let server: FerretdbServer;

before(async () => {
  if (skip !== false) return;
  server = await startFerretdb();
  for (const name of ['a', 'b']) {
    const documents = Array.from({ length: 50 }, (_, _id) => ({ _id, of: 'shop', bytes: Buffer.alloc(30_000, _id) }));
    await server.client
      .db('shop')
      .collection(name)
      .insertMany(documents as object[]);
  }
  await server.client.db('crm').collection('a').insertOne({ of: 'crm' });
});
after(async () => await server?.[Symbol.asyncDispose]());

async function names(database: string): Promise<string[]> {
  const listed = await server.client.db(database).listCollections({}, { nameOnly: true }).toArray();
  return listed.map(({ name }) => name).toSorted();
}

async function shopOf(scene: MongodbScene): Promise<SavedSource<MongodbTruth>> {
  return await scene.save({ ...everything, url: server.url, databases: ['shop'] });
}

const refused = (code: string) => (error: unknown) => isCoffreError(error) && error.code === code;

/** A mongorestore that does as it is told in shell, with the real one as `$REAL`. */
function pretender(t: TestContext, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-tool-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'mongorestore');
  writeFileSync(path, `#!/bin/sh\nREAL='${findService('mongorestore') ?? ''}'\n${script}\n`);
  chmodSync(path, 0o755);
  return `${folder}:${toolsPath()}`;
}

test('what is there is replaced only when that is said, and the rest of the database stays', { skip }, async () => {
  using scene = await createMongodbScene();
  const saved = await shopOf(scene);
  const target = server.client.db('replace');
  await target.collection('b').insertOne({ of: 'live' });
  await target.collection('other').insertOne({ of: 'live' });
  const to = `${server.url}replace`;
  await assert.rejects(mongodb.load(saved, { ...into, to }, scene.context), refused('SOURCE_TARGET_REFUSED'));
  assert.deepEqual(await names('replace'), ['b', 'other']);
  assert.equal(await target.collection('b').countDocuments({ of: 'live' }), 1);
  await mongodb.load(saved, { ...into, to, overwrite: true }, scene.context);
  assert.deepEqual(await names('replace'), ['a', 'b', 'other']);
  assert.equal(await target.collection('b').countDocuments({ of: 'shop' }), 50);
  assert.equal(await target.collection('b').countDocuments({ of: 'live' }), 0);
  assert.equal(await target.collection('other').countDocuments({ of: 'live' }), 1);
});

test('one collection is loaded alone, and several databases keep apart', { skip }, async () => {
  using scene = await createMongodbScene();
  const saved = await scene.save({ ...everything, url: server.url, databases: ['shop', 'crm'] });
  await mongodb.load(saved, { ...into, to: `${server.url}only_*`, only: ['shop.a'] }, scene.context);
  assert.deepEqual([await names('only_shop'), await names('only_crm')], [['a'], []]);
  await mongodb.load(saved, { ...into, to: `${server.url}both_*` }, scene.context);
  assert.deepEqual([await names('both_shop'), await names('both_crm')], [['a', 'b'], ['a']]);
  assert.equal(await server.client.db('both_crm').collection('a').countDocuments({ of: 'crm' }), 1);
});

test('a tool that loses documents and says that all is well is found out', { skip }, async (t) => {
  using scene = await createMongodbScene(pretender(t, 'cat >/dev/null; exit 0'));
  const saved = await shopOf(scene);
  await assert.rejects(
    mongodb.load(saved, { ...into, to: `${server.url}lossy` }, scene.context),
    (error) => isCoffreError(error, 'SOURCE_VERIFY_FAILED') && /shop\.a is missing/.test(error.message),
  );
  assert.deepEqual(await names('lossy'), []);
});

test('a tool that fails or is killed on the way leaves the target as it was', { skip }, async (t) => {
  const scripts = ['head -c 2000000 | "$REAL" "$@"; kill -9 $$', '"$REAL" "$@"; exit 7', 'exit 3'];
  for (const script of scripts) {
    using scene = await createMongodbScene(pretender(t, script));
    const saved = await shopOf(scene);
    await server.client
      .db('keep')
      .collection('a')
      .replaceOne({ _id: 1 as never }, { of: 'live' }, { upsert: true });
    const load = mongodb.load(saved, { ...into, to: `${server.url}keep`, overwrite: true }, scene.context);
    await assert.rejects(load, refused('SOURCE_COMMAND_FAILED'));
    assert.deepEqual(await names('keep'), ['a']);
    assert.equal(await server.client.db('keep').collection('a').countDocuments({ of: 'live' }), 1);
    assert.deepEqual(scene.leftovers(), []);
  }
});

test(
  'a collection that appears meanwhile is not touched, and what had its name already loses it again',
  { skip },
  async (t) => {
    const mark = join(mkdtempSync(join(tmpdir(), 'coffre-mark-')), 'loaded');
    t.after(() => rmSync(dirname(mark), { recursive: true }));
    const script = `"$REAL" "$@"; touch '${mark}'; while [ ! -f '${mark}.go' ]; do sleep 0.02; done`;
    using scene = await createMongodbScene(pretender(t, script));
    const saved = await shopOf(scene);
    const load = mongodb.load(saved, { ...into, to: `${server.url}meanwhile` }, scene.context);
    load.catch(() => undefined);
    while (!existsSync(mark)) await new Promise((resolve) => setTimeout(resolve, 10));
    await server.client.db('meanwhile').collection('b').insertOne({ of: 'live' });
    writeFileSync(`${mark}.go`, '');
    await assert.rejects(load, refused('SOURCE_COMMAND_FAILED'));
    assert.deepEqual(await names('meanwhile'), ['b']);
    assert.equal(await server.client.db('meanwhile').collection('b').countDocuments({ of: 'live' }), 1);
  },
);

test('a damaged archive is never loaded', { skip }, async () => {
  using scene = await createMongodbScene();
  const saved = await shopOf(scene);
  const { sizeBytes } = saved.truth.archives[0]!;
  for (const cut of [10, Math.floor(sizeBytes / 2), sizeBytes - 1]) {
    const torn = withBytes(saved, (bytes) => bytes.subarray(0, cut));
    const load = mongodb.load(torn, { ...into, to: `${server.url}torn` }, scene.context);
    await assert.rejects(load, refused('SOURCE_INVALID'));
    assert.deepEqual(await names('torn'), []);
  }
});

test('who is interrupted, and whose connection is cut, still leaves the target as it was', { skip }, async () => {
  using scene = await createMongodbScene();
  const saved = await shopOf(scene);
  for (const afterMs of [50, 150, 300, 600]) {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new CoffreError('INTERRUPTED', 'enough')), afterMs);
    try {
      await mongodb.load(saved, { ...into, to: `${server.url}stop` }, { ...scene.context, signal: stop.signal });
      assert.deepEqual(await names('stop'), ['a', 'b']);
      await server.client.db('stop').dropDatabase();
    } catch (error) {
      assert.ok(isCoffreError(error, 'INTERRUPTED'), String(error));
      assert.deepEqual(await names('stop'), []);
    }
  }
  await using proxy = await startTcpProxy(server.port);
  proxy.cutAfter(1_000_000);
  const load = mongodb.load(saved, { ...into, to: `mongodb://127.0.0.1:${proxy.port}/cut` }, scene.context);
  await assert.rejects(load, refused('SOURCE_COMMAND_FAILED'));
  assert.deepEqual(await names('cut'), []);
});

test('what cannot be done is said before anything is done', { skip }, async () => {
  using scene = await createMongodbScene();
  const gone = { ...everything, url: 'mongodb://127.0.0.1:1/' };
  await assert.rejects(mongodb.preflight(gone, scene.context, undefined), refused('SOURCE_UNREACHABLE'));
  await assert.rejects(mongodb.quickCheck(gone, scene.context), refused('SOURCE_UNREACHABLE'));
  const missing = { ...everything, url: server.url, databases: ['shop', 'shpo'] };
  await assert.rejects(mongodb.preflight(missing, scene.context, undefined), refused('SOURCE_MISSING'));
  await assert.rejects(scene.save(missing), refused('SOURCE_MISSING'));
  using toolless = await createMongodbScene('/nowhere');
  await assert.rejects(toolless.save({ ...everything, url: server.url }), refused('SOURCE_TOOL_MISSING'));
  const saved = await shopOf(scene);
  const load = mongodb.load(saved, { ...into, to: `${server.url}no_tool` }, toolless.context);
  await assert.rejects(load, refused('SOURCE_TOOL_MISSING'));
  assert.deepEqual(await names('no_tool'), []);
});

test('without a server program the archive is proved, and it is said what would prove more', { skip }, async () => {
  using scene = await createMongodbScene('/nowhere');
  using whole = await createMongodbScene();
  const saved = await shopOf(whole);
  const steps = new Set(['archive', 'open', 'schema', 'row_counts'] as const);
  const { passed, differences } = await mongodb.verify(saved, scene.context, steps);
  assert.deepEqual([passed, differences], [['archive', 'open'], []]);
  assert.match(scene.warnings.join(), /install mongod/);
  await assert.rejects(mongodb.scratch(saved, scene.context), refused('SOURCE_TOOL_MISSING'));
});

test('what changed since is told in the words of a person', { skip }, async () => {
  using scene = await createMongodbScene();
  const settings = { ...everything, url: server.url, databases: ['crm'] };
  const saved = await scene.save(settings);
  assert.deepEqual(mongodb.differences(saved.truth, await mongodb.present(settings, scene.context)), []);
  await server.client.db('crm').collection('a').insertOne({ of: 'later' });
  await server.client.db('crm').createCollection('new');
  assert.deepEqual(mongodb.differences(saved.truth, await mongodb.present(settings, scene.context)), [
    'crm.a has 2 documents instead of 1',
    'crm.new is new',
  ]);
  const { passed } = await mongodb.quickCheck(settings, scene.context);
  assert.deepEqual(passed, ['open']);
});

test('what is gone or empty since the last backup is told before the next one', { skip }, async () => {
  using scene = await createMongodbScene();
  const fleeting = server.client.db('fleeting');
  for (const name of ['stays', 'goes', 'empties']) await fleeting.collection(name).insertOne({ name });
  await server.client.db('brief').collection('a').insertOne({});
  const settings = { ...everything, url: server.url };
  const { truth } = await scene.save({ ...settings, databases: ['fleeting', 'brief'] });
  await fleeting.collection('goes').drop();
  await fleeting.collection('empties').deleteMany({});
  await server.client.db('brief').dropDatabase();
  const { warnings } = await mongodb.preflight({ ...settings, excludeDatabases: ['x'] }, scene.context, truth);
  assert.deepEqual(warnings.toSorted(), [
    'fleeting.empties is empty, and had 1 documents',
    'fleeting.goes of the last backup is not there any more',
    'the database brief of the last backup is not there any more',
  ]);
});
