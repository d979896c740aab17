/** `freeze: btrfs` on a real Btrfs in a file: what is saved is one moment, and nothing of the snapshot stays. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  backup,
  compilePatterns,
  createSelection,
  findFolder,
  toByteString,
  toText,
  walkTree,
  type BlobId,
} from '@coffre/repository';
import { createSampleRepository } from '../../packages/repository/src/testing/sample-repository.ts';
import { files, type FilesSettings } from '../../packages/coffre/src/source/files/files.ts';
import { contextIn } from '../../packages/coffre/src/source/testing/saved.ts';
import { skipWithoutService } from './programs.ts';

function run(program: string, ...argv: string[]): string | undefined {
  const done = spawnSync(program, argv, { encoding: 'utf8', env: { PATH: `${process.env['PATH']}:/usr/sbin` } });
  return done.status === 0 ? done.stdout : undefined;
}

/** Undefined where this machine lets nobody mount a file. */
function mountBtrfs(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-btrfs-'));
  const place = join(folder, 'mnt');
  mkdirSync(place);
  t.after(() => {
    run('umount', place);
    rmSync(folder, { recursive: true, force: true });
  });
  const image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, 160 * 1024 * 1024);
  if (run('mkfs.btrfs', '-q', image) === undefined) return undefined;
  return run('mount', '-o', 'loop', image, place) === undefined ? undefined : place;
}

test(
  'a subvolume, those inside it and links into it are saved as they were when it was frozen',
  { skip: skipWithoutService('mkfs.btrfs') },
  async (t) => {
    const place = mountBtrfs(t);
    if (place === undefined) return t.skip('this machine mounts no files');
    const live = join(place, `it's live $(x)`);
    run('btrfs', 'subvolume', 'create', live);
    run('btrfs', 'subvolume', 'create', join(live, 'inner'));
    const names = Array.from({ length: 40 }, (_, at) => `file ${at}`);
    for (const name of names) writeFileSync(join(live, name), Buffer.alloc(300_000, name));
    writeFileSync(join(live, 'inner', 'deep'), 'before');
    mkdirSync(join(live, 'scratch'));
    const link = join(place, 'link');
    symlinkSync(live, link);
    const dead = join(live, '.coffre-freeze', 'coffre-999999999-00000000');
    mkdirSync(join(live, '.coffre-freeze'));
    run('btrfs', 'subvolume', 'snapshot', '-r', live, dead);
    const settings: FilesSettings = {
      name: 'files',
      paths: [toByteString(live), toByteString(`${link}/inner`)],
      selection: createSelection(contextIn(place).files, { exclude: compilePatterns(['scratch/*']) }),
      guards: undefined,
      freeze: 'btrfs',
    };
    const context = contextIn(place);
    const { repository } = await createSampleRepository();
    const save = async (whileFrozen: () => void) => {
      await using dump = await files.dump(settings, context);
      whileFrozen();
      const options = { ...dump.walk, workingFolder: toByteString('/'), parent: 'find' as const };
      const result = await backup(await repository.loadIndex(), options);
      return { result, truth: await dump.truth([]) };
    };
    const first = await save(() => {
      for (const name of names) writeFileSync(join(live, name), 'changed while it was read');
      writeFileSync(join(live, 'inner', 'deep'), 'changed');
      writeFileSync(join(live, 'new'), 'new');
    });
    assert.equal(first.truth.files, 42);
    assert.equal(first.truth.bytes, 40 * 300_000 + 2 * 'before'.length);
    assert.equal(first.result.counters.errors, 0);
    const paths: string[] = [];
    const indexed = await repository.loadIndex();
    await walkTree(indexed, first.result.snapshot.tree, {
      entry: (path) => {
        paths.push(toText(path));
      },
    });
    assert.ok(paths.includes(`${live}/inner/deep`));
    assert.ok(paths.includes(`${link}/inner/deep`));
    assert.equal(
      paths.some((path) => path.includes('coffre-freeze') || path.endsWith('/new')),
      false,
    );
    assert.deepEqual(readdirSync(join(live, '.coffre-freeze')), []);
    const second = await save(() => undefined);
    assert.equal(second.truth.files, 43);
    const third = await save(() => undefined);
    const liveTree = async (root: BlobId): Promise<unknown> =>
      await findFolder(await repository.loadIndex(), root, toByteString(live));
    assert.deepEqual(
      await liveTree(third.result.snapshot.tree),
      await liveTree(second.result.snapshot.tree),
      'freezing changes nothing that is saved',
    );
    await assert.rejects(
      save(() => {
        throw new Error('stopped in the middle');
      }),
    );
    assert.deepEqual(readdirSync(join(live, '.coffre-freeze')), []);
  },
);
