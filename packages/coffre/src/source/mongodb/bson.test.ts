import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { BSON } from 'mongodb';
import { booleanIn, checkDocument, fieldsOf, integerIn, textIn, timestampIn, withTexts } from './bson.ts';
import { everyType } from './testing/every-type.ts';

test('a value of every type is followed to its end, as the driver reads it', () => {
  const bytes = everyType();
  checkDocument(bytes);
  const fields = fieldsOf(bytes);
  assert.deepEqual(
    fields.map(({ name }) => name),
    Object.keys(BSON.deserialize(bytes)),
  );
  assert.equal(textIn(fields, 'text'), 'säule "x" \\ \u{1f512}');
  assert.equal(booleanIn(fields, 'yes'), true);
  assert.equal(integerIn(fields, 'int32'), -2_147_483_648n);
  assert.equal(integerIn(fields, 'int64'), -(2n ** 63n));
  assert.equal(timestampIn(fields, 'timestamp'), '4294967295:7');
  assert.equal(textIn(fields, 'yes'), undefined);
});

test('other texts leave every other byte as it was', () => {
  const bytes = everyType();
  const changed = withTexts(fieldsOf(bytes), { text: '', int32: 'not a text, stays', missing: 'x' });
  checkDocument(changed);
  assert.deepEqual(BSON.deserialize(changed), { ...BSON.deserialize(bytes), text: '' });
  assert.deepEqual(withTexts(fieldsOf(bytes), {}), bytes);
});

test('a document that is cut or bent is refused or read, never past its end', () => {
  const bytes = everyType();
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(
      () => checkDocument(bytes.subarray(0, length)),
      (error) => isCoffreError(error, 'SOURCE_INVALID'),
    );
  }
  for (let at = 0; at < bytes.length; at += 1) {
    for (const bent of [0, 1, 0x7f, 0x80, 0xff]) {
      const copy = Buffer.from(bytes);
      copy[at] = bent;
      try {
        checkDocument(copy);
        fieldsOf(copy);
      } catch (error) {
        assert.ok(isCoffreError(error, 'SOURCE_INVALID'), `byte ${at} as ${bent}: ${String(error)}`);
      }
    }
  }
});

test('a document nested without end is refused and ends nothing else', () => {
  let inner = Buffer.from([5, 0, 0, 0, 0]);
  for (let depth = 0; depth < 5000; depth += 1) {
    const length = Buffer.alloc(4);
    length.writeInt32LE(inner.length + 8);
    inner = Buffer.concat([length, Buffer.from([0x03, 0x61, 0]), inner, Buffer.of(0)]);
  }
  assert.throws(() => checkDocument(inner), /nested too deep/);
});
