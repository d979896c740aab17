import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRange } from './byte-range.ts';

function inWords(header: string | undefined, sizeBytes = 5): string {
  const range = parseRange(header, sizeBytes);
  return range.kind === 'part' ? `${range.start}..${range.end}` : range.kind;
}

test('a range is cut at the end of the file, and one beyond it is refused', () => {
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'whole'],
    ['bytes=0-1', '0..2'],
    ['bytes=0-99', '0..5'],
    ['bytes=3-', '3..5'],
    ['bytes=-2', '3..5'],
    ['bytes=-99', '0..5'],
    ['bytes= 0-1 ', '0..2'],
    ['bytes=4-4', '4..5'],
    ['bytes=5-', 'unsatisfiable'],
    ['bytes=9-10', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=3-1', 'unsatisfiable'],
    ['bytes=-', 'unsatisfiable'],
    ['bytes=abc', 'unsatisfiable'],
    ['bytes=1-2-3', 'unsatisfiable'],
    ['bytes=99999999999999999999-', 'unsatisfiable'],
    ['items=0-1', 'unsatisfiable'],
    ['bytes=', 'whole'],
    ['bytes=0-0,2-2', 'whole'],
  ];
  for (const [header, expected] of cases) assert.equal(inWords(header), expected, String(header));
});

test('an empty file is whole in every range that could be meant', () => {
  for (const header of ['bytes=0-', 'bytes=0-9', 'bytes=-3']) assert.equal(inWords(header, 0), 'whole');
});
