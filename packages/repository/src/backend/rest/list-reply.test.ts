import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createArrayScanner } from './list-reply.ts';
import { inBatches } from './sender.ts';

function scanned(text: string, chunkBytes: number, allowsNull = false): { entries: string[]; isWhole: boolean } {
  const entries: string[] = [];
  const scanner = createArrayScanner((entry) => void entries.push(entry), allowsNull);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) scanner.push(bytes.subarray(at, at + chunkBytes));
  return { entries, isWhole: scanner.isWhole() };
}

const arrays: Readonly<Record<string, readonly string[]>> = {
  '[]': [],
  ' [ ] \n': [],
  '["a","b"]': ['"a"', '"b"'],
  '[{"name":"a","size":1} , {"name":"}],[","size":2}]': ['{"name":"a","size":1}', '{"name":"}],[","size":2}'],
  '["\\"]","é\\\\",[1,[2]],{"a":{"b":[]}}]': ['"\\"]"', '"é\\\\"', '[1,[2]]', '{"a":{"b":[]}}'],
};

for (const [text, expected] of Object.entries(arrays)) {
  test(`${text.trim()} has the same entries however it arrives, and is whole only at its end`, () => {
    for (let chunkBytes = 1; chunkBytes <= text.length; chunkBytes += 1) {
      assert.deepEqual(scanned(text, chunkBytes), { entries: expected, isWhole: true });
    }
    const end = text.trimEnd().length;
    for (let cut = 0; cut < end; cut += 1) assert.equal(scanned(text.slice(0, cut), 3).isWhole, false);
  });
}

test('what is no array is refused, however it arrives', () => {
  for (const text of ['{}', '"[]"', 'null', 'nope', '[] []', '[]x', `["${'x'.repeat(5000)}"]`]) {
    for (const chunkBytes of [1, 2, 1000]) assert.throws(() => scanned(text, chunkBytes), SyntaxError, text);
  }
});

test('null is an empty list where an old server may write it', () => {
  for (const chunkBytes of [1, 2, 4])
    assert.deepEqual(scanned(' null ', chunkBytes, true), { entries: [], isWhole: true });
  assert.equal(scanned('nul', 1, true).isWhole, false);
  for (const text of ['nulls', 'nuts', 'null null']) assert.throws(() => scanned(text, 1, true), SyntaxError);
});

test('small parts travel together, large ones as they are, and no byte is lost', () => {
  const sizes = [0, 1, 40_000, 5, 0, 7, 16_384, 16_383, ...Array.from({ length: 100 }, () => 9000), 3];
  const parts = sizes.map((size, i) => Buffer.alloc(size, i));
  const batches = [...inBatches(parts)];
  assert.ok(Buffer.concat(batches).equals(Buffer.concat(parts)));
  assert.ok(batches.length < 12, String(batches.length));
  assert.ok(batches.includes(parts[2]!) && batches.includes(parts[6]!));
  assert.deepEqual([...inBatches([])], []);
});
