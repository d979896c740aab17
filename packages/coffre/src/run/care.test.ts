import { strict as assert } from 'node:assert';
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RepositoryName } from '../config/config.ts';
import { takeLease } from '../store/leases.ts';
import { listVerifications } from '../store/verifications.ts';
import { careFor, parseCareTasks } from './care.ts';
import type { CareTask } from './care-due.ts';
import type { PartResult } from './run-request.ts';
import { makePlanScene, usualYaml, type PlanScene } from './testing/plan-scene.ts';

function yamlOf(scene: PlanScene): string {
  return usualYaml(
    scene.folder,
    `sites: {lyon: {sources: {notes: {type: command, run: [echo, remember]}}}}
plans: {shop: {sources: [lyon/notes], to: local}}`,
  ).replace(
    'place: here}',
    'place: here, check: {structure: daily, read_data: 10% per day}, prune: {schedule: daily}}',
  );
}

async function careOf(scene: PlanScene, tasks?: readonly CareTask[]): Promise<readonly PartResult[]> {
  const around = scene.around(yamlOf(scene));
  const repository = around.config.repositories.get('local' as RepositoryName)!;
  const witness = { log: undefined, environment: {}, warn: () => undefined };
  return await careFor(around, repository, { tasks, witness });
}

const facts = async (scene: PlanScene): Promise<string[]> => {
  const kinds = ['list', 'pack', 'check', 'check-read'] as const;
  const newest = kinds.map(async (kind) => (await listVerifications(scene.store, { repository: 'local', kind }, 1))[0]);
  return (await Promise.all(newest)).flatMap((one) => (one === undefined ? [] : [`${one.kind} ${one.outcome}`]));
};

test('all that is due is done, and found in the history; then nothing is due', async () => {
  await using scene = await makePlanScene();
  await scene.run(yamlOf(scene));
  const done = await careOf(scene);
  assert.deepEqual(
    done.map(({ kind, outcome }) => `${kind} ${outcome}`),
    ['check success', 'check success', 'prune success'],
  );
  assert.deepEqual(await facts(scene), ['list good', 'pack good', 'check good', 'check-read good']);
  assert.deepEqual(await careOf(scene), []);
});

test('a pack that holds other bytes than were written is damage, whichever it is', async () => {
  await using scene = await makePlanScene();
  await scene.run(yamlOf(scene));
  const data = join(scene.folder, 'local', 'data');
  for (const name of readdirSync(data, { recursive: true, encoding: 'utf8' })) {
    if (!/[0-9a-f]{64}$/.test(name)) continue;
    rmSync(join(data, name));
    writeFileSync(join(data, name), 'other bytes');
  }
  const [look] = await careOf(scene, ['look']);
  assert.deepEqual([look?.outcome, look?.code], ['failed', 'REPO_CHECK_FAILED']);
  assert.match(look?.reason ?? '', /holds other bytes than were written/);
  const [read] = await careOf(scene, ['read']);
  assert.equal(read?.outcome, 'failed');
  assert.deepEqual(await facts(scene), ['list good', 'pack damaged', 'check damaged', 'check-read damaged']);
});

test('a backup goes on while a repository is checked beside it', async () => {
  await using scene = await makePlanScene();
  await scene.run(yamlOf(scene));
  const backup = { repository: 'local', mode: 'shared', holder: 'other pid 7 boot-9 1', durationMs: 60_000 } as const;
  assert.equal((await takeLease(scene.store, backup)).kind, 'held');
  const lock = join(scene.folder, 'local', 'locks');
  assert.deepEqual(
    (await careOf(scene, ['look', 'read'])).map(({ outcome }) => outcome),
    ['success', 'success'],
  );
  assert.deepEqual(readdirSync(lock), []);
});

test('a repository that is away is put down as unreachable, and its leases are given back', async () => {
  await using scene = await makePlanScene();
  renameSync(join(scene.folder, 'local'), join(scene.folder, 'unplugged'));
  const [look] = await careOf(scene, ['look']);
  assert.deepEqual([look?.outcome, look?.code], ['failed', 'REPO_NOT_FOUND']);
  assert.deepEqual(await facts(scene), ['list unreachable']);
});

test('what is not configured cannot be asked for', async () => {
  await using scene = await makePlanScene();
  const { config } = scene.around(yamlOf(scene));
  const offsite = config.repositories.get('offsite' as RepositoryName)!;
  assert.deepEqual(parseCareTasks(['look'], offsite), ['look']);
  assert.throws(() => parseCareTasks(['prune'], offsite), {
    code: 'USAGE',
    message: /"prune" is not configured for offsite/,
  });
  assert.throws(() => parseCareTasks(['dust'], offsite), { code: 'USAGE', hint: 'There are look.' });
});
