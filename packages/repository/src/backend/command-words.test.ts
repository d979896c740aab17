import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandWords } from './command-words.ts';

const cut = (line: string): string[] => commandWords(line, 'the command');

test('quotes group, and blanks of any number part', () => {
  assert.deepEqual(cut('pass  show\t"backup key" '), ['pass', 'show', 'backup key']);
  assert.deepEqual(cut("echo 'a b'c d"), ['echo', 'a bc', 'd']);
  assert.deepEqual(cut('say "" \'\''), ['say', '', '']);
  assert.deepEqual(cut(' '), []);
});

test('a backslash saves what follows, in double quotes a quote only, in single quotes nothing', () => {
  assert.deepEqual(cut('a\\ b \\" c\\\\d'), ['a b', '"', 'c\\d']);
  assert.deepEqual(cut('printf "secret\\n" "\\"hi\\""'), ['printf', 'secret\\n', '"hi"']);
  assert.deepEqual(cut("'C:\\' x"), ['C:\\', 'x']);
});

test('nothing is expanded', () => {
  assert.deepEqual(cut('$HOME ~ * `ls` ; | &&'), ['$HOME', '~', '*', '`ls`', ';', '|', '&&']);
});

test('what does not end is refused by its name', () => {
  for (const line of ['"open', "it's", 'a\\', '"a\\"']) {
    assert.throws(() => cut(line), { code: 'USAGE', message: /^the command / }, line);
  }
});
