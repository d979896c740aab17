/**
 * Kills real prunes on a real disk at random moments, again and again, in one repository that goes on being backed up and
 * forgotten. Bounded here; for as long as you like with COFFRE_KILLS=10000. The seed is printed and can be given back with
 * COFFRE_SEED.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { findRestic, skipWithout } from '../peers.ts';
import { coffre, makeKillScene } from './kill-scene.ts';

const restic = findRestic('newest');
const kills = Number(process.env['COFFRE_KILLS'] ?? 12);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);

test(
  `${kills} SIGKILLs in the middle of prunes lose no snapshot and leave a repository that restic accepts`,
  { skip: skipWithout(restic, 'restic 0.19'), timeout: 120_000 + kills * 60_000 },
  async (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    using scene = await makeKillScene();
    const { run, source } = scene;
    const check = (): string => run(restic?.path ?? '', 'check', '--no-lock', '--no-cache', '--read-data');

    /** Old files stay beside new ones, so that packs become partly used. */
    const grow = (): void => {
      for (let i = 0; i < 30; i++) writeFileSync(join(source, `small-${random.integer(90)}`), random.bytes(9_000));
      writeFileSync(join(source, `large-${random.integer(4)}`), random.bytes(1_500_000));
    };
    const options = ['--max-unused', '0', '--pack-size', '4'];
    const untidy = (): string[] => {
      grow();
      run(coffre, 'backup', source, '--pack-size', '4', '--quiet');
      run(coffre, 'forget', '--keep-last', '2', '--quiet');
      return scene.snapshotIds();
    };
    for (let n = 0; n < 3; n++) untidy();
    const started = performance.now();
    run(coffre, 'prune', ...options);
    const usualMs = performance.now() - started;

    let killed = 0;
    for (let round = 1; round <= kills; round++) {
      const snapshots = untidy();
      // Marking, deleting what was marked before, and deleting at once take turns.
      const way = random.pick([[], ['--grace', '1ms'], ['--grace', '0'], ['--instant-delete']]);
      const afterMs = usualMs * 0.2 + random.integer(Math.ceil(usualMs));
      if (await scene.runKilled(['prune', ...options, ...way, '--quiet'], afterMs)) killed++;
      check();
      assert.deepEqual(scene.snapshotIds(), snapshots, `round ${round}`);
    }
    t.diagnostic(`${killed} of ${kills} prunes were killed`);
    assert.ok(killed > 0, 'every prune was done before it could be killed');

    run(coffre, 'prune', ...options, '--instant-delete');
    check();
    const plan = JSON.parse(run(coffre, 'prune', ...options, '--dry-run', '--json')) as {
      total_prune: { blobs: number; bytes: number };
      marked_earlier: { waiting: { packs: number } };
    };
    assert.deepEqual([plan.total_prune, plan.marked_earlier.waiting.packs], [{ blobs: 0, bytes: 0 }, 0]);
  },
);
