import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFiles, toByteString } from '@coffre/repository';
import { collectSources, expandPattern, rawNames } from './source-lists.ts';

function folderWith(...names: string[]): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'coffre-lists-'));
  for (const name of names) {
    mkdirSync(join(path, name, '..'), { recursive: true });
    writeFileSync(join(path, name), '');
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('patterns match whole names, in order, and only what is there', () => {
  using folder = folderWith('b.txt', 'a.txt', '.hidden.txt', 'sub/c.txt', 'other/c.txt', '[odd]');
  const found = (pattern: string): string[] =>
    expandPattern(toByteString(join(folder.path, pattern)), createFiles()).map((path) =>
      path.slice(folder.path.length + 1),
    );
  assert.deepEqual(found('*.txt'), ['.hidden.txt', 'a.txt', 'b.txt']);
  assert.deepEqual(found('[so]*/c.txt'), ['other/c.txt', 'sub/c.txt']);
  assert.deepEqual(found('\\[odd]'), ['[odd]']);
  assert.deepEqual(found('a.txt'), ['a.txt']);
  assert.deepEqual(found('not-there'), []);
  assert.throws(() => found('[open'), { code: 'USAGE' });
});

test('lists are read in their order: patterns, lines as they are, raw names, arguments', () => {
  using folder = folderWith('x1', 'x2');
  const [patterns, lines, raw] = ['patterns', 'lines', 'raw'].map((name) =>
    join(folder.path, `../${name}-${process.pid}`),
  ) as [string, string, string];
  writeFileSync(patterns, `\ufeff# a comment\n\n  ${folder.path}/x*  \r\n${folder.path}/nothing*\n`);
  writeFileSync(lines, `${folder.path}/x*\n# no comment\n`);
  writeFileSync(raw, Buffer.from('caf\xe9\0new\nline\0', 'latin1'));
  const warnings: string[] = [];
  try {
    const lists = { filesFrom: [patterns], filesFromVerbatim: [lines], filesFromRaw: [raw] };
    assert.deepEqual(
      collectSources(lists, ['last'], createFiles(), (line) => warnings.push(line)),
      [`${folder.path}/x1`, `${folder.path}/x2`, `${folder.path}/x*`, '# no comment', 'caf\xe9', 'new\nline', 'last'],
    );
    assert.equal(warnings.length, 1);
  } finally {
    for (const path of [patterns, lines, raw]) rmSync(path);
  }
});

test('a raw list needs its last zero byte and no empty name', () => {
  assert.throws(() => rawNames(Buffer.from('a\0b')), { code: 'USAGE' });
  assert.throws(() => rawNames(Buffer.from('a\0\0')), { code: 'USAGE' });
  assert.deepEqual(rawNames(Buffer.alloc(0)), []);
});
