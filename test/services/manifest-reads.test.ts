/** The first backup of a plan over the network: what it saved is described without being read back. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startStage } from '../../packages/coffre/src/repo-server/server-stage.ts';
import { makePlanScene, usualYaml } from '../../packages/coffre/src/run/testing/plan-scene.ts';

const sources = `sites: {lyon: {sources: {uploads: {type: files, paths: [FOLDER/uploads]}}}}
plans: {shop: {sources: [lyon/uploads], to: offsite}}`;

test('a plan whose files have many pieces reads no pack of its first backup, and its checksums are right', async () => {
  await using scene = await makePlanScene();
  await using server = await startStage();
  cpSync(join(scene.folder, 'offsite'), join(server.folder, 'offsite'), { recursive: true });
  mkdirSync(join(scene.folder, 'uploads'));
  const sizes = { empty: 0, small: 100, pieces: 9_000_000, long: 40_000_000 };
  for (const [name, size] of Object.entries(sizes)) {
    writeFileSync(join(scene.folder, 'uploads', name), randomBytes(size));
  }
  const yaml = usualYaml(scene.folder, sources, `rest:http://127.0.0.1:${server.port}/offsite/`);
  const packsRead = (): number =>
    server.served.filter(({ method, path }) => method === 'GET' && path.includes('/data/')).length;

  const { outcome } = await scene.run(yaml);
  assert.equal(outcome, 'success');
  assert.equal(packsRead(), 0);
  assert.ok(server.served.some(({ method, path }) => method === 'POST' && path.includes('/data/')));

  const [saved] = await scene.snapshots(yaml, 'offsite');
  assert.ok(saved !== undefined);
  const sums = (await scene.fileOf(yaml, 'offsite', saved.id, '/.coffre/SHA256SUMS')).toString();
  for (const name of Object.keys(sizes)) {
    const bytes = readFileSync(join(scene.folder, 'uploads', name));
    const sum = createHash('sha256').update(bytes).digest('hex');
    assert.ok(sums.includes(`${sum}  .${scene.folder}/uploads/${name}\n`), name);
    assert.ok(bytes.equals(await scene.fileOf(yaml, 'offsite', saved.id, `${scene.folder}/uploads/${name}`)), name);
  }

  // One more file: what did not change is known from the manifest before.
  const before = packsRead();
  writeFileSync(join(scene.folder, 'uploads', 'more'), randomBytes(5_000_000));
  assert.equal((await scene.run(yaml)).outcome, 'success');
  const [, next] = await scene.snapshots(yaml, 'offsite');
  const again = (await scene.fileOf(yaml, 'offsite', next!.id, '/.coffre/SHA256SUMS')).toString();
  for (const line of sums.split('\n').filter((one) => one.includes('/uploads/'))) assert.ok(again.includes(line), line);
  const small = server.served.slice(-200).filter(({ method, path }) => method === 'GET' && path.includes('/data/'));
  assert.ok(packsRead() - before < 12, `${small.length} reads`);
});
