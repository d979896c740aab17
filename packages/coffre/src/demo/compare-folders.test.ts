import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createFiles, toByteString, toText } from '@coffre/repository';
import { addTodaysPhoto, liveDatabaseNames, makeApplication } from './application.ts';
import { compareFolders, emptyComparison, type FolderComparison } from './compare-folders.ts';

type Pair = { original: string; copy: string };

/** The trial application and a copy made by `cp -a`. */
function applicationAndCopy(t: TestContext): Pair {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-compare-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const pair = { original: join(folder, 'app'), copy: join(folder, 'copy') };
  makeApplication(pair.original);
  execFileSync('cp', ['-a', pair.original, pair.copy]);
  return pair;
}

const inTheFuture = { sec: 4_000_000_000, nsec: 0 };

async function compare({ original, copy }: Pair, since = inTheFuture): Promise<FolderComparison> {
  const result = emptyComparison();
  const skipped = new Set(liveDatabaseNames.map((name) => toByteString(join(original, name))));
  await compareFolders(
    toByteString(original),
    toByteString(copy),
    { files: createFiles(), since, owners: true, skip: (path) => skipped.has(path) },
    result,
  );
  return result;
}

function found({ differences }: FolderComparison, folder: string): string[] {
  return differences.map(({ path, what }) => `${toText(path).slice(folder.length + 1)}: ${what}`).toSorted();
}

test('a true copy has no differences, and everything in it was looked at', async (t) => {
  const pair = applicationAndCopy(t);
  const result = await compare(pair);
  assert.deepEqual(found(result, pair.original), []);
  assert.ok(result.files > 490 && result.folders > 30 && result.others === 2, JSON.stringify(result));
  assert.ok(result.sizeBytes > 20 * 1024 * 1024);
});

test('every kind of damage is found and named', async (t) => {
  const pair = applicationAndCopy(t);
  const at = (name: string): string => join(pair.copy, 'uploads', name);
  const photo = readFileSync(at('photos/photo-2.jpg'));
  photo[photo.length - 1]! ^= 1;
  chmodSync(at('odd/read-only.txt'), 0o644);
  unlinkSync(at('newest.jpg'));
  symlinkSync('photos/photo-1.jpg', at('newest.jpg'));
  unlinkSync(at('odd/photo-1, second name.jpg'));
  execFileSync('cp', ['-p', at('photos/photo-1.jpg'), at('odd/photo-1, second name.jpg')]);
  utimesSync(at('films/opening.mp4'), 1, 1);
  unlinkSync(at('avatars/1/1.png'));
  writeFileSync(at('avatars/stray'), '');
  writeFileSync(at('photos/photo-2.jpg'), photo);
  const result = await compare(pair);
  const names = found(result, join(pair.original, 'uploads'));
  for (const expected of [
    /^avatars\/1\/1\.png: was not restored$/,
    /^avatars\/stray: was restored and is not in the original$/,
    /^films\/opening\.mp4: another time$/,
    /^newest\.jpg: another time, points elsewhere$/,
    /^odd\/read-only\.txt: mode 0644 instead of 0444$/,
    /^photos\/photo-2\.jpg: .*other bytes$/,
    /: no longer one file under several names$/,
  ]) {
    assert.ok(
      names.some((name) => expected.test(name)),
      `${expected} in\n${names.join('\n')}`,
    );
  }
});

test('what changed after the backup began is counted apart and is no difference', async (t) => {
  const pair = applicationAndCopy(t);
  const before = { sec: Math.trunc(Date.now() / 1000) - 60, nsec: 0 };
  writeFileSync(join(pair.original, 'config/shop.toml'), 'changed\n');
  const result = await compare(pair, before);
  assert.equal(result.differenceCount, 0);
  assert.ok(result.changedSince >= 1);
});

test('an application that exists is left as it is, and each day adds one photo', (t) => {
  const { original } = applicationAndCopy(t);
  writeFileSync(join(original, '.env'), 'mine\n');
  assert.deepEqual(makeApplication(original), { made: false });
  assert.equal(readFileSync(join(original, '.env'), 'utf8'), 'mine\n');
  const first = addTodaysPhoto(original);
  const second = addTodaysPhoto(original);
  assert.notEqual(first, second);
  assert.ok(existsSync(join(original, first)) && existsSync(join(original, second)));
});

test('a link count alone is no difference: the second name may lie outside', async (t) => {
  const pair = applicationAndCopy(t);
  linkSync(join(pair.original, 'uploads/photos/photo-3.jpg'), join(pair.original, '../elsewhere.jpg'));
  assert.equal((await compare(pair)).differenceCount, 0);
});
