/** What Coffre writes, the real restic checks byte by byte and restores exactly. */
import assert from 'node:assert/strict';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { readFacts, type FolderFacts } from './folder-facts.ts';
import { writeHostileFolder, writeRichFolder } from './rich-folder.ts';
import { createStage, isRoot, newestIn, skipWithoutBoth, type Stage } from './stage.ts';

describe('what Coffre writes is a repository for restic', { skip: skipWithoutBoth }, () => {
  let stage: Stage;
  let rich: FolderFacts;
  let hostile: FolderFacts;

  before(() => {
    stage = createStage();
    writeRichFolder(join(stage.folder, 'rich'));
    writeHostileFolder(join(stage.folder, 'hostile'));
    rich = readFacts(join(stage.folder, 'rich'));
    hostile = readFacts(join(stage.folder, 'hostile'));
  });
  after(() => stage[Symbol.dispose]());

  let targets = 0;
  function restoredBy(program: 'old' | 'new', repository: string, source: string): FolderFacts {
    const target = join(stage.folder, `target${(targets += 1)}`);
    stage.ok(program, repository, ['restore', newestIn(stage, repository).id, '--target', target]);
    return readFacts(join(target, source));
  }

  test('the folder holds what the tests speak of', () => {
    const has = (pattern: RegExp): boolean => Object.values(rich).some((facts) => pattern.test(JSON.stringify(facts)));
    const wanted = [/"mode":"1047/, /"mode":"102/, /"mode":"41777/, /"mode":"1[0]/, /"target"/, /789"/];
    const forRoot = [/"owner":"3000000000:4000000000"/, /"mode":"20/, /"mode":"60/];
    for (const pattern of isRoot ? [...wanted, ...forRoot] : wanted) assert.ok(has(pattern), String(pattern));
    assert.equal(rich['z-random-third.bin']?.['sameAs'], rich['many/random-again.bin']?.['sameAs']);
    const sparse = lstatSync(join(stage.folder, 'rich/sparse.img'));
    assert.ok(sparse.blocks * 512 < sparse.size);
  });

  const layouts: readonly (readonly [name: string, version: 1 | 2, argv: readonly string[]])[] = [
    ['version 1', 1, []],
    ['version 2, compression off', 2, ['--compression', 'off']],
    ['version 2, compression auto', 2, ['--compression', 'auto']],
    ['version 2, compression max, small packs', 2, ['--compression', 'max', '--pack-size', '4']],
  ];
  for (const [name, version, argv] of layouts) {
    test(`${name}: both restics find it sound and bring everything back`, async () => {
      const repository = await stage.repository(name, version);
      stage.ok('coffre', repository, ['backup', 'rich', ...argv]);
      for (const program of ['old', 'new'] as const) {
        stage.ok(program, repository, ['check', '--read-data']);
        assert.deepEqual(restoredBy(program, repository, 'rich'), rich, program);
      }
      stage.ok('coffre', repository, ['backup', 'hostile', ...argv]);
      stage.ok('new', repository, ['check', '--read-data']);
      assert.deepEqual(restoredBy('new', repository, 'hostile'), hostile);
    });
  }

  test('a repository that Coffre made itself, of either version', () => {
    for (const version of ['1', '2']) {
      const repository = join(stage.folder, `made ${version}`);
      stage.ok('coffre', repository, ['init', '--repository-version', version]);
      stage.ok('coffre', repository, ['backup', 'rich/many']);
      for (const program of ['old', 'new'] as const) stage.ok(program, repository, ['check', '--read-data']);
      assert.deepEqual(restoredBy('old', repository, 'rich/many'), readFacts(join(stage.folder, 'rich/many')));
    }
  });

  test('holes are holes again when restic is asked for them', async () => {
    const repository = await stage.repository('sparse');
    stage.ok('coffre', repository, ['backup', 'rich/sparse.img']);
    const target = join(stage.folder, 'sparse-target');
    stage.ok('new', repository, ['restore', 'latest', '--sparse', '--target', target]);
    const restored = lstatSync(join(target, 'rich/sparse.img'));
    assert.ok(restored.blocks * 512 < restored.size);
    assert.deepEqual(readFacts(join(target, 'rich'))['sparse.img'], rich['sparse.img']);
  });

  for (const version of [1, 2] as const) {
    test(`version ${version}: what came through a pipe comes out of restic unchanged`, async () => {
      const repository = await stage.repository(`stream ${version}`, version);
      const stream = Buffer.concat([createSeededRandom(5).bytes(2_500_000), Buffer.alloc(1_500_000)]).toString(
        'base64',
      );
      stage.ok('coffre', repository, ['backup', '--stdin', '--stdin-filename', 'folder/dump.sql'], { input: stream });
      for (const program of ['old', 'new'] as const) {
        assert.ok(stage.ok(program, repository, ['dump', 'latest', '/folder/dump.sql']) === stream, program);
      }
      stage.ok('coffre', repository, ['backup', '--stdin-from-command', '--', 'seq', '300000']);
      const wanted = Array.from({ length: 300_000 }, (_, i) => `${i + 1}\n`).join('');
      for (const program of ['old', 'new'] as const) {
        assert.ok(stage.ok(program, repository, ['dump', 'latest', '/stdin']) === wanted, program);
        stage.ok(program, repository, ['check', '--read-data']);
      }
    });
  }
});
