/** What the history says is there is looked for, every time a repository is listed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tagSnapshots } from '@coffre/repository';
import type { RepositoryName } from '../config/config.ts';
import { openConfigured } from '../access/configured-repository.ts';
import { listVerifications } from '../store/verifications.ts';
import { careFor } from './care.ts';
import { makePlanScene, usualYaml } from './testing/plan-scene.ts';

test('a newest backup that somebody removed is noticed, until there is a newer one', async () => {
  await using scene = await makePlanScene();
  scene.write('data/file', 'one');
  const yaml = usualYaml(
    scene.folder,
    `sites: {here: {sources: {data: {type: files, paths: [FOLDER/data]}}}}
plans: {daily: {sources: [here/data], to: local, copy: {offsite: {after: each}}}}`,
  );
  const look = async (name: string): Promise<string> => {
    const around = scene.around(yaml);
    const repository = around.config.repositories.get(name as RepositoryName)!;
    const { environment } = around.repositories;
    const witness = { log: undefined, environment, warn: () => undefined };
    await careFor(around, repository, { tasks: ['look'], witness });
    const [listed] = await listVerifications(scene.store, { repository: name, kind: 'list' }, 1);
    return `${listed?.outcome}: ${listed?.detail}`;
  };
  const run = await scene.run(yaml, 'daily');
  assert.equal(run.outcome, 'success');
  assert.match(await look('local'), /^good: 1 snapshots and \d+ packs listed$/);
  assert.match(await look('offsite'), /^good: /);

  // As `tag` and `backup pin` leave it.
  for (const name of ['local', 'offsite']) {
    const { config, repositories } = scene.around(yaml);
    await using tagged = await openConfigured(config.repositories.get(name as RepositoryName)!, repositories);
    await tagSnapshots(
      tagged,
      await tagged.listSnapshots(),
      { kind: 'change', add: ['mine'], remove: [] },
      () => undefined,
    );
    assert.match(await look(name), /^good: /);
  }

  const around = scene.around(yaml);
  const [stored] = await scene.snapshots(yaml, 'local');
  await using repository = await openConfigured(
    around.config.repositories.get('local' as RepositoryName)!,
    around.repositories,
  );
  await repository.remove('snapshots', stored!.id);
  assert.match(
    await look('local'),
    /^damaged: the newest backup is not there any more: [0-9a-f]{8} of daily, here\/data$/,
  );
  assert.match(await look('offsite'), /^good: /);

  scene.write('data/file', 'two');
  assert.equal((await scene.run(yaml, 'daily')).outcome, 'success');
  assert.match(await look('local'), /^good: /);
});
