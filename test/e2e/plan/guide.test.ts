/** docs/guides/plans.md, typed as it stands there, with the configuration that it shows. */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createScene, followPage } from '../guide-pages.ts';
import type { Scene } from '../guide-pages.ts';
import { quicken } from '../../quick-key.ts';

const page = readFileSync(fileURLToPath(new URL('../../../docs/guides/plans.md', import.meta.url)), 'utf8');

function makeShop(scene: Scene): void {
  for (const folder of ['/srv/keys', '/srv/shop/uploads', '/mnt/elsewhere'])
    mkdirSync(scene.at(folder), { recursive: true });
  writeFileSync(scene.at('/srv/keys/repository.key'), 'guide\n');
  writeFileSync(scene.at('/srv/shop/VERSION'), '4.2.1\n');
  writeFileSync(scene.at('/srv/shop/maintenance'), '#!/bin/sh\n');
  chmodSync(scene.at('/srv/shop/maintenance'), 0o755);
  for (let file = 0; file < 12; file += 1) {
    writeFileSync(scene.at(`/srv/shop/uploads/dish-${file}.txt`), `moules frites ${file}\n`.repeat(5000));
  }
  const database = new DatabaseSync(scene.at('/srv/shop/shop.db'));
  database.exec('create table orders (id integer primary key, dish text)');
  const insert = database.prepare('insert into orders (dish) values (?)');
  for (let order = 0; order < 500; order += 1) insert.run(`dish ${order}`);
  database.close();
  const [, yaml = ''] = /```\n([\s\S]*?)```/.exec(page) ?? [];
  writeFileSync(
    scene.at('/coffre.yaml'),
    yaml.replaceAll(/\/(?:srv|mnt)\//g, (path) => scene.at(path)),
  );
}

test('a plan runs as its guide says', async () => {
  using scene = createScene({ keepsState: true });
  makeShop(scene);
  const uploads = scene.at('/srv/shop/uploads');
  await followPage('plans.md', scene, [
    { begins: 'run shop', code: 10 },
    { begins: 'init --all' },
    {
      begins: 'run --dry-run shop',
      before: async () => {
        for (const place of ['/srv/backup', '/mnt/elsewhere/backup']) await quicken(scene.at(place), 'guide');
      },
    },
    { begins: 'run shop' },
    {
      begins: 'run shop',
      code: 23,
      before: () => {
        renameSync(uploads, `${uploads}.kept`);
        mkdirSync(uploads);
      },
    },
    {
      begins: 'run shop',
      code: 25,
      before: () => {
        rmSync(uploads, { recursive: true });
        renameSync(`${uploads}.kept`, uploads);
        renameSync(scene.at('/mnt/elsewhere'), scene.at('/mnt/unplugged'));
      },
    },
    { begins: 'care', before: () => renameSync(scene.at('/mnt/unplugged'), scene.at('/mnt/elsewhere')) },
    { begins: 'care' },
  ]);
});
