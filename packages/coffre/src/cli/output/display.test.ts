import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as hold, property, string } from 'fast-check';
import type { ByteString } from '@coffre/repository';
import { displayWidth, quoteName, showName, truncate, withoutControls } from './display.ts';

test('an ordinary name is shown as it is', () => {
  for (const name of ['/srv/www', 'a "quoted" name', 'Ünïcödé', '日本語', '']) assert.equal(quoteName(name), name);
});

test('a name that could steer a terminal is quoted with escapes', () => {
  assert.equal(quoteName('a\x1b[2Jb'), '"a\\x1b[2Jb"');
  assert.equal(quoteName('we"ird\nname'), '"we\\"ird\\nname"');
  assert.equal(quoteName('back\\slash\u202e'), '"back\\\\slash\\u202e"');
  assert.equal(quoteName('lost \ufffd byte'), '"lost \\ufffd byte"');
  assert.equal(quoteName('\x7f\x00'), '"\\x7f\\x00"');
});

test('whatever a file is called, what is shown holds no control character', () => {
  hold(
    property(string({ unit: 'binary' }), (name) => {
      assert.doesNotMatch(quoteName(name), /\p{Cc}/u);
      assert.doesNotMatch(withoutControls(name).replace(/[\n\t]/g, ''), /\p{Cc}/u);
    }),
  );
});

test('a byte that is no text is shown as the byte it is', () => {
  assert.equal(showName('caf\xe9/\xc3\xa9' as ByteString), '"caf\\xe9/é"');
  assert.equal(showName('plain' as ByteString), 'plain');
});

test('wide characters take two cells', () => {
  assert.equal(displayWidth('abc'), 3);
  assert.equal(displayWidth('日本'), 4);
  assert.equal(displayWidth('é'), 1);
  assert.equal(displayWidth('🙂'), 2);
  assert.equal(truncate('日本語', 5), '日本');
  assert.equal(truncate('abc', 5), 'abc');
});
