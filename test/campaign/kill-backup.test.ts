/**
 * Kills a real backup on a real disk at random moments, again and again, in one repository. Bounded here; for as long as
 * you like with COFFRE_KILLS=10000. The seed is printed and can be given back with COFFRE_SEED.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { findRestic, skipWithout } from '../peers.ts';
import { coffre, makeKillScene } from './kill-scene.ts';

const restic = findRestic('newest');
const kills = Number(process.env['COFFRE_KILLS'] ?? 25);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);

test(
  `${kills} SIGKILLs in the middle of backups lose no snapshot and leave a repository that restic accepts`,
  { skip: skipWithout(restic, 'restic 0.19'), timeout: 60_000 + kills * 20_000 },
  async (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    using scene = await makeKillScene();
    const { run, source, scratch } = scene;
    const grow = (round: number): void => {
      for (let i = 0; i < 40; i++) writeFileSync(join(source, `small-${round}-${i}`), random.bytes(3_000));
      writeFileSync(join(source, 'large.bin'), random.bytes(4_000_000));
    };
    grow(0);
    const started = performance.now();
    run(coffre, 'backup', source, '--pack-size', '4');
    const usualMs = performance.now() - started;
    const complete = new Set(scene.snapshotIds());

    let killed = 0;
    for (let round = 1; round <= kills; round++) {
      grow(round);
      const afterMs = usualMs * 0.1 + random.integer(Math.ceil(usualMs * 0.8));
      if (await scene.runKilled(['backup', source, '--pack-size', '4', '--quiet'], afterMs)) killed++;
      const listed = scene.snapshotIds();
      for (const id of complete) assert.ok(listed.includes(id), `snapshot ${id} is gone after round ${round}`);
      for (const id of listed) complete.add(id);
      run(restic?.path ?? '', 'check', '--no-lock', '--no-cache');
    }
    t.diagnostic(`${killed} of ${kills} backups were killed, ${complete.size} snapshots were published`);
    assert.ok(killed > 0, 'every backup was done before it could be killed');

    run(coffre, 'backup', source);
    run(restic?.path ?? '', 'check', '--no-lock', '--no-cache', '--read-data');
    const target = join(scratch, 'target');
    run(restic?.path ?? '', 'restore', 'latest', '--no-lock', '--no-cache', '--target', target);
    assert.deepEqual(readFileSync(join(target, source, 'large.bin')), readFileSync(join(source, 'large.bin')));
  },
);
