import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { createFiles } from '../host/files.ts';
import { compilePatterns } from '../select/patterns.ts';
import { cacheMarker, createSelection } from './selection.ts';
import { SourcePrefetch } from './prefetch.ts';
import { everything } from './selection.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-selection-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const files = createFiles();
const at = (...names: string[]): ByteString => toByteString(join(scratch, ...names));

test('a marked folder is left out but for the marker itself, and a marker without its header marks nothing', () => {
  for (const name of ['cache', 'fake', 'plain']) mkdirSync(join(scratch, name));
  writeFileSync(join(scratch, 'cache', 'CACHEDIR.TAG'), `${cacheMarker.header}\nmore`);
  writeFileSync(join(scratch, 'fake', 'CACHEDIR.TAG'), 'something else');
  writeFileSync(join(scratch, 'plain', '.nobackup'), '');
  const selection = createSelection(files, { markers: [cacheMarker, { fileName: '.nobackup' }] });
  assert.equal(selection.byName(at('cache', 'data')), false);
  assert.equal(selection.byName(at('cache', 'CACHEDIR.TAG')), true);
  assert.equal(selection.byName(at('fake', 'data')), true);
  assert.equal(selection.byName(at('plain', 'data')), false);
});

test('patterns and a size limit leave out what they say', () => {
  writeFileSync(join(scratch, 'small'), 'x');
  writeFileSync(join(scratch, 'big'), Buffer.alloc(2000));
  const selection = createSelection(files, { exclude: compilePatterns(['*.tmp']), largerThanBytes: 1000 });
  assert.equal(selection.byName(at('a.tmp')), false);
  assert.equal(selection.byStat(at('small'), files.lstat(at('small'))), true);
  assert.equal(selection.byStat(at('big'), files.lstat(at('big'))), false);
});

test('on one file system, a mount point is kept as an empty folder', () => {
  const selection = createSelection(files, { oneFileSystemOf: [toByteString('/')] });
  const proc = toByteString('/proc');
  assert.equal(selection.byStat(proc, files.lstat(proc)), true);
  assert.equal(selection.byStat(toByteString('/proc/version'), files.lstat(toByteString('/proc/version'))), false);
  assert.equal(selection.byStat(toByteString('/etc'), files.lstat(toByteString('/etc'))), true);
});

test('what was seen while the repository opened is answered once from memory, then from the disk', async () => {
  mkdirSync(join(scratch, 'tree/sub'), { recursive: true });
  writeFileSync(join(scratch, 'tree/sub/file'), 'four');
  const asked: string[] = [];
  const watched = { ...files, lstat: (path: ByteString) => (asked.push(path), files.lstat(path)) };
  const prefetch = new SourcePrefetch({
    files: watched,
    paths: [at('tree')],
    workingFolder: '/' as ByteString,
    selection: everything,
    monotonicMs: () => 0,
  });
  prefetch.start();
  await prefetch.stop();
  assert.deepEqual(prefetch.totals, { files: 1, bytes: 4, complete: true });
  const before = asked.length;
  assert.deepEqual(prefetch.files.listNames(at('tree')), ['sub']);
  assert.equal(prefetch.files.lstat(at('tree', 'sub', 'file')).sizeBytes, 4);
  assert.equal(asked.length, before);
  prefetch.files.lstat(at('tree', 'sub', 'file'));
  assert.equal(asked.length, before + 1);
});
