/** Against what Go's standard library makes of the same bytes (scripts/make-go-golden.ts). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { byteStringOf, toByteString, toText, type ByteString } from './bytestring.ts';
import { jsonBytes, jsonString, jsonText } from './gojson.ts';
import { quoteName, unquoteName } from './gostring.ts';
import { formatTimestamp, parseTimestamp } from './time.ts';
import { isUtf8 } from './utf8.ts';

type Golden = {
  texts: { bytes: string; quote: string; json: string }[];
  times: { sec: number; nsec: number; offsetMinutes: number; text: string }[];
};
const golden = JSON.parse(readFileSync(new URL('golden/go-text.json', import.meta.url), 'utf8')) as Golden;

function bytesFrom(base64: string): ByteString {
  return byteStringOf(Buffer.from(base64, 'base64'));
}

const byteStrings = fc.uint8Array({ maxLength: 24 }).map(byteStringOf);

test('names are quoted as Go quotes them', () => {
  for (const { bytes, quote } of golden.texts) assert.equal(quoteName(bytesFrom(bytes)), bytesFrom(quote));
});

test('quoted names of Go are read back to the same bytes', () => {
  for (const { bytes, quote } of golden.texts) assert.equal(unquoteName(bytesFrom(quote)), bytesFrom(bytes));
});

test('any bytes survive quoting', () => {
  fc.assert(fc.property(byteStrings, (name) => assert.equal(unquoteName(quoteName(name)), name)));
  const text = fc.string({ unit: 'binary' }).map(toByteString);
  fc.assert(fc.property(text, (name) => assert.equal(unquoteName(quoteName(name)), name)));
});

test('escapes that Go reads but does not write are read too', () => {
  assert.equal(unquoteName('\\101\\x41\\u0041\\U00000041'), 'AAAA');
  assert.equal(unquoteName('\\377'), '\xff');
});

test('text that is no quotation is refused', () => {
  for (const bad of ['"', 'a\nb', '\\', '\\q', "\\'", '\\x4', '\\u12', '\\ud800', '\\U00110000', '\\400', '\\08']) {
    assert.throws(() => unquoteName(bad), { code: 'REPO_TREE_DAMAGED' }, bad);
  }
});

test('JSON strings of bytes are those of Go', () => {
  for (const { bytes, json } of golden.texts) assert.equal(jsonBytes(bytesFrom(bytes)), bytesFrom(json));
});

test('JSON strings of text are those of Go, and any JSON reader gets the text back', () => {
  for (const { bytes, json } of golden.texts) {
    if (!isUtf8(bytesFrom(bytes))) continue;
    assert.equal(toByteString(jsonString(toText(bytesFrom(bytes)))), bytesFrom(json));
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(JSON.parse(jsonString(text)), text)));
  assert.equal(jsonString('\ud800x\udc00'), '"\\ufffdx\\ufffd"');
});

test('any JSON value is written without spaces, members in order, undefined left out', () => {
  assert.equal(
    jsonText({ b: [1, null, '<'], a: undefined, c: { d: true } }),
    '{"b":[1,null,"\\u003c"],"c":{"d":true}}',
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) =>
      assert.deepEqual(JSON.parse(jsonText(value)), JSON.parse(JSON.stringify(value))),
    ),
  );
});

test('UTF-8 is judged as the platform judges it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
      const isValid = Buffer.from(Buffer.from(bytes).toString('utf8'), 'utf8').equals(bytes);
      assert.equal(isUtf8(byteStringOf(bytes)), isValid);
    }),
    { numRuns: 2000 },
  );
});

test('times are written and read as Go does', () => {
  for (const { sec, nsec, offsetMinutes, text } of golden.times) {
    const time = offsetMinutes === 0 ? { sec, nsec } : { sec, nsec, offsetMinutes };
    assert.equal(formatTimestamp(time), text);
    assert.deepEqual(parseTimestamp(text), time);
  }
});
