import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { createFiles, type Files } from '../host/files.ts';
import { findFolder } from '../browse/walk.ts';
import { createSampleRepository } from '../testing/sample-repository.ts';
import { backup } from './backup.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-kept-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

function makeSource(name: string): string {
  const folder = join(scratch, name);
  mkdirSync(join(folder, 'deep'), { recursive: true });
  writeFileSync(join(folder, 'first'), 'first');
  writeFileSync(join(folder, 'näme "quoted"'), 'second');
  writeFileSync(join(folder, 'deep/third'), 'third');
  return folder;
}

/** Counts how often the extended attributes of files are asked for. */
function watched(): { files: Files; asked: string[] } {
  const real = createFiles();
  const asked: string[] = [];
  const listXattrs: Files['listXattrs'] = (path) => {
    asked.push(path);
    return real.listXattrs(path);
  };
  return { files: { ...real, listXattrs }, asked };
}

async function setUp(name: string) {
  const { repository } = await createSampleRepository();
  const folder = makeSource(name);
  const { files, asked } = watched();
  const run = async (programVersion?: string) => {
    asked.length = 0;
    const result = await backup(await repository.loadIndex(), {
      paths: [toByteString(folder)],
      workingFolder: '/' as ByteString,
      files,
      ...(programVersion === undefined ? {} : { programVersion }),
    });
    const filesAsked = asked.filter((path) => /first|quoted|third/.test(path)).length;
    // Of the folder itself: what else happens in the folders above it is not ours.
    const tree = await findFolder(await repository.loadIndex(), result.snapshot.tree, toByteString(folder));
    return { ...result, filesAsked, tree };
  };
  return { folder, run };
}

test('an unchanged file is taken over whole from our own parent, and the trees stay the same', async () => {
  const { run } = await setUp('own');
  const first = await run('coffre 1');
  const second = await run('coffre 1');
  assert.equal(second.filesAsked, 0);
  assert.equal(second.tree, first.tree);
  assert.equal(second.summary.files_unmodified, 3);
  const third = await run('coffre 2');
  assert.equal(third.filesAsked, 3, 'another version may have seen less');
  assert.equal(third.tree, first.tree);
});

test('a parent of an unknown program is never taken over', async () => {
  const { run } = await setUp('unknown');
  await run();
  assert.equal((await run()).filesAsked, 3);
});

test('new rights, another link and a new neighbour are seen although no content changed', async () => {
  const { folder, run } = await setUp('changed');
  const first = await run('coffre 1');
  chmodSync(join(folder, 'first'), 0o600);
  linkSync(join(folder, 'deep/third'), join(folder, 'deep/linked'));
  const second = await run('coffre 1');
  assert.notEqual(second.tree, first.tree);
  assert.equal(second.summary.files_changed, 2);
  assert.equal(second.summary.files_new, 1);
  assert.equal(second.summary.data_blobs, 0);
});
