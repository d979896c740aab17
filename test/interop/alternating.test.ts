/** Coffre and restic take turns on one repository. */
import assert from 'node:assert/strict';
import { lutimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { changeWorld, growWorld, writeWorld } from '../../packages/repository/src/testing/seeded-world.ts';
import { readFacts, type FolderFacts } from './folder-facts.ts';
import { createStage, newestIn, skipWithoutBoth, snapshotsIn, type Program, type Stage } from './stage.ts';

const rounds = 4;

describe('taking turns', { skip: skipWithoutBoth }, () => {
  let stage: Stage;
  before(() => {
    stage = createStage();
  });
  after(() => stage[Symbol.dispose]());

  for (const version of [1, 2] as const) {
    test(`version ${version}: the same folder is the same tree whoever saves it, and every state comes back`, async () => {
      const repository = await stage.repository(`turns ${version}`, version);
      const source = join(stage.folder, `world ${version}`);
      const random = createSeededRandom(40 + version);
      let world = growWorld(random);
      const states = new Map<string, FolderFacts>();
      for (let round = 0; round < rounds; round += 1) {
        await writeWorld(world, source);
        lutimesSync(source, 1_700_000_000 + round, 1_700_000_000 + round);
        const order: readonly Program[] = round % 2 === 0 ? ['coffre', 'new'] : ['new', 'coffre'];
        const [first, second] = order.map((program) => saved(program, repository, `world ${version}`));
        assert.ok(first && second);
        assert.equal(second.tree, first.tree, `round ${round}`);
        assert.equal(second.parent, first.id);
        states.set(first.id, readFacts(source));
        if (round % 2 === 1) bothFindItSound(repository);
        world = changeWorld(world, random);
      }

      if (version === 2) assert.ok(states.size === rounds);
      for (const [id, facts] of states) assert.deepEqual(restored('coffre', repository, id, `world ${version}`), facts);

      await maintained(repository, version, states);
    });
  }

  function saved(program: Program, repository: string, source: string): ReturnType<typeof newestIn> {
    stage.ok(program, repository, ['backup', source]);
    return newestIn(stage, repository);
  }

  let targets = 0;
  function restored(program: Program, repository: string, id: string, folder: string): FolderFacts {
    const target = join(stage.folder, `target${(targets += 1)}`);
    stage.ok(program, repository, ['restore', id, '--target', target]);
    return readFacts(join(target, folder));
  }

  function bothFindItSound(repository: string): void {
    stage.ok('new', repository, ['check', '--read-data']);
    assert.match(stage.ok('coffre', repository, ['check', '--read-data']), /no errors were found/);
  }

  /** What restic's maintenance makes of a repository with two hands in it. */
  async function maintained(
    repository: string,
    version: 1 | 2,
    states: ReadonlyMap<string, FolderFacts>,
  ): Promise<void> {
    const [[first] = [], last] = [[...states][0], [...states].at(-1)];
    assert.ok(first !== undefined && last !== undefined);
    stage.ok('old', repository, ['rebuild-index', '--read-all-packs']);
    stage.ok('new', repository, ['forget', first]);
    stage.ok('new', repository, ['prune', '--max-unused', '0', '--repack-small']);
    stage.ok('new', repository, ['repair', 'index']);
    stage.ok('coffre', repository, ['forget', '--keep-last', '1']);
    stage.ok('old', repository, ['prune']);
    bothFindItSound(repository);
    const copied = await stage.repository(`copy ${version}`, version === 1 ? 2 : 1);
    stage.ok('new', copied, ['copy', '--from-repo', repository], {
      environment: { RESTIC_FROM_PASSWORD: 'correct horse' },
    });
    bothFindItSound(copied);
    for (const place of [repository, copied]) {
      const [only, ...more] = snapshotsIn(stage, 'coffre', place);
      assert.ok(only !== undefined && more.length === 0);
      assert.deepEqual(restored('coffre', place, only.id, `world ${version}`), last[1]);
      assert.deepEqual(restored('new', place, only.id, `world ${version}`), last[1]);
    }
  }
});
