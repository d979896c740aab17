/** docs/guides/pruning.md, copy-offsite.md and slow-links.md: the commands that need no server, typed as they stand there. */
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { createScene, followPage } from './guide-pages.ts';
import type { Scene } from './guide-pages.ts';

function save(scene: Scene, count: number): void {
  for (let day = 0; day < count; day += 1) {
    scene.must('backup /home/ada/Documents');
    appendFileSync(join(scene.documents, 'letters/2026.txt'), 'one more line\n');
  }
}

/** Packs that nobody needs any more, and one that is needed in part. */
async function withUnusedData(scene: Scene): Promise<void> {
  const random = createSeededRandom(2);
  const scans = join(scene.documents, 'scans');
  mkdirSync(scans);
  await scene.makeRepository();
  for (let file = 0; file < 8; file += 1) writeFileSync(join(scans, `${file}.pdf`), random.bytes(300_000));
  save(scene, 1);
  for (let file = 0; file < 4; file += 1) rmSync(join(scans, `${file}.pdf`));
  save(scene, 2);
  const [oldest = ''] = /(?<=^)[0-9a-f]{8}(?= )/m.exec(scene.must('snapshots')) ?? [];
  scene.must(`forget ${oldest}`);
}

test('room comes back as the guide says', async () => {
  using scene = createScene();
  await withUnusedData(scene);
  await followPage('pruning.md', scene, [
    { begins: 'prune --dry-run' },
    { begins: 'prune' },
    { begins: 'prune --instant-delete --max-repack-size 0' },
  ]);
});

test('a copy goes elsewhere as the guide says', async () => {
  using scene = createScene();
  await scene.makeRepository();
  save(scene, 2);
  const elsewhere = '-r /mnt/elsewhere/backup';
  await followPage('copy-offsite.md', scene, [
    { begins: `${elsewhere} init`, before: () => mkdirSync(scene.at('/mnt/elsewhere'), { recursive: true }) },
    { begins: `${elsewhere} copy --from-repo /srv/backup --dry-run` },
    { begins: `${elsewhere} copy --from-repo /srv/backup` },
    { begins: `${elsewhere} check --read-data` },
    {
      begins: '-r /srv/backup migrate',
      before: async () => {
        await scene.makeRepository(1);
        save(scene, 1);
      },
    },
  ]);
});

test('a storage that suddenly lists little stops forget, as the guide says', async () => {
  using scene = createScene();
  await scene.makeRepository();
  save(scene, 9);
  scene.must('snapshots');
  const snapshots = join(scene.repository, 'snapshots');
  for (const name of readdirSync(snapshots).slice(0, 6)) rmSync(join(snapshots, name));
  await followPage('slow-links.md', scene, [{ begins: 'forget --keep-last 1', code: 1 }]);
});
