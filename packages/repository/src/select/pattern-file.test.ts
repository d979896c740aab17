import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandVariables, parsePatternFile } from './pattern-file.ts';

const environment = { HOME: '/home/ann', EMPTY: '' };

test('a pattern file gives one pattern a line, without comments and spaces around', () => {
  const text = '# comment\n\n  *.tmp \r\n/srv/a b\n\t#also\n$HOME/x\n';
  assert.deepEqual(parsePatternFile(Buffer.from(text), environment), ['*.tmp', '/srv/a b', '/home/ann/x']);
});

test('variables are filled in, unset ones with nothing, and two dollar signs are one', () => {
  const cases: [string, string][] = [
    ['$HOME/a', '/home/ann/a'],
    ['${HOME}a', '/home/anna'],
    ['$HOMEa', ''],
    ['$$HOME', '$HOME'],
    ['a$', 'a$'],
    ['a$/b', 'a$/b'],
    ['${}x', 'x'],
    ['${x', 'x'],
    ['${$}x', '$x'],
    ['$1x', 'x'],
    ['$EMPTY|$NOPE|', '||'],
  ];
  for (const [line, expanded] of cases) assert.equal(expandVariables(line, environment), expanded, line);
});

test('a byte order mark is dropped and UTF-16 is read', () => {
  assert.deepEqual(parsePatternFile(Buffer.from('\ufeffé\n'), {}), ['é']);
  assert.deepEqual(parsePatternFile(Buffer.from('\ufeffé\n', 'utf16le'), {}), ['é']);
  assert.deepEqual(parsePatternFile(Buffer.from('\ufeffé\n', 'utf16le').swap16(), {}), ['é']);
});
