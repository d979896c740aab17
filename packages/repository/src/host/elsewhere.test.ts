import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { toByteString } from '../format/bytestring.ts';
import { readElsewhere } from './elsewhere.ts';
import { createFiles } from './files.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-elsewhere-'));
after(() => rmSync(folder, { recursive: true }));

test('the deepest place decides where a path is read, and paths beside it are read where they are', () => {
  for (const [place, text] of [
    ['live', 'now'],
    ['snapshot', 'then!'],
    ['inner', 'inner then'],
  ] as const) {
    mkdirSync(join(folder, place, 'sub'), { recursive: true });
    writeFileSync(join(folder, place, 'file'), text);
    writeFileSync(join(folder, place, 'sub', 'file'), text);
    symlinkSync(text, join(folder, place, 'link'));
  }
  writeFileSync(join(folder, 'live2'), 'beside');
  const at = (...names: string[]) => toByteString(join(folder, ...names));
  const live = createFiles();
  const { deviceId } = live.lstat(at('live'));
  const files = readElsewhere(live, [
    { path: at('live'), readFrom: at('snapshot'), device: { from: deviceId, to: 77 } },
    { path: at('live', 'sub'), readFrom: at('inner') },
  ]);
  assert.equal(files.lstat(at('live', 'file')).sizeBytes, 5);
  assert.equal(files.lstat(at('live', 'file')).deviceId, 77);
  assert.equal(files.lstat(at('live', 'sub', 'file')).sizeBytes, 10);
  assert.equal(files.readLink(at('live', 'link')), 'then!');
  assert.equal(files.lstat(at('live2')).sizeBytes, 6);
  assert.deepEqual(files.listNames(at('live', 'sub')).toSorted(), ['file', 'link', 'sub']);
  const fd = files.open(at('live', 'file'));
  assert.equal(files.fstat(fd).sizeBytes, 5);
  assert.equal(files.fstat(fd).deviceId, 77);
  files.close(fd);
  assert.equal(readElsewhere(live, []), live);
});
