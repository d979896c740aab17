import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeFolders } from './make-folders.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-folders-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

test('a folder is made with all that is missing above it, and asking twice is no error', () => {
  const path = join(scratch, 'a/b/c');
  makeFolders(path);
  makeFolders(path);
  assert.equal(statSync(path).mode & 0o777, 0o700);
});

test('a file in the way and a place where nothing can be made are errors that come back', () => {
  writeFileSync(join(scratch, 'file'), '');
  assert.throws(() => makeFolders(join(scratch, 'file')), { code: 'EEXIST' });
  assert.throws(() => makeFolders(join(scratch, 'file/below')), { code: 'ENOTDIR' });
  assert.throws(() => makeFolders('/proc/nowhere/at/all'), { code: 'ENOENT' });
});
