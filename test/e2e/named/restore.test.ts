/** Restores by name, moment and newest: shown, proved, asked for, and what was there is kept. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createScene, itemsOf, writeShop } from './scene.ts';
import type { Scene } from './scene.ts';

/** Snapshots as a run of the plan makes them. */
function save(scene: Scene, repository: string, time: string, tags: string): void {
  writeFileSync(join(scene.folder, 'key'), 'named');
  const place = ['-r', join(scene.folder, repository), '--password-file', join(scene.folder, 'key'), '-q'];
  const words = ['backup', '--time', time, '--tag', `coffre:plan=nightly,${tags}`];
  scene.good(...place, ...words, '--tag', 'coffre:source=lyon/uploads', '--manifest', scene.uploads);
  scene.good(...place, ...words, '--tag', 'coffre:source=lyon/shop', '--sqlite', scene.shop);
}

/** Two backups of two sources: of noon, and a named one of two o'clock, UTC. Then both sources are spoilt. */
async function spoiltScene(t: TestContext): Promise<Scene> {
  const scene = createScene(t);
  await scene.prepare();
  save(scene, 'local', '2026-08-20 12:00:00', 'coffre:kind=auto,coffre:run=1');
  writeFileSync(join(scene.uploads, 'one.txt'), 'uno\n');
  save(scene, 'local', '2026-08-20 14:00:00', 'coffre:kind=manual,coffre:run=2,coffre:name=v1');
  writeFileSync(join(scene.uploads, 'one.txt'), 'broken\n');
  writeFileSync(join(scene.uploads, 'three.txt'), 'three\n');
  writeShop(scene.shop, ['ghost']);
  return scene;
}

const one = (scene: Scene): string => readFileSync(join(scene.uploads, 'one.txt'), 'utf8');
const message = (text: string): Record<string, unknown> => JSON.parse(text.trim().split('\n').at(-1)!) as never;

test('in place: nothing is replaced before it is confirmed, and what was there comes back by its name', async (t) => {
  const scene = await spoiltScene(t);
  const unasked = scene.run('restore', '--name', 'v1');
  assert.equal(unasked.status, 24);
  assert.match(unasked.stdout, /lyon\/uploads: verified [0-9a-f]{8}, 2 files, 8 B, every hash as signed/);
  assert.match(unasked.stdout, /replaces .*\/srv\/shop\.db \(sqlite, 8\.000 KiB as saved\)/);
  assert.equal(one(scene), 'broken\n');

  const done = message(scene.good('restore', '--name', 'v1', '--confirm', '--json'));
  assert.equal(one(scene), 'uno\n');
  assert.deepEqual(itemsOf(scene.shop), ['anvil', 'rope']);
  assert.ok(existsSync(join(scene.uploads, 'three.txt')), 'what is only there stays');
  const [kept] = done['kept'] as string[];
  assert.match(scene.good('audit', 'tail'), /restore done/);

  scene.good('restore', '--name', kept!.slice(0, 8), '--confirm');
  assert.equal(one(scene), 'broken\n');
  assert.deepEqual(itemsOf(scene.shop), ['anvil', 'rope', 'ghost']);
});

test('--at means the newest backup up to then on the clock of the configuration, for one source if that is named', async (t) => {
  const scene = await spoiltScene(t);
  const target = join(scene.folder, 'out');
  scene.good('restore', '--at', '2026-08-20 15:59', '--plan', 'nightly', '--target', target);
  assert.equal(readFileSync(join(target, scene.uploads, 'one.txt'), 'utf8'), 'one\n');
  assert.deepEqual(itemsOf(join(target, scene.shop)), ['anvil', 'rope']);
  assert.equal(one(scene), 'broken\n', 'with a target nothing is replaced');
  scene.good('restore', '--at', '2026-08-20T14:00Z', '--source', 'lyon/uploads', '--confirm');
  assert.equal(one(scene), 'uno\n');
  assert.deepEqual(itemsOf(scene.shop), ['anvil', 'rope', 'ghost']);
  assert.equal(scene.run('restore', '--at', '2026-08-19').status, 1);
});

test('a damaged backup is refused, and --verified-only takes the newest sound one', async (t) => {
  const scene = await spoiltScene(t);
  damageContent(scene, 'uno\n');
  const refused = scene.run('restore', '--latest', '--source', 'lyon/uploads', '--confirm');
  assert.equal(refused.status, 20, refused.stderr);
  assert.match(refused.stderr, /--verified-only takes the newest backup that is sound/);
  assert.equal(one(scene), 'broken\n');
  scene.good('restore', '--latest', '--verified-only', '--source', 'lyon/uploads', '--confirm');
  assert.equal(one(scene), 'one\n');
});

/** One byte of the only piece that no earlier backup has. */
function damageContent(scene: Scene, content: string): void {
  const blob = createHash('sha256').update(content).digest('hex');
  const place = ['-r', join(scene.folder, 'local'), '--password-file', join(scene.folder, 'key')];
  const pack = /belongs to pack ([0-9a-f]{64})/.exec(
    scene.good(...place, 'find', '--blob', blob, '--show-pack-id'),
  )?.[1];
  assert.ok(pack !== undefined);
  const path = join(scene.folder, 'local', 'data', pack.slice(0, 2), pack);
  const bytes = readFileSync(path);
  bytes[20] = bytes[20]! ^ 0xff;
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
}

test('in an emergency a dead repository is passed over, each step has its time, and nothing is asked twice', async (t) => {
  const scene = await spoiltScene(t);
  save(scene, 'offsite', '2026-08-20 14:00:00', 'coffre:kind=manual,coffre:run=2,coffre:name=v1');
  writeFileSync(join(scene.uploads, 'one.txt'), 'worse\n');
  renameSync(join(scene.folder, 'local'), join(scene.folder, 'gone'));
  const usual = scene.run('restore', '--name', 'v1', '--confirm');
  assert.equal(usual.status, 10);
  assert.match(usual.stderr, /--from offsite/);
  const ran = scene.run('restore', '--name', 'v1', '--emergency', '--confirm');
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[0:\d\d\] local is passed over: /m);
  assert.match(ran.stdout, /every blob is still checked against its hash/);
  assert.equal(one(scene), 'broken\n');
});

test('what cannot be kept is not replaced', async (t) => {
  const scene = await spoiltScene(t);
  rmSync(join(scene.folder, 'local', 'locks'), { recursive: true });
  writeFileSync(join(scene.folder, 'local', 'locks'), 'a file where locks should be');
  const ran = scene.run('restore', '--name', 'v1', '--confirm');
  assert.notEqual(ran.status, 0);
  assert.equal(one(scene), 'broken\n');
});

test('restic words stay restic words: a snapshot and --target, and no name beside it', async (t) => {
  const scene = await spoiltScene(t);
  const place = ['-r', join(scene.folder, 'local'), '--password-file', join(scene.folder, 'key')];
  const target = join(scene.folder, 'out');
  scene.good(...place, 'restore', 'latest', '--path', scene.uploads, '--target', target);
  assert.equal(readFileSync(join(target, scene.uploads, 'one.txt'), 'utf8'), 'uno\n');
  assert.equal(scene.run(...place, 'restore', 'latest', '--latest').status, 1);
  assert.equal(scene.run(...place, 'restore', 'latest').status, 1);
});
