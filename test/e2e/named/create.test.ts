/** Backups with a name: made, listed, pinned, deleted, and known again when the state is gone. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createScene } from './scene.ts';
import type { Scene } from './scene.ts';

type Listed = {
  readonly backups: readonly {
    readonly name: string;
    readonly repository: string;
    readonly kind: string | null;
    readonly pinned: boolean;
    readonly description: string | null;
    readonly answers_to: readonly string[];
    readonly verified: string | null;
    readonly snapshots: readonly { readonly source: string }[];
  }[];
};

const list = (scene: Scene, ...words: readonly string[]): Listed['backups'] =>
  (scene.json('backup', 'list', ...words) as Listed).backups;

test('a named backup is one backup in both repositories, and its name is refused before anything is read again', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  const made = scene.good('backup', 'create', '--name', 'before_v2', '--pin', '--description', 'old prices, new rope');
  assert.match(
    made,
    /^before_v2 is saved as [0-9a-f]{8}, [0-9a-f]{8}, pinned; it answers to backup_manual_before_v2 too$/m,
  );
  const backups = list(scene);
  assert.deepEqual(backups.map(({ repository }) => repository).toSorted(), ['local', 'offsite']);
  for (const { name, kind, pinned, description, snapshots } of backups) {
    assert.deepEqual([name, kind, pinned, description], ['before_v2', 'manual', true, 'old prices, new rope']);
    assert.deepEqual(
      snapshots.map(({ source }) => source),
      ['lyon/uploads', 'lyon/shop'],
    );
  }
  const again = scene.run('backup', 'create', '--name', 'before_v2');
  assert.equal(again.status, 1);
  assert.match(again.stderr, /BACKUP_NAME_TAKEN: Nothing was saved/);
  assert.equal(list(scene).length, 2);
  assert.equal(scene.run('backup', 'create', '--name', '../x').status, 1);
  assert.equal(scene.run('backup', 'create', '--name', 'x', '--plan', 'weekly').status, 1);
});

test('only one source, when that is wanted; pinned ones are deleted after they were unpinned', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  scene.good('backup', 'create', '--name', 'shop_only', '--source', 'lyon/shop');
  assert.deepEqual(
    list(scene, '--from', 'local')[0]?.snapshots.map(({ source }) => source),
    ['lyon/shop'],
  );
  scene.good('backup', 'pin', 'shop_only');
  assert.equal(scene.run('backup', 'delete', 'shop_only', '--confirm').status, 1);
  assert.ok(list(scene).every(({ pinned }) => pinned));
  scene.good('backup', 'unpin', 'shop_only');
  assert.equal(scene.run('backup', 'delete', 'shop_only').status, 24);
  scene.good('backup', 'delete', 'backup_manual_shop_only', '--confirm');
  assert.deepEqual(list(scene), []);
  assert.match(scene.good('audit', 'tail'), /backup delete done/);
  scene.good('backup', 'create', '--name', 'shop_only', '--source', 'lyon/shop');
});

test('a kill between the new tags and the old ones leaves one backup, and the next command mends it', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  scene.good('backup', 'create', '--name', 'v1', '--source', 'lyon/shop');
  const folder = join(scene.folder, 'local', 'snapshots');
  const [old] = readdirSync(folder);
  const bytes = readFileSync(join(folder, old!));
  scene.good('backup', 'pin', 'v1', '--from', 'local');
  writeFileSync(join(folder, old!), bytes);
  assert.equal(readdirSync(folder).length, 2);
  assert.deepEqual(
    list(scene, '--from', 'local').map(({ name, pinned }) => [name, pinned]),
    [['v1', true]],
  );
  assert.equal(scene.run('backup', 'create', '--name', 'v1').status, 1);
  scene.good('restore', '--name', 'v1', '--target', join(scene.folder, 'out'));
  scene.good('backup', 'unpin', 'v1', '--from', 'local');
  assert.equal(readdirSync(folder).length, 1);
  assert.deepEqual(
    list(scene, '--from', 'local').map(({ pinned }) => pinned),
    [false],
  );
});

test('automatic and manual ones are kept apart, and both are found by name', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  scene.good('run', 'nightly');
  scene.good('backup', 'create', '--name', 'v1');
  assert.deepEqual(
    list(scene, '--kind', 'manual', '--from', 'local').map(({ name }) => name),
    ['v1'],
  );
  const [auto] = list(scene, '--kind', 'auto', '--from', 'local');
  assert.match(auto?.name ?? '', /^backup_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$/);
  // One backup, in both repositories.
  const recent = list(scene, '--recent', '1');
  assert.deepEqual(
    recent.map(({ name }) => name),
    ['v1', 'v1'],
  );
  writeFileSync(join(scene.uploads, 'one.txt'), 'spoilt\n');
  scene.good('restore', '--name', auto!.name, '--source', 'lyon/uploads', '--confirm');
  assert.equal(readFileSync(join(scene.uploads, 'one.txt'), 'utf8'), 'one\n');
  assert.notEqual(list(scene, '--name', auto!.name, '--from', 'local')[0]?.verified, undefined);
});

test('without the state everything that snapshots tell is known again: names, pins, and when what was last saved where', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  scene.good('run', 'nightly');
  scene.good('backup', 'create', '--name', 'v1', '--pin');
  const before = { list: list(scene), status: statusOf(scene) };
  rmSync(join(scene.folder, 'state'), { recursive: true });
  assert.match(scene.good('rebuild-cache'), /^local: 4 snapshots; 2 backups and 1 name added to the history$/m);
  assert.deepEqual(list(scene), before.list);
  assert.deepEqual(statusOf(scene), before.status);
  assert.equal(scene.run('plan', '--detailed-exitcode').status, 0, 'the configuration is known as it was applied');
  assert.match(scene.good('rebuild-cache'), /^local: 4 snapshots; 0 backups and 0 names added to the history$/m);
});

type StatusItem = {
  readonly item: string;
  readonly state: string;
  readonly backup: { readonly last_good: string };
  readonly copies: readonly { readonly repository: string; readonly last_good: string }[];
  readonly problems: readonly unknown[];
};

/** Of each source in each repository: how it stands, and to the minute since when. Proofs leave nothing in a snapshot. */
function statusOf(scene: Scene): unknown {
  const { items } = JSON.parse(scene.run('status', '--json').stdout) as { items: readonly StatusItem[] };
  assert.equal(items.length, 2);
  const isRecent = (time: string): boolean => Math.abs(Date.now() - Date.parse(time)) < 600_000;
  return items.map(({ item, state, backup, copies, problems }) => ({
    item,
    state,
    problems,
    backup: isRecent(backup.last_good),
    copies: copies.map(({ repository, last_good: time }) => [repository, isRecent(time)]),
  }));
}

test('folders that are called like these words are saved as they always were', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  writeFileSync(join(scene.folder, 'key'), 'named');
  const place = ['-r', join(scene.folder, 'local'), '--password-file', join(scene.folder, 'key')];
  for (const name of ['create', 'list', 'pin']) {
    mkdirSync(join(scene.folder, name));
    writeFileSync(join(scene.folder, name, 'file'), name);
  }
  scene.good(...place, 'backup', './create');
  scene.good(...place, 'backup', '--tag', 'x', 'list');
  scene.good(...place, 'backup', '--', 'pin');
  assert.match(scene.good(...place, 'ls', 'latest'), /\/pin\/file$/m);
  assert.equal((JSON.parse(scene.good(...place, 'snapshots', '--json')) as unknown[]).length, 3);
});
