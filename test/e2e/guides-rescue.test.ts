/** docs/guides/recover.md and repair.md, done as they are written there, on repositories damaged as they say. */
import { randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findRestic } from '../peers.ts';
import { createScene, followPage } from './guide-pages.ts';
import type { Scene } from './guide-pages.ts';

const restic = findRestic('newest');

async function withTwoSnapshots(scene: Scene): Promise<void> {
  await scene.makeRepository();
  for (let day = 0; day < 2; day += 1) {
    scene.must('backup /home/ada/Documents');
    appendFileSync(join(scene.documents, 'letters/2026.txt'), 'one more line\n');
  }
  scene.keep('sound');
}

/** Four wrong bytes in the middle of the largest pack, which is within the photo. Resolves to its id. */
function damagePack({ repository }: Scene): string {
  const packs = readdirSync(join(repository, 'data'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.length > 64)
    .map((name) => ({ place: join(repository, 'data', name), id: name.slice(3) }))
    .map((pack) => ({ ...pack, bytes: readFileSync(pack.place) }))
    .toSorted((a, b) => b.bytes.byteLength - a.bytes.byteLength);
  const { place, id, bytes } = packs[0]!;
  const middle = bytes.byteLength >> 1;
  for (let at = middle; at < middle + 4; at += 1) bytes[at] = 255 - bytes[at]!;
  rmSync(place);
  writeFileSync(place, bytes);
  return id;
}

/** Keys are tried in order of their names until one opens: this one comes first. */
function addGarbage({ repository }: Scene): void {
  for (const kind of ['keys', 'index', 'snapshots', 'locks'])
    writeFileSync(join(repository, kind, `0000${randomBytes(30).toString('hex')}`), randomBytes(200));
}

function emptyFolder(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
}

/** As on a machine that never saw the repository before. */
function forgetNotes(scene: Scene): void {
  rmSync(scene.at('/cache'), { recursive: true, force: true });
}

test('the worst day goes as the guide says', async () => {
  using scene = createScene();
  const forgetRestored = (): void => rmSync(scene.at('/tmp/restored'), { recursive: true, force: true });
  const damagedBy = (damage: () => unknown) => () => {
    forgetRestored();
    scene.putBack('sound');
    damage();
  };
  const loseIndex = (): void => {
    emptyFolder(join(scene.repository, 'index'));
    forgetNotes(scene);
  };
  await withTwoSnapshots(scene);
  const restore = 'restore latest --target /tmp/restored';
  await followPage('recover.md', scene, [
    { begins: `${restore} --verify` },
    { begins: `${restore}-too`, ...(restic === undefined ? {} : { program: restic.path }) },
    { begins: restore, before: damagedBy(() => addGarbage(scene)) },
    { begins: restore, before: damagedBy(() => damagePack(scene)), code: 1 },
    { begins: 'check --read-data', code: 1 },
    { begins: restore, before: damagedBy(loseIndex), code: 1 },
    { begins: 'recover' },
    { begins: 'recover', before: damagedBy(() => scene.must('forget latest')) },
  ]);
});

test('a damaged repository is mended as the guide says', async () => {
  using scene = createScene();
  let pack = '';
  const withDamagedPack = (): void => {
    scene.putBack('sound');
    pack = damagePack(scene);
  };
  const thatPack = (command: string): string => command.replace(/[0-9a-f]{64}/, pack);
  await withTwoSnapshots(scene);
  cpSync(scene.repository, scene.at('/offsite'), { recursive: true });
  await followPage('repair.md', scene, [
    { begins: 'check --read-data', before: withDamagedPack, code: 1 },
    {
      begins: 'repair index',
      before: () => {
        scene.putBack('sound');
        emptyFolder(join(scene.repository, 'index'));
      },
    },
    { begins: 'repair packs', before: withDamagedPack, typed: thatPack },
    { begins: 'repair heal --from-repo offsite' },
    {
      begins: 'repair snapshots --forget',
      before: () => {
        withDamagedPack();
        scene.type(`repair packs ${pack}`);
      },
    },
    {
      begins: 'check --read-data-subset 2% --full-within 90d',
      before: () => {
        scene.putBack('sound');
        forgetNotes(scene);
      },
      // Which packs come first is told by their ids, and how many are enough by their sizes: it may be all of them.
      prints:
        /\[0:\d\d\] 100\.00% {2}(\d+) \/ \1 packs\nread back within 90 days: (?:.* 100\.00%\nevery pack was read back since .*|(?!.* 100\.00%\n).*%\nnot read back yet: .*, due by .*)\nno errors were found\n$/,
    },
  ]);
});
