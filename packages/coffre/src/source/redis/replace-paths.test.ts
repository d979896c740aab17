import assert from 'node:assert/strict';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { replacePaths } from './replace-paths.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-replace-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const contents = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.name}: ${readFileSync(join(entry.parentPath, entry.name), 'utf8')}`)
    .toSorted();

test('whichever call fails, everything is as it was; else all is new and the old is aside', () => {
  for (let failAt = 1; ; failAt += 1) {
    const folder = join(scratch, String(failAt));
    const built = join(folder, 'built');
    for (const [place, text] of [
      [folder, 'old'],
      [built, 'new'],
    ] as const) {
      mkdirSync(join(place, 'appendonlydir'), { recursive: true });
      writeFileSync(join(place, 'appendonlydir', text === 'old' ? 'a.1.base' : 'a.2.base'), text);
      writeFileSync(join(place, 'appendonlydir', 'a.manifest'), text);
      writeFileSync(join(place, 'dump.rdb'), text);
    }
    writeFileSync(join(built, 'extra'), 'new');
    const names = ['appendonlydir', 'dump.rdb', 'extra'];
    const moves = names.map((name) => ({ from: join(built, name), to: join(folder, name) }));
    let calls = 0;
    const failing =
      (call: (from: string, to: string) => void) =>
      (from: string, to: string): void => {
        calls += 1;
        if (calls === failAt) throw new Error('the disk is gone');
        call(from, to);
      };
    const work = (): void => replacePaths(moves, folder, { rename: failing(renameSync), link: failing(linkSync) });
    if (failAt <= 7) {
      assert.throws(work, /the disk is gone/);
      rmSync(built, { recursive: true });
      assert.deepEqual(contents(folder), ['a.1.base: old', 'a.manifest: old', 'dump.rdb: old'], `call ${failAt}`);
      continue;
    }
    work();
    assert.equal(calls, 7);
    rmSync(built, { recursive: true });
    const aside = `dump.rdb.before-load-${process.pid}: old`;
    assert.deepEqual(contents(folder), [
      'a.1.base: old',
      'a.2.base: new',
      'a.manifest: new',
      'a.manifest: old',
      aside,
      'dump.rdb: new',
      'extra: new',
    ]);
    return;
  }
});
