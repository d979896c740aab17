/** Whatever ends in the middle of a dump of MongoDB, no snapshot claims to hold it. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { CoffreError, isCoffreError } from '@coffre/repository';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { startFerretdb, skipWithoutMongodb, type FerretdbServer } from './ferretdb.ts';
import { createMongodbScene, mongodb, withBytes, type MongodbScene } from './mongodb-scene.ts';
import { dumpsOf, metDump, wordsOf } from './mongodump-process.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const skip = skipWithoutMongodb();
const everything = { name: 'db', databases: [], excludeDatabases: [], dumpArguments: [] };
/** mongodump waits half a minute for a server to come back. */
const impatient = { dumpArguments: ['--serverSelectionTimeout=1'] };
let server: FerretdbServer;

before(async () => {
  if (skip === false) server = await filledServer();
});
after(async () => await server?.[Symbol.asyncDispose]());

/** A few megabytes: a dump of them can be met in the middle. */
async function filledServer(): Promise<FerretdbServer> {
  const filled = await startFerretdb();
  const random = createSeededRandom(5);
  for (const name of ['a', 'b', 'c']) {
    await filled.client
      .db('shop')
      .collection(name)
      .insertMany(Array.from({ length: 60 }, (_, _id) => ({ _id, bytes: random.bytes(60_000) })) as object[]);
  }
  return filled;
}

async function failsCleanly(scene: MongodbScene, saving: Promise<unknown>, codes: readonly string[]): Promise<void> {
  await assert.rejects(saving, (error) => {
    assert.ok(isCoffreError(error) && codes.includes(error.code), String(error));
    return true;
  });
  assert.equal(await scene.snapshotCount(), 0);
  assert.deepEqual(scene.leftovers(), []);
  assert.deepEqual(dumpsOf(scene), []);
}

test('a dump tool that is killed leaves no snapshot', { skip }, async () => {
  using scene = await createMongodbScene();
  const saving = scene.save({ ...everything, url: server.url });
  process.kill(await metDump(scene), 'SIGKILL');
  await failsCleanly(scene, saving, ['SOURCE_COMMAND_FAILED']);
});

test('a server that dies leaves no snapshot', { skip }, async () => {
  await using mortal = await filledServer();
  using scene = await createMongodbScene();
  const saving = scene.save({ ...everything, url: mortal.url, ...impatient });
  await metDump(scene);
  process.kill(mortal.pid, 'SIGKILL');
  await failsCleanly(scene, saving, ['SOURCE_COMMAND_FAILED', 'SOURCE_INVALID']);
});

test('a connection that is cut in the middle leaves no snapshot', { skip }, async () => {
  for (const bytes of [100_000, 2_000_000, 9_000_000]) {
    await using proxy = await startTcpProxy(server.port);
    using scene = await createMongodbScene();
    proxy.cutAnswersAfter(bytes);
    const saving = scene.save({ ...everything, url: `mongodb://127.0.0.1:${proxy.port}/`, ...impatient });
    await failsCleanly(scene, saving, ['SOURCE_COMMAND_FAILED', 'SOURCE_INVALID']);
  }
});

test('a network that falls silent ends the dump after a while', { skip }, async () => {
  await using proxy = await startTcpProxy(server.port);
  using scene = await createMongodbScene();
  const url = `mongodb://127.0.0.1:${proxy.port}/`;
  const saving = scene.save({ ...everything, url, silenceMaxMs: 300 });
  // On a busy machine even the start may be longer silent.
  await Promise.race([metDump(scene), saving.catch(() => undefined)]);
  proxy.hang();
  await failsCleanly(scene, saving, ['SOURCE_UNREACHABLE']);
});

test('who is interrupted himself ends the tool and leaves no snapshot', { skip }, async () => {
  using scene = await createMongodbScene();
  const stop = new AbortController();
  const saving = scene.save({ ...everything, url: server.url }, stop.signal);
  await metDump(scene);
  stop.abort(new CoffreError('INTERRUPTED', 'enough'));
  await failsCleanly(scene, saving, ['INTERRUPTED']);
});

test('the password is in no program’s words, and its file is for us alone', { skip }, async () => {
  using scene = await createMongodbScene();
  const settings = { ...everything, url: `${server.url}?authMechanism=PLAIN`, user: 'ann', password: 'p@ss/w:rd "x"' };
  const hiding = [settings.password, encodeURIComponent(settings.password)];
  let looks = 0;
  const look = setInterval(() => {
    for (const pid of dumpsOf(scene)) {
      const words = wordsOf(String(pid));
      const file = /--config=([^\0]+)/.exec(words)?.[1];
      if (file === undefined) continue;
      looks += 1;
      assert.ok(!hiding.some((text) => words.includes(text)));
      assert.equal(statSync(file, { throwIfNoEntry: false })?.mode ?? 0o100600, 0o100600);
    }
  }, 1);
  const saved = await scene.save(settings).finally(() => clearInterval(look));
  assert.ok(looks > 0);
  assert.ok(!hiding.some((text) => JSON.stringify(saved.truth).includes(text)));
  assert.ok(!mongodb.describe(settings).includes('p@ss'));
});

test('a saved archive that is cut or changed anywhere is noticed', { skip }, async () => {
  using scene = await createMongodbScene();
  await server.client
    .db('small')
    .collection('one')
    .insertOne({ text: 'x'.repeat(3000) });
  const saved = await scene.save({ ...everything, url: server.url, databases: ['small'] });
  const { sizeBytes } = saved.truth.archives[0]!;
  const differencesOf = async (change: (bytes: Buffer) => Buffer): Promise<readonly string[]> =>
    (await mongodb.verify(withBytes(saved, change), scene.context, new Set(['archive']))).differences;
  assert.deepEqual(await differencesOf((bytes) => bytes), []);
  for (let at = 0; at < sizeBytes; at += 11) {
    assert.notDeepEqual(await differencesOf((bytes) => bytes.subarray(0, at)), [], `cut at ${at}`);
    const flipped = (bytes: Buffer): Buffer => {
      bytes[at] = bytes[at]! ^ 0x10;
      return bytes;
    };
    assert.notDeepEqual(await differencesOf(flipped), [], `changed at ${at}`);
  }
});
