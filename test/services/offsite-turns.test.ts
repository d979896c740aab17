/** Coffre and restic take turns on one repository that both reach only through a server. */
import assert from 'node:assert/strict';
import { lutimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { changeWorld, growWorld, writeWorld } from '../../packages/repository/src/testing/seeded-world.ts';
import { readFacts, type FolderFacts } from '../interop/folder-facts.ts';
import { createStage, newRestic, newestIn, snapshotsIn, type Program, type Stage } from '../interop/stage.ts';
import { skipWithout } from '../peers.ts';
import { skipWithoutService } from './programs.ts';
import { startRestServer } from './rest-server.ts';

const skipRestic = skipWithout(newRestic, 'restic 0.19');

/** Each saves the same folder, finds it unchanged after the other, removes, and restores what the other saved. */
async function takeTurns(stage: Stage, address: string, seed: number, rounds: number): Promise<void> {
  const source = join(stage.folder, 'world');
  const random = createSeededRandom(seed);
  let world = growWorld(random);
  const states = new Map<string, FolderFacts>();
  for (let round = 0; round < rounds; round += 1) {
    await writeWorld(world, source);
    lutimesSync(source, 1_700_000_000 + round, 1_700_000_000 + round);
    const order: readonly Program[] = round % 2 === 0 ? ['coffre', 'new'] : ['new', 'coffre'];
    const [first, second] = order.map((program) => {
      stage.ok(program, address, ['backup', 'world']);
      return newestIn(stage, address);
    });
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(second.tree, first.tree, `round ${round}`);
    assert.equal(second.parent, first.id);
    states.set(first.id, readFacts(source));
    stage.ok(round % 2 === 0 ? 'new' : 'coffre', address, ['forget', second.id]);
    world = changeWorld(world, random);
  }
  assert.equal(snapshotsIn(stage, 'coffre', address).length, rounds);
  let target = 0;
  for (const [id, facts] of states) {
    for (const program of ['coffre', 'new'] as const) {
      const folder = `restored${(target += 1)}`;
      stage.ok(program, address, ['restore', id, '--target', folder]);
      assert.deepEqual(readFacts(join(stage.folder, folder, 'world')), facts);
    }
  }
  stage.ok('new', address, ['prune', '--max-unused', '0']);
  stage.ok('new', address, ['check', '--read-data']);
  assert.match(stage.ok('coffre', address, ['check', '--read-data']), /no errors were found/);
}

describe('taking turns with restic', { skip: skipRestic }, () => {
  test('through rest-server', { skip: skipWithoutService('rest-server') }, async () => {
    using stage = createStage();
    await stage.repository('repositories/turns');
    await using server = await startRestServer({ folder: stage.folder });
    await takeTurns(stage, `rest:${server.origin}/turns/`, 91, 4);
  });

  test('through rclone', { skip: skipWithoutService('rclone') }, async () => {
    using stage = createStage();
    await takeTurns(stage, `rclone::local:${await stage.repository('turns')}`, 92, 2);
  });
});
