/** `import { Coffre } from 'coffre'` does what the commands do, and gives values. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Coffre } from '../../../packages/coffre/src/coffre.ts';
import { createScene, itemsOf, writeShop } from './scene.ts';

test('runs, names, lists, verifies and restores, and tells what happens meanwhile', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  await using coffre = await Coffre.open(scene.file, { environment: scene.environment });
  assert.deepEqual(coffre.plans, ['nightly']);
  const told: string[] = [];
  coffre.on('run.started', ({ plan }) => told.push(`started ${plan}`));
  const stop = coffre.on('run.finished', ({ outcome }) => told.push(`finished ${outcome}`));
  coffre.on('restore.step', ({ text }) => told.push(text.replace(/^\[.*?\] /, '')));

  const run = await coffre.runBackup('nightly');
  assert.equal(run.outcome, 'success');
  assert.deepEqual(told, ['started nightly', 'finished success']);
  stop();
  const named = await coffre.createBackup({ name: 'v1', pin: true, description: 'before v2' });
  assert.equal(named.outcome, 'success');
  await assert.rejects(coffre.createBackup({ name: 'v1' }), { code: 'BACKUP_NAME_TAKEN' });
  assert.deepEqual(told, ['started nightly', 'finished success', 'started nightly']);

  const [newest, ...older] = await coffre.listBackups({ from: ['local'] });
  assert.deepEqual(
    [newest?.name, newest?.kind, newest?.isPinned, newest?.description],
    ['v1', 'manual', true, 'before v2'],
  );
  assert.ok(newest!.created instanceof Date && (newest!.sizeBytes ?? 0) > 8);
  assert.deepEqual(
    older.map(({ kind }) => kind),
    ['auto'],
  );

  const proof = await coffre.verifyBackup('v1');
  assert.equal(proof.isSound, true);
  assert.deepEqual(
    proof.snapshots.map(({ repository }) => repository),
    ['local', 'local', 'offsite', 'offsite'],
  );
  assert.ok((await coffre.listBackups({ name: 'v1' })).every(({ verified }) => verified !== undefined));

  writeFileSync(join(scene.uploads, 'one.txt'), 'spoilt\n');
  writeShop(scene.shop, ['ghost']);
  await assert.rejects(coffre.restoreBackup({ latest: true }), { code: 'USAGE' });
  const { restored, kept } = await coffre.restoreBackup({ name: 'v1', inPlace: true });
  assert.deepEqual(
    restored.map(({ source }) => source),
    ['lyon/uploads', 'lyon/shop'],
  );
  assert.equal(kept.length, 2);
  assert.equal(readFileSync(join(scene.uploads, 'one.txt'), 'utf8'), 'one\n');
  assert.deepEqual(itemsOf(scene.shop), ['anvil', 'rope']);
  assert.equal(told.at(-1), 'restored lyon/uploads, lyon/shop');
});

test('a run that fails is a result and an event; a mistake in the file is an error with its code', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  await using coffre = await Coffre.open(scene.file, { environment: scene.environment });
  const failed: (string | undefined)[] = [];
  coffre.on('run.failed', ({ code }) => failed.push(code));
  writeFileSync(scene.shop, 'no database');
  const { outcome, code } = await coffre.runBackup('nightly');
  assert.deepEqual([outcome, code, failed], ['failed', 'SOURCE_INVALID', ['SOURCE_INVALID']]);
  await assert.rejects(coffre.runBackup('weekly'), { code: 'PLAN_UNKNOWN' });
  await assert.rejects(Coffre.open(join(scene.folder, 'none.yaml'), { environment: scene.environment }), {
    code: 'CONFIG_NOT_FOUND',
  });
  writeFileSync(scene.file, 'version: 1\nplanz: {}\n');
  await assert.rejects(Coffre.open(scene.file, { environment: scene.environment }), { code: 'CONFIG_INVALID' });
});

test('closing it stops what runs and leaves no lock', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  const coffre = await Coffre.open(scene.file, { environment: scene.environment });
  const started = Promise.withResolvers<void>();
  coffre.on('run.phase', ({ phase }) => (phase === 'read' ? started.resolve() : undefined));
  const run = coffre.runBackup('nightly');
  await Promise.race([started.promise, run]);
  await coffre[Symbol.asyncDispose]();
  assert.ok(['cancelled', 'success'].includes((await run).outcome));
  writeFileSync(join(scene.folder, 'key'), 'named');
  const place = ['-r', join(scene.folder, 'local'), '--password-file', join(scene.folder, 'key')];
  assert.equal(scene.good(...place, 'list', 'locks').trim(), '');
  await assert.rejects(coffre.runBackup('nightly'), { code: 'INTERRUPTED' });
});
