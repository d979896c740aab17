import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { goMode, modeText, unixMode } from './mode.ts';
import type { NodeType } from './tree.ts';

const types: [number, NodeType, string][] = [
  [0o100000, 'file', '-'],
  [0o040000, 'dir', 'd'],
  [0o120000, 'symlink', 'L'],
  [0o060000, 'dev', 'D'],
  [0o020000, 'chardev', 'Dc'],
  [0o010000, 'fifo', 'p'],
  [0o140000, 'socket', 'S'],
];

test('the mode of /tmp is the number that restic stores', () => {
  assert.equal(goMode(0o041777), 2_148_532_735);
});

test('every mode of the kernel survives the way to Go and back', () => {
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.integer({ min: 0, max: 0o7777 }), ([typeBits, type], bits) => {
      assert.equal(unixMode(goMode(typeBits | bits), type), typeBits | bits);
    }),
  );
});

test('modes are printed as Go prints them', () => {
  for (const [typeBits, , letters] of types) assert.equal(modeText(goMode(typeBits | 0o754)), `${letters}rwxr-xr--`);
  assert.equal(modeText(goMode(0o041777)), 'dtrwxrwxrwx');
  assert.equal(modeText(goMode(0o104755)), 'urwxr-xr-x');
  assert.equal(modeText(goMode(0o102755)), 'grwxr-xr-x');
  assert.equal(modeText(0), '----------');
});
