import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableLines } from './table.ts';

test('columns are as wide as their widest line, and no line ends in spaces', () => {
  const lines = tableLines({
    columns: ['ID', 'Tags  ', 'Size'],
    rows: [
      ['a', 'x\nlonger', '1 B'],
      ['日本', '', '20 B'],
    ],
    footer: ['2 rows'],
  });
  assert.deepEqual(lines, [
    'ID    Tags    Size',
    '------------------',
    'a     x       1 B',
    '      longer',
    '日本          20 B',
    '------------------',
    '2 rows',
  ]);
});

test('rows of several lines are set apart', () => {
  const lines = tableLines({ columns: ['A'], rows: [['1\n2'], ['3']], spaced: true });
  assert.deepEqual(lines, ['A', '-', '1', '2', '', '3', '-']);
});
