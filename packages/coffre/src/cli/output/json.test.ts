import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonText, withoutEmpty } from './json.ts';

test('JSON is written as Go writes it, and large numbers stay exact', () => {
  assert.equal(
    jsonText({ path: 'a<b>&c\u2028', size: 2n ** 64n - 1n }),
    '{"path":"a\\u003cb\\u003e\\u0026c\\u2028","size":18446744073709551615}',
  );
});

test('what Go calls empty is left out', () => {
  assert.deepEqual(withoutEmpty({ a: 0, b: '', c: [], d: false, e: undefined, f: null, g: 0n, h: 1, i: 'x' }), {
    h: 1,
    i: 'x',
  });
});
