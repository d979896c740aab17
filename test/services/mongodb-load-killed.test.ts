/**
 * Who loads into MongoDB is killed at any moment. Between two renames some collections are new and some old, which no
 * server can prevent; the next load ends what was begun. Bounded here; COFFRE_KILLS=500 for more, COFFRE_SEED for the same.
 */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serialize } from 'node:v8';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { skipWithoutMongodb, startFerretdb, toolsPath } from './ferretdb.ts';
import { createMongodbScene, mongodb } from './mongodb-scene.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const kills = Number(process.env['COFFRE_KILLS'] ?? 3);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);
const collections = ['a', 'b', 'c', 'd'];

function hasProgramsWith(text: string): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(join('/proc', pid, 'cmdline'), 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

test(`killed at each rename, and at ${kills} other moments of a load`, { skip: skipWithoutMongodb() }, async (t) => {
  t.diagnostic(`seed ${seed}`);
  const random = createSeededRandom(seed);
  await using server = await startFerretdb();
  using scene = await createMongodbScene();
  const folder = mkdtempSync(join(tmpdir(), 'coffre-load-killed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of collections) {
    const documents = Array.from({ length: 20 }, (_, _id) => ({ _id, of: 'saved', bytes: Buffer.alloc(2000, _id) }));
    await server.client
      .db('shop')
      .collection(name)
      .insertMany(documents as object[]);
  }
  const settings = { name: 'db', url: server.url, databases: ['shop'], excludeDatabases: [], dumpArguments: [] };
  const saved = await scene.save(settings);
  const contents = new Map<string, Uint8Array>();
  for (const { path } of saved.streams) contents.set(path, Buffer.concat(await Array.fromAsync(saved.read(path))));
  writeFileSync(join(folder, 'saved'), serialize({ truth: saved.truth, streams: saved.streams, contents }));

  const target = server.client.db('target');
  const names = async (): Promise<string[]> =>
    (await target.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).toSorted();
  const renew = async (): Promise<void> => {
    await target.dropDatabase();
    for (const name of [...collections, 'other']) await target.collection(name).insertOne({ of: 'live', name });
  };
  const ofEach = async (): Promise<string[]> =>
    await Promise.all(collections.map(async (name) => String((await target.collection(name).findOne({}))?.['of'])));
  const startLoad = (port: number): ChildProcess => {
    const words = [
      join(folder, 'saved'),
      `mongodb://127.0.0.1:${port}/target?directConnection=true`,
      join(folder, 'tmp'),
      toolsPath(),
    ];
    return fork(new URL('./mongodb-loader.ts', import.meta.url), words);
  };
  let total = 0;
  {
    await renew();
    await using proxy = await startTcpProxy(server.port, (bytes) => (total = bytes));
    await once(startLoad(proxy.port), 'exit');
    assert.deepEqual(await ofEach(), ['saved', 'saved', 'saved', 'saved']);
  }
  const ends = { live: 0, saved: 0, between: 0, told: 0 };
  // Each collection is put aside, and its successor takes its name.
  const renames = 2 * collections.length;
  for (let round = 1; round <= renames + kills; round += 1) {
    await renew();
    const at = round <= renames ? Infinity : random.integer(total);
    const running: { child?: ChildProcess } = {};
    let renamed = 0;
    {
      await using proxy = await startTcpProxy(server.port, (bytes, piece) => {
        if (piece.includes('renameCollection')) renamed += 1;
        if (renamed === round || bytes >= at) running.child?.kill('SIGKILL');
      });
      running.child = startLoad(proxy.port);
      await once(running.child, 'exit');
    }
    // It notices by its input that nobody feeds it any more.
    while (hasProgramsWith(join(folder, 'tmp'))) await pause(20);
    const before = await ofEach();
    const isBetween = new Set(before).size > 1;
    const { warnings } = await mongodb.preflight({ ...settings, databases: ['target'] }, scene.context, undefined);
    ends.told += warnings.some((line) => line.includes('was cut off')) ? 1 : 0;
    if (isBetween) assert.match(warnings.join(), /some collections are new and some old/);
    // Something else is loaded into the same database.
    const one = { to: `${server.url}target`, overwrite: true, settings: undefined };
    await mongodb.load(saved, { ...one, only: ['shop.a'] }, scene.context);
    const [, ...others] = await ofEach();
    assert.equal(new Set(others).size, 1, `${before.join()} became ${others.join()} in round ${round}`);
    ends[isBetween ? 'between' : others[0] === 'live' ? 'live' : 'saved'] += 1;
    assert.deepEqual(await names(), [...collections, 'other']);
    for (const name of collections.slice(1)) {
      assert.equal(await target.collection(name).countDocuments(), others[0] === 'live' ? 1 : 20);
    }
  }
  t.diagnostic(JSON.stringify(ends));
  assert.ok(ends.between >= collections.length && ends.told > ends.between, JSON.stringify(ends));
  assert.deepEqual(scene.warnings, []);
});

test(
  'what somebody wrote under a name that was free for a moment is kept',
  { skip: skipWithoutMongodb() },
  async () => {
    await using server = await startFerretdb();
    using scene = await createMongodbScene();
    await server.client.db('shop').collection<{ of: string }>('a').insertOne({ of: 'saved' });
    const settings = { name: 'db', url: server.url, databases: ['shop'], excludeDatabases: [], dumpArguments: [] };
    const saved = await scene.save(settings);
    const target = server.client.db('target');
    for (const [name, of] of [
      ['coffre_load_x1_0', 'loaded'],
      ['coffre_old_x1_0', 'replaced'],
      ['b', 'written since'],
    ] as const) {
      await target.collection(name).insertOne({ of });
    }
    const step = { final: 'b', temporary: 'coffre_load_x1_0', aside: 'coffre_old_x1_0', view: null };
    const { hostname } = await import('node:os');
    const journal = { token: 'x1', pid: 4_194_304, host: hostname(), state: 'naming', steps: [step] };
    await target.collection('coffre_load_x1_journal').insertOne(journal);
    await target.collection('coffre_load_other').insertOne({ of: 'somebody' });
    await mongodb.load(
      saved,
      { to: `${server.url}target`, overwrite: true, only: [], settings: undefined },
      scene.context,
    );
    const listed = (await target.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).toSorted();
    assert.deepEqual(listed, ['a', 'b', 'coffre_kept_x1_0', 'coffre_load_other']);
    assert.equal((await target.collection('b').findOne({}))?.['of'], 'loaded');
    assert.equal((await target.collection('coffre_kept_x1_0').findOne({}))?.['of'], 'written since');
    assert.match(scene.warnings.join(), /kept as coffre_kept_x1_0/);
  },
);
